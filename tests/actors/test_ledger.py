"""An account's ledger: booked once whatever happens, and right over the ends of months."""

from __future__ import annotations

import asyncio
import datetime
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from entity_home import an_entity_home
from mirliton.actors import charging
from mirliton.actors.admission import account_name
from mirliton.actors.charging import balance, charge
from mirliton.actors.entity_server import ENTITY_SERVER
from mirliton.actors.ledger import Entry, ledger_name, marker
from mirliton.actors.store import Month, Months
from mirliton.actors.store.client import StoreClient
from mirliton.actors.store.names import account_db
from mirliton.actors.store.server import STORE, StoreServer
from mirliton.actors.switching import CHANNELS
from mirliton.ecallmgr.all_channels import AllChannels
from mirliton.runtime import Node
from mirliton.runtime.clock import RealClock
from mirliton.supervisors import Supervisor, Tree, worker
from mirliton.supervisors.entities.starting import ENTITIES_SUPERVISOR

ACCOUNT = "0123456789abcdef0123456789abcdef"
CALLS = "per-minute-voip"


def at(month: int, day: int = 15, year: int = 2026) -> float:
    return datetime.datetime(year, month, day, 12, tzinfo=datetime.UTC).timestamp()


class Calendar(RealClock):
    """Real time, but for the date."""

    date = at(10)

    def time(self) -> float:
        return self.date


class House:
    def __init__(self, node: Node, clock: Calendar) -> None:
        self.node = node
        self.clock = clock
        self.store = StoreClient(node)

    async def books(self, kind: Any, amount: int, source: str, *, service: str = CALLS, when: float = 0.0) -> bool:
        entry = Entry(kind, service, source, amount, when or self.clock.date)
        return (await charge(self.node, ACCOUNT, entry)).new

    async def total(self) -> int:
        return (await balance(self.node, ACCOUNT)).total

    async def entries(self, month: Month) -> list[dict[str, Any]]:
        db = Months(self.store, ACCOUNT).db(month)
        rows = (await self.store.all_docs(db, include_docs=True)).rows
        return [row.doc for row in rows if row.doc is not None and row.doc["pvt_type"] == "ledger"]


@pytest.fixture
async def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    monkeypatch.setattr(charging, "PAUSES", (0.0, *(0.02,) * 100))
    clock = Calendar()
    async with Node("test@localhost", clock=clock) as node:
        tree = Tree(
            "one_for_one",
            [
                worker(StoreServer, str(tmp_path / "s.db"), id="store", name=STORE, keep_mail=True, shutdown=10.0),
                worker(AllChannels, (), name=CHANNELS),
                an_entity_home(),
            ],
            intensity=1000,
            period=1.0,
        )
        await node.start(Supervisor, tree)
        made = House(node, clock)
        await made.store.create_database(account_db(ACCOUNT))
        yield made


async def test_what_was_credited_less_what_was_debited_is_left(house: House) -> None:
    assert await house.total() == 0
    assert await house.books("credit", 50_000, "payment-1", service="payments")
    assert await house.books("debit", 140, "call-1")
    assert await house.books("debit", 60, "call-2")
    found = await balance(house.node, ACCOUNT)
    assert dict(found.by_service) == {"payments": 50_000, CALLS: -200}
    assert found.total == 49_800


async def test_the_same_is_booked_once(house: House) -> None:
    assert await house.books("debit", 140, "call-1")
    assert not await house.books("debit", 140, "call-1")
    assert await house.books("credit", 140, "call-1")  # a refund is something else
    assert await house.total() == 0


async def test_a_month_begins_with_what_the_one_before_left(house: House) -> None:
    await house.books("credit", 10_000, "payment", service="payments")
    await house.books("debit", 300, "call-1")
    house.clock.date = at(11)
    assert await house.total() == 9_700
    await house.books("debit", 100, "call-2")
    house.clock.date = at(3, year=2027)  # three months in which nothing happened
    found = await balance(house.node, ACCOUNT)
    assert dict(found.by_service) == {"payments": 10_000, CALLS: -400}
    [payments, calls] = sorted(await house.entries(Month(2027, 3)), key=lambda doc: -doc["amount"])
    assert (payments["pvt_ledger_type"], payments["amount"]) == ("credit", 10_000)
    assert (calls["pvt_ledger_type"], calls["amount"], calls["source"]["id"]) == (
        "debit",
        400,
        "202611-monthly_rollover",
    )


async def test_what_is_reported_again_after_the_end_of_its_month_is_booked_once(house: House) -> None:
    ended = house.clock.date
    await house.books("debit", 100, "call-1", when=ended)
    house.clock.date = at(11)
    assert not await house.books("debit", 100, "call-1", when=ended)
    assert await house.books("debit", 50, "call-2", when=ended)  # late, and in November
    house.clock.date = at(12)
    assert not await house.books("debit", 50, "call-2", when=ended)
    assert await house.total() == -150


async def test_kills_change_nothing(house: House) -> None:
    """Every kind of process that takes part is killed while sixty charges are each given twice, over a month's end."""
    chance = random.Random(3)
    expected = 0
    names = (ledger_name(ACCOUNT), account_name(ACCOUNT), STORE, ENTITIES_SUPERVISOR)

    async def kill() -> None:
        while True:
            await asyncio.sleep(0.01)
            name = ENTITY_SERVER if chance.random() < 0.02 else chance.choice(names)
            if (pid := house.node.whereis(name)) is not None:
                house.node.exit(pid, "kill")

    killing = asyncio.create_task(kill())
    began = house.clock.date
    try:
        for half in range(2):
            house.clock.date = at(10 + half, 1 + half)
            given = []
            for number in range(30):
                amount = chance.randrange(1, 100)
                expected -= amount
                given += [house.books("debit", amount, f"call-{half}-{number}", when=began) for _ in range(2)]
            await asyncio.gather(*given)
    finally:
        killing.cancel()
    assert await house.total() == expected
    house.clock.date = at(12)
    assert await house.total() == expected
    assert marker(Month(2026, 12)) in {row.id for row in (await _rows(house, Month(2026, 12)))}


async def _rows(house: House, month: Month) -> list[Any]:
    return list((await house.store.all_docs(Months(house.store, ACCOUNT).db(month))).rows)


async def test_without_a_store_it_says_so_in_time(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(charging, "PAUSES", (0.0, 0.01))
    with pytest.raises(charging.LedgerUnavailable, match="cannot be used"):
        await charge(house.node, "no account", Entry("debit", CALLS, "x", 1, house.clock.date))
