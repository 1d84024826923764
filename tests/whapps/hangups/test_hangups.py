"""Meters of hangup causes, and the alert of one that becomes too frequent."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventually import until
from mirliton.actors.kapi.call import ChannelCreated, ChannelDestroyed
from mirliton.actors.kapi.hangups import QueryReq
from mirliton.actors.mailing import SPOOL
from mirliton.actors.store.client import StoreClient
from mirliton.actors.store.server import STORE, StoreServer
from mirliton.actors.switching import CHANNELS, LegEvent, WatchLegs
from mirliton.runtime import GenServer, Node
from mirliton.supervisors import Supervisor, Tree, supervisor, worker
from mirliton.whapps.hangups import app, monitor
from mirliton.whapps.hangups.meter import TICK, Meter
from mirliton.whapps.hangups.monitor import HANGUPS, MOST_CAUSES, ListHangups

ACCOUNT = "0123456789abcdef0123456789abcdef"


def test_a_steady_flow_has_its_rate_in_every_span_that_it_filled() -> None:
    meter = Meter(0.0)
    for second in range(3 * 3600):
        meter.mark(float(second))
        meter.mark(float(second))
    rates = meter.rates(3 * 3600.0)
    assert meter.count == 6 * 3600
    assert rates["mean"] == pytest.approx(2.0, rel=0.01)
    for span in ("one", "five", "fifteen"):
        assert rates[span] == pytest.approx(2.0, rel=0.01)
    assert 0.1 < rates["day"] < 0.5  # three hours of a day
    assert rates["one_to_five"] == pytest.approx(0.0, abs=0.01)


def test_a_burst_shows_first_in_the_short_spans_and_fades() -> None:
    meter = Meter(0.0)
    for _ in range(600):
        meter.mark(1.0)
    after = meter.rates(10.0)
    assert after["one"] > after["five"] > after["fifteen"] > after["day"] > 0
    assert after["one_to_five"] > 0
    later = meter.rates(600.0)
    assert later["one"] < after["one"] / 1000


@given(st.lists(st.floats(0, 300), max_size=30), st.integers(1, 500))
def test_to_look_often_or_seldom_makes_no_difference(times: list[float], looks: int) -> None:
    often, seldom = Meter(0.0), Meter(0.0)
    done = 0.0
    for moment in sorted(times):
        while done + TICK <= moment:
            done += TICK
            often.rates(done)
        often.mark(moment)
        seldom.mark(moment)
    end = 300.0 + looks * TICK
    for one, other in zip(often.rates(end).values(), seldom.rates(end).values(), strict=True):
        assert math.isclose(one, other, abs_tol=1e-9)


class Table(GenServer):
    """The channel table, as far as who watches it sees it."""

    def init(self) -> None:
        self.watchers: list[Any] = []

    def handle_cast(self, request: Any) -> None:
        assert isinstance(request, WatchLegs)
        self.watchers.append(request.watcher)

    def handle_info(self, message: Any) -> None:
        for watcher in self.watchers:
            self.send(watcher, message)


class House:
    def __init__(self, node: Node) -> None:
        self.node = node
        self.store = StoreClient(node)

    def ends(self, cause: str, account_id: str | None = ACCOUNT, times: int = 1) -> None:
        for number in range(times):
            channel_vars = {"Account-ID": account_id} if account_id else {}
            event = ChannelDestroyed(call_id=f"leg-{number}", hangup_cause=cause, custom_channel_vars=channel_vars)
            self.node.send(CHANNELS, LegEvent("sim", event, {}))

    async def counts(self, account_id: str | None = None) -> dict[str, int]:
        await self.node.sys.get_state(CHANNELS)  # what was told before has been passed on
        found = await self.node.call(HANGUPS, ListHangups(account_id))
        return {cause: meter["count"] for cause, meter in found.items()}

    async def alerts(self) -> list[dict[str, Any]]:
        rows = (await self.store.all_docs(SPOOL, include_docs=True)).rows
        return [row.doc for row in rows if row.doc is not None]


@pytest.fixture
async def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    monkeypatch.setattr(monitor, "LOOK_EVERY", 0.02)
    monkeypatch.setattr(monitor, "READ_EVERY", 0.02)
    tree = Tree(
        "one_for_one",
        [
            worker(StoreServer, str(tmp_path / "s.db"), id="store", name=STORE, shutdown=10.0),
            worker(Table, name=CHANNELS),
            supervisor(app.tree()),
        ],
    )
    async with Node("test@localhost") as node:
        await node.start(Supervisor, tree)
        made = House(node)
        await made.store.create_database(SPOOL)
        await made.store.create_database("system_config")
        await until(lambda: node.find(CHANNELS).actor.watchers)
        yield made


async def test_causes_are_counted_in_all_and_by_account_but_those_that_are_usual(house: House) -> None:
    house.ends("CALL_REJECTED", times=3)
    house.ends("CALL_REJECTED", account_id=None)
    house.ends("NORMAL_CLEARING", times=5)
    house.node.send(CHANNELS, LegEvent("sim", ChannelCreated(call_id="x"), {}))
    assert await house.counts() == {"CALL_REJECTED": 4}
    assert await house.counts(ACCOUNT) == {"CALL_REJECTED": 3}
    answer = await house.node.call(HANGUPS, QueryReq(hangup_cause="CALL_REJECTED", account_id=ACCOUNT))
    assert (answer.count, answer.hangup_cause, answer.account_id) == (3, "CALL_REJECTED", ACCOUNT)
    assert (await house.node.call(HANGUPS, QueryReq(hangup_cause="PICKED_OFF"))).count == 0


async def test_a_switch_that_invents_causes_fills_no_memory(house: House) -> None:
    for number in range(MOST_CAUSES + 50):
        house.ends(f"CAUSE_{number}", account_id=None)
    counts = await house.counts()
    assert len(counts) <= MOST_CAUSES + 1
    assert sum(counts.values()) == MOST_CAUSES + 50


async def test_it_goes_on_counting_when_the_channel_table_is_restarted(house: House) -> None:
    before = house.node.whereis(CHANNELS)
    assert before is not None
    house.node.exit(before, "kill")
    await until(lambda: (cell := house.node.find(CHANNELS)) and cell.pid != before and cell.actor.watchers)
    house.ends("CALL_REJECTED")
    assert await house.counts() == {"CALL_REJECTED": 1}


async def test_a_watched_cause_that_is_too_frequent_is_alerted_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mirliton.whapps.hangups.meter.TICK", 0.01)
    wanted = {"_id": "hangups", "default": {"thresholds": {"one": 0.01, "nonsense": 1, "day": "often"}}}
    await house.store.put("system_config", wanted)
    house.ends("CALL_REJECTED", times=50)
    house.ends("SUBSCRIBER_ABSENT", times=50)
    await until(lambda: house.node.find(HANGUPS).actor.alerts)
    [alert] = await house.alerts()
    assert alert["payload"]["Subject"] == "Calls end with CALL_REJECTED"
    assert "threshold 0.01/s" in alert["payload"]["Details"]["one minute rate"]
    await house.counts()
    assert len(await house.alerts()) == 1


async def test_without_thresholds_nothing_is_alerted(house: House) -> None:
    house.ends("CALL_REJECTED", times=500)
    await house.counts()
    assert await house.alerts() == []
