"""An account's carrier legs: trunks and credit hold exactly, whatever is killed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from entity_home import an_entity_home
from mirliton.actors import account, admission
from mirliton.actors.admission import (
    AuthorizeLeg,
    CallReleased,
    LegAuthorized,
    LegBarred,
    LegBooked,
    LegReleased,
    account_name,
    authorize_leg,
)
from mirliton.actors.allotments import consumption
from mirliton.actors.charging import charge
from mirliton.actors.kapi.channels import QueryAccountChannelsReq, QueryAccountChannelsResp
from mirliton.actors.ledger import Entry, ledger_name
from mirliton.actors.money import Rate
from mirliton.actors.store import Month
from mirliton.actors.store.client import StoreClient
from mirliton.actors.store.documents import gregorian, stamp
from mirliton.actors.store.names import account_db, modb
from mirliton.actors.store.server import STORE, StoreServer
from mirliton.actors.switching import CHANNELS, LegAdmitted
from mirliton.runtime import From, GenServer, Node, Reply
from mirliton.supervisors import Supervisor, Tree, worker

ACCOUNT = "0123456789abcdef0123456789abcdef"
US = "+14155550100"
ABROAD = "+4930123456"
RATE = Rate(per_minute=600, minimum=60)


class Table(GenServer):
    """The channel table, as far as an account sees it: the calls that are up, and what was noted of each."""

    def init(self) -> None:
        self.noted: dict[str, dict[str, str]] = {}
        self.more: list[dict[str, Any]] = []

    def handle_call(self, request: Any, sender: From) -> Reply:
        if isinstance(request, LegAdmitted):
            self.handle_info(request)
            return Reply(True)
        assert isinstance(request, QueryAccountChannelsReq)
        calls = [
            {"uuid": call_id, "direction": "inbound", "is_authorized": True, "billing": billing}
            for call_id, billing in self.noted.items()
        ]
        return Reply(QueryAccountChannelsResp((*calls, *self.more)))

    def handle_info(self, message: Any) -> None:
        assert isinstance(message, LegAdmitted)
        together = {**self.noted.get(message.call_id, {}), **message.billing}
        self.noted[message.call_id] = {direction: payer for direction, payer in together.items() if payer}


class Asker:
    """An executor, as far as it asks."""

    def __init__(self, node: Node) -> None:
        self.call, self.log, self.sleep = node.call, node.log, asyncio.sleep


class House:
    def __init__(self, node: Node) -> None:
        self.node = node
        self.store = StoreClient(node)

    @property
    def table(self) -> Table:
        cell = self.node.find(CHANNELS)
        assert cell is not None and isinstance(cell.actor, Table)
        return cell.actor

    async def has(self, **limits: Any) -> None:
        await self.store.create_database(account_db(ACCOUNT))
        await self.store.put(account_db(ACCOUNT), stamp({"_id": "limits", **limits}, type="limits", account_id=ACCOUNT))

    async def asks(
        self,
        call_id: str,
        number: str = US,
        direction: Any = "outbound",
        rate: Rate | None = None,
        kind: str = "",
    ) -> LegAuthorized | LegBarred:
        request = AuthorizeLeg(call_id, direction, number, rate, classification=kind)
        return await authorize_leg(Asker(self.node), ACCOUNT, request)

    async def billed(self, *asked: Any, **more: Any) -> str | None:
        answer = await self.asks(*asked, **more)
        return answer.billing if isinstance(answer, LegAuthorized) else None

    def kill(self, name: Any) -> None:
        if (pid := self.node.whereis(name)) is not None:
            self.node.exit(pid, "kill")


@pytest.fixture
async def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    monkeypatch.setattr(admission, "PAUSE", 0.02)
    monkeypatch.setattr(admission, "ATTEMPTS", 500)
    monkeypatch.setattr(account, "RETRY_FIRST", 0.02)
    tree = Tree(
        "one_for_one",
        [
            worker(StoreServer, str(tmp_path / "s.db"), id="store", name=STORE, keep_mail=True, shutdown=10.0),
            worker(Table, name=CHANNELS),
            an_entity_home(),
        ],
        intensity=1000,
        period=1.0,
    )
    async with Node("test@localhost") as node:
        await node.start(Supervisor, tree)
        yield House(node)


async def test_trunks_are_given_and_come_back(house: House) -> None:
    await house.has(twoway_trunks=1, burst_trunks=1, allow_prepay=False)
    first = await house.asks("a")
    assert first == LegAuthorized("flat_rate", usage="0/0/1/1/0/1")
    assert await house.billed("a") == "flat_rate"  # asked again
    assert await house.billed("b") == "flat_rate_burst"
    assert await house.asks("c") == LegBarred("no trunk and no credit")
    house.node.cast(account_name(ACCOUNT), LegReleased("a", "outbound"))
    assert await house.billed("c") == "flat_rate"
    house.node.cast(account_name(ACCOUNT), CallReleased("b"))
    assert await house.billed("d", direction="inbound") == "flat_rate_burst"
    assert isinstance(await house.asks("b"), LegBarred)  # its call has ended


async def test_a_leg_that_was_given_back_is_not_counted_again_after_a_restart(house: House) -> None:
    await house.has(twoway_trunks=1, allow_prepay=False)
    assert await house.billed("a") == "flat_rate"
    house.node.cast(account_name(ACCOUNT), LegReleased("a", "outbound"))
    await house.node.sys.get_state(account_name(ACCOUNT))
    house.kill(account_name(ACCOUNT))
    assert await house.billed("a", ABROAD) is None  # and not as the leg that it had was paid
    assert await house.billed("b") == "flat_rate"


async def test_what_running_legs_have_cost_is_known_again_after_a_kill(house: House) -> None:
    await house.has()
    await charge(house.node, ACCOUNT, Entry("credit", "payments", "1", 1500, house.node.clock.time()))
    assert await house.billed("a", ABROAD, rate=RATE) == "per_minute"
    noted = {"Rate": "0.06", "Rate-Minimum": "60"}
    leg = {"uuid": "leg", "direction": "outbound", "account_billing": "per_minute", "bridge_id": "a", "rate": noted}
    house.table.more = [leg | {"timestamp": gregorian(house.node.clock.time() - 130)}]
    house.kill(account_name(ACCOUNT))
    assert await house.billed("b", ABROAD, rate=RATE) is None  # three minutes, 1800


async def test_what_was_booked_before_a_kill_is_told_when_it_is_given_again(house: House) -> None:
    await house.has()
    credit = Entry("credit", "payments", "1", 1000, house.node.clock.time())
    await charge(house.node, ACCOUNT, credit)
    assert await house.billed("a", ABROAD, rate=RATE) == "per_minute"
    keeper = house.node.find(account_name(ACCOUNT))
    assert keeper is not None
    keeper.actor.funds = 7  # it was not told
    await charge(house.node, ACCOUNT, credit)
    await house.node.sys.get_state(account_name(ACCOUNT))
    assert keeper.actor.funds == 1000


async def test_money_pays_by_the_minute_while_there_is_some(house: House) -> None:
    await house.has()
    assert await house.asks("a", ABROAD, rate=RATE) == LegBarred("no trunk and no credit")
    await charge(house.node, ACCOUNT, Entry("credit", "payments", "1", 1000, house.node.clock.time()))
    await house.node.sys.get_state(account_name(ACCOUNT))
    assert await house.asks("a", ABROAD) == LegBarred("there is no rate for the number")
    assert await house.billed("a", ABROAD, rate=RATE) == "per_minute"
    assert await house.billed("b", ABROAD, rate=RATE) == "per_minute"  # the first has cost 600 of 1000 so far
    assert await house.billed("c", ABROAD, rate=RATE) is None
    await charge(house.node, ACCOUNT, Entry("debit", "support", "1", 1000, house.node.clock.time()))
    house.node.cast(account_name(ACCOUNT), CallReleased("a"))
    house.node.cast(account_name(ACCOUNT), CallReleased("b"))
    await house.node.sys.get_state(account_name(ACCOUNT))
    assert await house.billed("d", ABROAD, rate=RATE) is None


async def test_a_thousand_at_once_get_as_many_trunks_as_there_are_while_the_account_is_killed(house: House) -> None:
    await house.has(twoway_trunks=300, burst_trunks=50, allow_prepay=False)
    chance = random.Random(1)

    async def kill() -> None:
        while True:
            await asyncio.sleep(0.08)  # long enough for who is barred: the ledger has to be asked first
            house.kill(chance.choice((account_name(ACCOUNT), ledger_name(ACCOUNT))))

    killing = asyncio.create_task(kill())
    try:
        got = await asyncio.gather(*(house.billed(f"call-{number}") for number in range(1000)))
    finally:
        killing.cancel()
    assert sorted(filter(None, got)) == ["flat_rate"] * 300 + ["flat_rate_burst"] * 50
    noted = [billing["outbound"] for billing in house.table.noted.values()]
    assert sorted(noted) == ["flat_rate"] * 300 + ["flat_rate_burst"] * 50


async def test_what_is_only_on_the_leg_to_the_carrier_is_counted_too(house: House) -> None:
    """As when the channel table was restarted, which reads the legs' own variables from the switch."""
    await house.has(twoway_trunks=2, allow_prepay=False)
    house.table.more = [
        {"uuid": "leg", "direction": "outbound", "account_billing": "flat_rate", "bridge_id": "a"},
        {"uuid": "b", "direction": "inbound", "account_billing": "flat_rate", "billing": {}},
        {"uuid": "odd", "direction": "sideways", "account_billing": "flat_rate", "billing": "none"},
    ]
    assert await house.billed("c") is None
    assert await house.billed("a") == "flat_rate"  # it has one
    assert await house.billed("b", direction="inbound") == "flat_rate"


