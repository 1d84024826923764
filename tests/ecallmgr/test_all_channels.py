"""Who answers for the channel tables of all switches: puts answers together, waits for tables, says what is missing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from mirliton.actors.kapi.call import ChannelCreated
from mirliton.actors.kapi.channels import (
    ChannelStatusReq,
    ChannelStatusResp,
    QueryAccountChannelsReq,
    QueryAccountChannelsResp,
    QueryAuthIdReq,
    QueryAuthIdResp,
    QueryChannelsReq,
    QueryChannelsResp,
    QueryUserChannelsReq,
    QueryUserChannelsResp,
)
from mirliton.actors.switching import (
    CHANNELS,
    AskSwitches,
    AuditNow,
    Incomplete,
    LegAdmitted,
    LegEvent,
    LegOwned,
    LegsMissed,
    WatchLegs,
    as_far_as_known,
    channels_name,
)
from mirliton.ecallmgr.all_channels import PATIENCE, AllChannels
from mirliton.ecallmgr.channels import Channels
from mirliton.runtime.distribution import Share
from mirliton.runtime.testing import Probe, VirtualNode, virtual_cluster, virtual_node
from mirliton.supervisors import Supervisor, Tree, worker

SWITCHES = ("fs1", "fs2")


class House:
    """A node with its AllChannels and a table for each switch, which says of each leg that it is there."""

    def __init__(self, node: VirtualNode) -> None:
        self.node = node
        self.tables: dict[str, Probe] = {}
        self.silent: set[str] = set()

    async def start(self) -> None:
        for switch in SWITCHES:
            await self.start_table(switch)
        spec = worker(AllChannels, SWITCHES, name=CHANNELS)
        await self.node.start(Supervisor, Tree("one_for_one", [spec], intensity=10, period=1.0))
        await self.node.idle()

    async def start_table(self, switch: str) -> None:
        name = channels_name(switch)
        self.tables[switch] = await Probe.start(self.node, name=name, answer=lambda asked: self.says(switch, asked))

    def says(self, switch: str, asked: Any) -> Any:
        rows = ({"uuid": f"leg of {switch}"},)
        match asked:
            case ChannelStatusReq(call_id):
                status: Any = "active" if call_id == f"leg of {switch}" else "terminated"
                return ChannelStatusResp(call_id, status)
            case QueryChannelsReq():
                return QueryChannelsResp({row["uuid"]: row for row in rows})
            case QueryAccountChannelsReq():
                return QueryAccountChannelsResp(rows)
            case QueryUserChannelsReq():
                return QueryUserChannelsResp(rows)
            case QueryAuthIdReq():
                return QueryAuthIdResp(rows)
        raise AssertionError(asked)

    async def ask(self, request: Any) -> Any:
        return await self.node.drive(self.node.call(CHANNELS, request, timeout=10.0))

    async def tell(self, message: Any) -> None:
        self.node.send(CHANNELS, message)
        await self.node.idle()

    def kill(self, name: Any) -> None:
        pid = self.node.whereis(name)
        assert pid is not None
        self.node.exit(pid, "kill")

    def told(self, switch: str, kind: type) -> list[Any]:
        return [message for message in self.tables[switch].messages if isinstance(message, kind)]


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with virtual_node() as node:
        made = House(node)
        await made.start()
        yield made


BOTH = ({"uuid": "leg of fs1"}, {"uuid": "leg of fs2"})


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (QueryAccountChannelsReq("a"), QueryAccountChannelsResp(BOTH)),
        (QueryUserChannelsReq("r", "u"), QueryUserChannelsResp(BOTH)),
        (QueryAuthIdReq("d"), QueryAuthIdResp(BOTH)),
        (QueryChannelsReq(), QueryChannelsResp({row["uuid"]: row for row in BOTH})),
        (ChannelStatusReq("leg of fs2"), ChannelStatusResp("leg of fs2", "active")),
        (ChannelStatusReq("another"), ChannelStatusResp("another", "terminated")),
        (AskSwitches(), SWITCHES),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_the_answers_of_all_tables_are_one(house: House, question: Any, answer: Any) -> None:
    assert await house.ask(question) == answer


async def test_a_table_that_is_away_is_waited_for(house: House) -> None:
    house.kill(channels_name("fs2"))
    asked = asyncio.ensure_future(house.node.call(CHANNELS, QueryAccountChannelsReq("a"), timeout=10.0))
    await house.node.advance(1.0)
    assert not asked.done()
    await house.start_table("fs2")
    assert await house.node.drive(asked) == QueryAccountChannelsResp(BOTH)


async def test_a_switch_without_a_table_is_named_and_not_left_out_in_silence(house: House) -> None:
    house.kill(channels_name("fs2"))
    began = house.node.clock.now()
    answer = await house.ask(QueryAccountChannelsReq("a"))
    assert answer == Incomplete(QueryAccountChannelsResp(BOTH[:1]), ("fs2",))
    assert as_far_as_known(answer) == QueryAccountChannelsResp(BOTH[:1])
    assert house.node.clock.now() - began == pytest.approx(PATIENCE)


async def test_a_leg_that_is_found_is_told_at_once_whoever_else_is_away(house: House) -> None:
    house.kill(channels_name("fs2"))
    began = house.node.clock.now()
    assert (await house.ask(ChannelStatusReq("leg of fs1"))).status == "active"
    assert house.node.clock.now() == began
    gone = await house.ask(ChannelStatusReq("another"))
    assert gone == Incomplete(ChannelStatusResp("another", "terminated"), ("fs2",)), "it may be on the other switch"


async def test_what_is_about_one_leg_goes_to_the_table_of_its_switch_or_to_all(house: House) -> None:
    await house.tell(LegOwned("a", {}, "fs2"))
    await house.tell(LegAdmitted("b"))
    await house.tell(AuditNow())
    assert [house.told(switch, LegOwned) for switch in SWITCHES] == [[], [LegOwned("a", {}, "fs2")]]
    assert [house.told(switch, LegAdmitted) for switch in SWITCHES] == [[LegAdmitted("b")]] * 2
    assert [house.told(switch, AuditNow) for switch in SWITCHES] == [[AuditNow()]] * 2


async def test_who_watches_is_made_known_to_all_tables_and_to_each_new_one_and_told_of_that(house: House) -> None:
    watcher = await Probe.start(house.node)
    house.node.cast(CHANNELS, WatchLegs(watcher.pid))
    await house.node.idle()
    assert [house.told(switch, WatchLegs) for switch in SWITCHES] == [[WatchLegs(watcher.pid)]] * 2
    house.kill(channels_name("fs2"))
    await house.start_table("fs2")
    await house.node.advance(1.0)
    assert house.tables["fs2"].messages == [WatchLegs(watcher.pid)]
    assert watcher.messages == [LegsMissed("fs2")]
    house.node.cast(CHANNELS, WatchLegs(watcher.pid, on=False))
    await house.node.idle()
    assert house.tables["fs1"].messages[-1] == WatchLegs(watcher.pid, on=False)
    house.kill(channels_name("fs1"))
    await house.start_table("fs1")
    await house.node.advance(1.0)
    assert house.tables["fs1"].messages == []


async def test_it_may_be_killed_and_who_watched_does_so_again(house: House) -> None:
    watcher = await Probe.start(house.node)
    house.node.cast(CHANNELS, WatchLegs(watcher.pid))
    await house.node.idle()
    house.kill(CHANNELS)
    await house.node.idle()
    assert await house.ask(QueryAuthIdReq("d")) == QueryAuthIdResp(BOTH)
    house.node.cast(CHANNELS, WatchLegs(watcher.pid))
    await house.node.idle()
    assert house.node.find(CHANNELS).actor.state()["watchers"] == 1


async def test_a_real_table_tells_a_watcher_once_however_often_it_is_made_known() -> None:
    async with virtual_node() as node:
        await node.start(Channels, "fs1", name=channels_name("fs1"))
        watcher = await Probe.start(node)
        for _ in range(2):
            node.cast(channels_name("fs1"), WatchLegs(watcher.pid))
        news = LegEvent("fs1", ChannelCreated(call_id="leg"), {})
        node.send(channels_name("fs1"), news)
        await node.idle()
        assert watcher.messages == [news]


async def test_tables_on_several_nodes_are_asked_from_any() -> None:
    shared = {"channels": Share.ONE}
    async with virtual_cluster("a@host", "b@host", shared=shared) as cluster:
        a, b = cluster.nodes
        for node, switch in ((a, "fs1"), (b, "fs2")):
            own = House(node)
            await own.start_table(switch)
            await node.start(AllChannels, SWITCHES, name=CHANNELS)
        await cluster.advance(0.5)
        for node in (a, b):
            answer = await cluster.drive(node.call(CHANNELS, QueryAccountChannelsReq("a"), timeout=10.0))
            assert sorted(row["uuid"] for row in answer.channels) == ["leg of fs1", "leg of fs2"]
        await cluster.kill("b@host")
        answer = await cluster.drive(a.call(CHANNELS, QueryAccountChannelsReq("a"), timeout=10.0))
        assert answer == Incomplete(QueryAccountChannelsResp(BOTH[:1]), ("fs2",))
