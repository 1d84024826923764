"""An account's money over the API."""

from __future__ import annotations

from typing import Any

import pytest

from entity_home import an_entity_home
from mirliton.actors.store import Month
from mirliton.actors.store.server import STORE, StoreServer
from mirliton.actors.switching import CHANNELS
from mirliton.ecallmgr.all_channels import AllChannels
from mirliton.supervisors import Supervisor, Tree, worker


@pytest.fixture
async def shop(world: Any, tmp_path: Any) -> Any:
    """A reseller and its customer: (world, the customer's id, the reseller's token, the customer's)."""
    parts = [
        worker(StoreServer, str(tmp_path / "store.db"), id="store", name=STORE, shutdown=10.0),
        worker(AllChannels, (), name=CHANNELS),
        an_entity_home(),
    ]
    await world.node.start(Supervisor, Tree("one_for_one", parts))
    reseller, above = await world.admin("reseller")
    customer, own = await world.admin("customer", reseller)
    return world, f"/accounts/{customer}/ledgers", above, own


def entry(amount: Any = 12.5, source: str = "invoice-1", service: str = "payments", **more: Any) -> dict[str, Any]:
    usage = {"type": "cash", "quantity": 1, "unit": "payment"}
    return {"amount": amount, "source": {"service": service, "id": source}, "usage": usage, **more}


async def test_money_is_credited_and_debited_and_listed(shop: Any) -> None:
    world, ledgers, above, own = shop
    credited = await world.put(f"{ledgers}/credit", entry(description="thanks"), above)
    assert credited.status == 201, credited.raw
    assert (credited.data["amount"], credited.data["type"], credited.data["description"]) == (12.5, "credit", "thanks")
    assert (await world.put(f"{ledgers}/debit", entry(2.25, "fee", "support"), above)).status == 201
    for where in ("total", "available"):
        assert (await world.get(f"{ledgers}/{where}", own)).data == {"amount": 10.25}
    by_service = (await world.get(ledgers, own)).data
    assert by_service["payments"] == {"amount": 12.5, "usage": {"quantity": 1, "type": "cash", "unit": "payment"}}
    assert by_service["support"]["amount"] == -2.25
    [listed] = (await world.get(f"{ledgers}/payments", own)).data
    assert listed["id"] == credited.data["id"]
    one = await world.get(f"{ledgers}/payments/{listed['id']}", own)
    assert one.data["source"] == {"service": "payments", "id": "invoice-1"}
    month = Month.at(world.node.clock.time())
    assert (await world.get(f"{ledgers}/summary/{month}", own)).data == by_service
    assert (await world.get(f"{ledgers}/summary/200001", own)).data == {}


async def test_the_same_is_booked_once_and_another_amount_is_refused(shop: Any) -> None:
    world, ledgers, above, own = shop
    first = await world.put(f"{ledgers}/credit", entry(), above)
    again = await world.put(f"{ledgers}/credit", entry(), above)
    assert first.data["id"] == again.data["id"]
    other = await world.put(f"{ledgers}/credit", entry(99), above)
    assert other.status == 400
    assert "booked before, with the amount 12.5" in other.raw.decode()
    assert (await world.get(f"{ledgers}/total", own)).data == {"amount": 12.5}


async def test_nobody_credits_himself(shop: Any) -> None:
    world, ledgers, _, own = shop
    assert (await world.put(f"{ledgers}/credit", entry(), own)).status == 403
    assert (await world.put(f"{ledgers}/debit", entry(), own)).status == 403
    stranger, token = await world.admin("stranger")
    assert (await world.get(ledgers, token)).status == 403
    assert stranger


@pytest.mark.parametrize(
    "body",
    [
        {"amount": 5},
        entry("much"),
        entry(-5),
        {**entry(), "source": {"service": "x"}},
        {key: value for key, value in entry().items() if key != "amount"},
    ],
)
async def test_what_is_wrong_is_told(shop: Any, body: dict[str, Any]) -> None:
    world, ledgers, above, _ = shop
    refused = await world.put(f"{ledgers}/credit", body, above)
    assert refused.status == 400
    assert refused.body["error"] == "400" and refused.data


@pytest.mark.parametrize("path", ["summary/2026", "summary/202613", "payments/nothing", "payments/202611-nothing"])
async def test_what_there_is_not_is_not_found(shop: Any, path: str) -> None:
    world, ledgers, _, own = shop
    assert (await world.get(f"{ledgers}/{path}", own)).status == 404
