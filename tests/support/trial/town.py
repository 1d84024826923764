"""Who lives in the trial: accounts with phones, a menu, a mailbox, a queue with agents; and one with a call limit."""

from __future__ import annotations

from typing import Any, Final

from mirliton.actors.store import Store
from mirliton.actors.store.documents import stamp
from mirliton.ecallmgr.simulator import Script, answer, ring
from tenants import ALICE, BOB, CAROL, DAVE, TIM, TOM, Person, Tenant, move_in

AGENTS: Final = 8
"""In each account's queue."""
LIMIT: Final = 4
"""Calls that the account with a limit may have at once."""
QUEUE: Final = "queue-support"
QUEUE_NUMBER: Final = "5000"
LOGIN: Final = "*20"
PICKS_UP: Final[Script] = (ring(after=0.1), answer(after=0.3))


def agents_of(_: Tenant) -> tuple[Person, ...]:
    """The agents of an account's queue."""
    return tuple(Person(f"agent{number}", f"7{number:03}", PICKS_UP) for number in range(AGENTS))


TOWN: Final = tuple(
    Tenant(f"{number:x}" * 32, f"town{number}.trial", (ALICE, BOB, CAROL, DAVE), whole=True) for number in range(1, 5)
)
LIMITED: Final = Tenant("f" * 32, "limited.trial", (TIM, TOM), calls=LIMIT)
EVERYBODY: Final = (*TOWN, LIMITED)


async def furnish(store: Store) -> None:
    """Write all of it into an empty store."""
    await move_in(store, EVERYBODY)
    for tenant in TOWN:
        await store.bulk(
            tenant.db, [stamp(doc, type=kind, account_id=tenant.account_id) for kind, doc in _more(tenant)]
        )


def _more(tenant: Tenant) -> list[tuple[str, dict[str, Any]]]:
    def leads(number: str, module: str, data: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        flow = {"module": module, "data": data, "children": {}}
        return "callflow", {"_id": f"callflow-{module}", "numbers": [number], "flow": flow}

    docs = [
        ("queue", {"_id": QUEUE, "name": "support", "agent_ring_timeout": 20, "agent_wrapup_time": 0}),
        leads(QUEUE_NUMBER, "acdc_member", {"id": QUEUE}),
        leads(LOGIN, "acdc_agent", {"action": "login"}),
        ("limits", {"_id": "limits", "calls": 5000}),
    ]
    for agent in agents_of(tenant):
        user = {"_id": agent.user_id, "first_name": agent.name, "last_name": "Test", "queues": [QUEUE]}
        sip = {"username": agent.name, "password": "not-asked-for-here"}
        device = {"_id": agent.device_id, "name": agent.name, "owner_id": agent.user_id, "sip": sip}
        docs += [("user", user), ("device", device)]
    return docs