async def test_what_an_ended_call_cost_is_no_credit_until_it_is_booked(house: House) -> None:
    await house.has()
    await charge(house.node, ACCOUNT, Entry("credit", "payments", "1", 500, house.node.clock.time()))
    assert await house.billed("a", ABROAD, rate=RATE) == "per_minute"
    house.node.cast(account_name(ACCOUNT), CallReleased("a"))
    assert await house.asks("b", ABROAD, rate=RATE) == LegBarred("no trunk and no credit")
    house.node.cast(account_name(ACCOUNT), LegBooked("a", "outbound", talked=False))  # it cost nothing after all
    assert await house.billed("b", ABROAD, rate=RATE) == "per_minute"


async def test_a_call_whose_second_carrier_answers_after_the_first_was_booked_counts_anew(house: House) -> None:
    await house.has()
    await charge(house.node, ACCOUNT, Entry("credit", "payments", "1", 900, house.node.clock.time()))
    assert await house.billed("a", ABROAD, rate=RATE) == "per_minute"
    assert await house.billed("other", ABROAD, rate=RATE) == "per_minute"
    assert await house.billed("c", ABROAD, rate=RATE) is None  # both count, 600 each
    house.node.cast(account_name(ACCOUNT), LegBooked("a", "outbound", talked=True))
    assert await house.billed("c", ABROAD, rate=RATE) == "per_minute"
    house.node.cast(account_name(ACCOUNT), CallReleased("c"))
    house.node.cast(account_name(ACCOUNT), LegBooked("c", "outbound", talked=False))
    assert await house.billed("a", ABROAD, rate=RATE) == "per_minute"  # its second leg
    assert await house.billed("d", ABROAD, rate=RATE) is None


