"""The tenants of the test world, as documents: who has which phone, and which number leads where.

    1001 alice   1002 bob    answer after a moment
    1003 carol               busy
    1004 dave                rings, and nobody picks up
    2000                     rings bob and carol at once
    3000                     a menu: 1 bob, 2 the mailbox
    4000                     the mailbox: leave a message
    1009                     assigned to nothing

A second tenant may have one call at a time: 1001 tim, 1002 tom.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from mirliton.actors.store import Document, Store
from mirliton.actors.store.documents import stamp
from mirliton.actors.store.names import account_db
from mirliton.ecallmgr.simulator import BUSY, NO_ANSWER, Script, answer, ring

ACCOUNTS: Final = "accounts"


@dataclass(frozen=True)
class Person:
    """A user with one phone. `number` rings it for `timeout` seconds."""

    name: str
    number: str
    script: Script
    timeout: int = 20

    @property
    def user_id(self) -> str:
        return f"user-{self.name}"

    @property
    def device_id(self) -> str:
        return f"device-{self.name}"


@dataclass(frozen=True)
class Tenant:
    """An account. `calls` is how many it may have at once, None for any number. A `whole` one has a ring group, a menu
    and a mailbox."""

    account_id: str
    realm: str
    people: tuple[Person, ...]
    calls: int | None = None
    whole: bool = False

    @property
    def db(self) -> str:
        return account_db(self.account_id)


ANSWERS_SOON: Final[Script] = (ring(after=0.3), answer(after=1.0))

ALICE = Person("alice", "1001", ANSWERS_SOON)
BOB = Person("bob", "1002", ANSWERS_SOON)
CAROL = Person("carol", "1003", BUSY)
DAVE = Person("dave", "1004", NO_ANSWER, timeout=6)
TIM = Person("tim", "1001", ANSWERS_SOON)
TOM = Person("tom", "1002", ANSWERS_SOON)

DEMO: Final = Tenant("a" * 32, "demo.test", (ALICE, BOB, CAROL, DAVE), whole=True)
TINY: Final = Tenant("b" * 32, "tiny.test", (TIM, TOM), calls=1)
TENANTS: Final = (DEMO, TINY)

BOX: Final = "box-bob"
MENU: Final = "menu-reception"
LEAVE_A_MESSAGE: Final = {"module": "voicemail", "data": {"id": BOX, "action": "compose"}, "children": {}}


def rings(person: Person) -> dict[str, Any]:
    """The flow that rings one person, with nothing after it."""
    return {"module": "user", "data": {"id": person.user_id, "timeout": person.timeout}, "children": {}}


async def move_in(store: Store, tenants: Sequence[Tenant] = TENANTS) -> None:
    """Write these tenants into an empty store."""
    await store.create_database(ACCOUNTS)
    for tenant in tenants:
        await store.create_database(tenant.db)
        account = {"_id": tenant.account_id, "name": tenant.realm, "realm": tenant.realm, "enabled": True}
        stamped = stamp(account, type="account", account_id=tenant.account_id)
        await store.put(ACCOUNTS, stamped)
        await store.bulk(tenant.db, [stamped, *_documents(tenant)])


def _documents(tenant: Tenant) -> list[Document]:
    def made(kind: str, doc: Document) -> Document:
        return stamp(doc, type=kind, account_id=tenant.account_id)

    def leads(number: str, flow: dict[str, Any]) -> Document:
        return made("callflow", {"_id": f"callflow-{number}", "numbers": [number], "flow": flow})

    docs: list[Document] = []
    for person in tenant.people:
        docs += [
            made("user", {"_id": person.user_id, "first_name": person.name, "last_name": "Test"}),
            made(
                "device",
                {
                    "_id": person.device_id,
                    "name": person.name,
                    "owner_id": person.user_id,
                    "sip": {"username": person.name, "password": "not-asked-for-here"},
                },
            ),
            leads(person.number, rings(person)),
        ]
    if tenant.calls is not None:
        docs.append(made("limits", {"_id": "limits", "calls": tenant.calls}))
    if tenant.whole:
        docs += _more_of_a_whole_one(made, leads)
    return docs


def _more_of_a_whole_one(made: Any, leads: Any) -> list[Document]:
    group = {
        "strategy": "simultaneous",
        "timeout": 20,
        "endpoints": [{"id": person.device_id, "endpoint_type": "device"} for person in (BOB, CAROL)],
    }
    menu = {
        "module": "menu",
        "data": {"id": MENU},
        "children": {"1": rings(BOB), "2": LEAVE_A_MESSAGE},
    }
    return [
        leads("2000", {"module": "ring_group", "data": group, "children": {}}),
        leads("3000", menu),
        leads("4000", LEAVE_A_MESSAGE),
        made("menu", {"_id": MENU, "name": "reception", "retries": 3, "max_extension_length": 1, "timeout": 20_000}),
        made(
            "vmbox",
            {"_id": BOX, "name": "bob", "mailbox": "1002", "owner_id": BOB.user_id, "media_extension": "wav"},
        ),
    ]