TOLL = {"outbound_toll": {"amount": 180, "cycle": "monthly", "increment": 60, "minimum": 60}}


async def test_an_allotment_comes_before_trunks_and_is_never_given_twice(house: House) -> None:
    await house.has(pvt_allotments=TOLL, twoway_trunks=1, allow_prepay=False)
    asked = [house.asks(f"call-{number}", kind="toll") for number in range(6)]
    answers = await asyncio.gather(*asked)
    assert sorted(a.billing if isinstance(a, LegAuthorized) else "" for a in answers) == [
        "",
        "",
        "allotment",
        "allotment",
        "allotment",
        "flat_rate",
    ]
    assert all(a.allotment == "outbound_toll" for a in answers if isinstance(a, LegAuthorized) and a.allotment)
    again = await asyncio.gather(*(house.asks(f"call-{number}", kind="toll") for number in range(6)))
    assert [type(a) for a in again] == [type(a) for a in answers]
    assert await house.billed("x", kind="toll", direction="inbound") is None


async def test_what_is_booked_of_an_allotment_counts_with_what_is_running_and_what_is_not_booked(
    house: House,
) -> None:
    await house.has(pvt_allotments=TOLL, allow_prepay=False)
    now = house.node.clock.time()
    month = Month.at(now)
    db = modb(ACCOUNT, month.year, month.month)
    await house.store.create_database(db)
    await house.store.put(db, consumption(ACCOUNT, "outbound_toll", 60, "earlier", now, now))
    assert await house.billed("a", kind="toll") == "allotment"
    assert await house.billed("b", kind="toll") == "allotment"
    assert await house.billed("c", kind="toll") is None
    house.node.cast(account_name(ACCOUNT), CallReleased("a"))
    assert await house.billed("c", kind="toll") is None
    house.node.cast(account_name(ACCOUNT), LegBooked("a", "outbound", talked=False))  # nobody answered
    assert await house.billed("c", kind="toll") == "allotment"


async def test_an_allotment_counts_again_by_the_channel_table_after_a_kill(house: House) -> None:
    await house.has(pvt_allotments=TOLL, allow_prepay=False)
    assert await house.billed("a", kind="toll") == "allotment"
    leg = {"uuid": "leg", "direction": "outbound", "account_billing": "allotment", "bridge_id": "a"}
    house.table.more = [
        leg | {"allotment": "outbound_toll", "timestamp": gregorian(house.node.clock.time() - 90)}  # two minutes
    ]
    house.kill(account_name(ACCOUNT))
    assert await house.billed("b", kind="toll") == "allotment"
    assert await house.billed("c", kind="toll") is None
