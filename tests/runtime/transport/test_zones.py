"""Nodes of two zones, each with a network of its own: they are one system, and each goes on alone when it must."""

from __future__ import annotations

import contextlib
import random
from collections.abc import AsyncIterator

import pytest

from far_world import Far
from mirliton.runtime import Name, NodeDown, NoProc
from mirliton.runtime.distribution import Distribution, NodeIsDown, NodeIsUp, Share, Shared
from mirliton.runtime.testing import Cluster, VirtualNode
from mirliton.runtime.transport import Hub, Keyring, Zones, zone_of

EAST = ("a@host+east", "b@host+east")
WEST = ("c@host+west", "d@host+west")
PLACE = Name("service", "scribe")


class World(Cluster):
    """Two zones with two nodes each, and what can go wrong between them."""

    def __init__(self, east: Hub, west: Hub, shared: Shared | None = None) -> None:
        super().__init__(east, None, shared=shared)
        self.hubs = {"east": east, "west": west}
        self.ends: dict[str, Zones] = {}

    async def enter(self, name: str, *joins: str) -> VirtualNode:
        """A node that joins these other zones."""
        zone = zone_of(name)
        others = {other: self.hubs[other].network(listens=False) for other in joins}
        self.ends[name] = Zones(zone, self.hubs[zone].network(), others)
        return await self.start(name, network=self.ends[name])

    async def kill(self, name: str) -> None:
        for hub in self.hubs.values():
            hub.kill(name)
        await super().kill(name)

    def cut_off(self, *, east_speaks: bool = False) -> None:
        """The way between the zones breaks, at both ends or at that of the west alone."""
        for name in WEST:
            self.hubs["east"].disconnect(name)
        for name in () if east_speaks else EAST:
            self.hubs["west"].disconnect(name)

    def rejoin(self, *, east_speaks: bool = False) -> None:
        for name in WEST:
            self.hubs["east"].reconnect(name)
        for name in () if east_speaks else EAST:
            self.hubs["west"].reconnect(name)

    def others(self, name: str) -> list[str]:
        return self.at(name).nodes()


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with a_world(Hub(1), Hub(2)) as world:
        yield world


@contextlib.asynccontextmanager
async def a_world(east: Hub, west: Hub, shared: Shared | None = None) -> AsyncIterator[World]:
    world = World(east, west, shared)
    try:
        for name in EAST:
            await world.enter(name, "west")
        for name in WEST:
            await world.enter(name, "east")
        await world.all_up()
        yield world
        assert [violation for node in world.nodes for violation in node.strict_violations] == []
    finally:
        for node in world.nodes:
            node.strict_violations = []
        await world.stop()


async def test_processes_of_two_zones_reach_each_other_by_their_addresses(world: World) -> None:
    a, _, c, _ = world.nodes
    one, other = await Far.on(world, a, trap=True), await Far.on(world, c, name=PLACE)
    assert (zone_of(other.pid.node), zone_of("whapps1@host")) == ("west", "")
    assert await world.drive(a.call(other.pid, "there?")) == "there?"
    assert await world.drive(a.call(PLACE.at("c@host+west"), "by name?")) == "by name?"
    await one.do(lambda me: (me.link(other.pid), me.monitor(other.pid)))
    await world.kill("c@host+west")
    await world.advance(1.0)  # the next frame there comes back
    assert one.exits == [(other.pid, "noconnection")]
    assert one.downs == [(other.pid, "noconnection")]
    assert world.others("a@host+east") == ["b@host+east", "d@host+west"]


async def test_a_zone_that_is_cut_off_goes_on_alone_and_rejoins(world: World) -> None:
    a, b, c, d = world.nodes
    one, near, far = await Far.on(world, a, trap=True), await Far.on(world, b), await Far.on(world, c, trap=True)
    world.at(a.name).monitor_nodes(one.pid)
    await one.do(lambda me: me.link(far.pid))
    await one.do(lambda me: me.link(near.pid))
    await world.advance(0.1)
    world.cut_off()
    await world.advance(0.1)  # its own connection there is broken, so it need not wait for silence
    assert [world.others(node.name) for node in (a, b, c, d)] == [[EAST[1]], [EAST[0]], [WEST[1]], [WEST[0]]]
    assert (one.exits, far.exits) == ([(far.pid, "noconnection")], [(one.pid, "noconnection")])
    assert {mail for mail in one.seen if isinstance(mail, NodeIsDown)} == {
        NodeIsDown(name, incarnation, "broker_lost") for name, incarnation in zip(WEST, (3, 4), strict=True)
    }
    await world.advance(100.0)  # longer than it takes to forget a node
    assert await world.drive(a.call(near.pid, "and you?")) == "and you?"
    assert await world.drive(d.call(far.pid, "and you?")) == "and you?"
    with pytest.raises(NodeDown):
        await world.drive(a.call(far.pid, "?"))
    assert world.ends[a.name].reachable() == []
    world.rejoin()
    await world.all_up()
    assert world.ends[a.name].reachable() == ["west"]
    assert await world.drive(a.call(far.pid, "the same process")) == "the same process"
    assert sum(isinstance(mail, NodeIsUp) for mail in one.seen) == 2
    # Links are not restored, and those within the zone were never touched.
    assert len(one.exits) == 1
    assert near.exits == []


async def test_nothing_arrives_twice_or_out_of_order_however_often_the_zones_part(world: World) -> None:
    a, c = world.nodes[0], world.nodes[2]
    far, back = await Far.on(world, c), await Far.on(world, a)
    dice = random.Random(7)
    sent = 0
    apart = False
    for _ in range(300):
        for _ in range(dice.randrange(5)):
            sent += 1
            a.send(far.pid, sent)
            c.send(back.pid, sent)
        if dice.random() < 0.1:
            world.rejoin() if apart else world.cut_off()
            apart = not apart
        await world.advance(dice.choice([0.001, 0.01, 0.3]))
    if apart:
        world.rejoin()
    await world.all_up()
    a.send(far.pid, sent + 1)
    c.send(back.pid, sent + 1)
    await world.advance(1.0)
    for seen in (far.seen, back.seen):
        numbers = [mail for mail in seen if isinstance(mail, int)]
        assert numbers == sorted(set(numbers)), "each at most once, and in order"
        assert numbers[-1] == sent + 1
        assert 0.2 * sent < len(numbers) <= sent + 1, "some were lost, being on their way"


async def test_where_only_one_of_them_can_speak_both_know_that_they_are_apart(world: World) -> None:
    world.cut_off(east_speaks=True)
    await world.advance(6.0)
    assert world.others(EAST[0]) == [EAST[1]]
    assert world.others(WEST[0]) == [WEST[1]]
    await world.advance(100.0)
    assert world.others(EAST[0]) == [EAST[1]]
    world.rejoin(east_speaks=True)
    await world.all_up()


async def test_the_broker_of_one_zone_is_no_concern_of_the_other(world: World) -> None:
    a, b, c, _ = world.nodes
    for name in (*WEST, *EAST):
        world.hubs["west"].disconnect(name)
    await world.advance(6.0)
    assert [world.others(name) for name in (*EAST, *WEST)] == [[EAST[1]], [EAST[0]], [], []]
    assert await world.drive(c.call((await Far.on(world, c)).pid, "alone")) == "alone"
    for name in (*WEST, *EAST):
        world.hubs["west"].reconnect(name)
    await world.all_up()
    assert await world.drive(a.call((await Far.on(world, b)).pid, "there?")) == "there?"


async def test_frames_that_are_lost_doubled_and_overtaken_between_zones_do_no_harm() -> None:
    east, west = Hub(3, jitter=0.002), Hub(4, jitter=0.002)
    async with a_world(east, west) as world:
        a, c = world.nodes[0], world.nodes[2]
        far = await Far.on(world, c)
        for hub in world.hubs.values():
            hub.loss, hub.doubling, hub.disorder = 0.01, 0.05, 0.01
        for number in range(800):
            a.send(far.pid, number)
            await world.advance(0.01)
        for hub in world.hubs.values():
            hub.loss = hub.doubling = hub.disorder = 0.0
        await world.all_up()
        numbers = [mail for mail in far.seen if isinstance(mail, int)]
        assert numbers == sorted(set(numbers))
        assert len(numbers) > 200


async def test_a_node_of_a_zone_that_is_not_joined_is_heard_and_not_answered(world: World) -> None:
    await world.enter("e@host+east")  # it joins no other zone
    await world.advance(10.0)
    assert world.others("e@host+east") == list(EAST)
    assert "e@host+east" not in world.others(WEST[0])
    assert "e@host+east" in world.others(EAST[0])


async def test_a_node_without_a_zone_is_nobody_to_those_that_have_one(world: World) -> None:
    await world.start("old@host", network=world.hubs["east"].network())
    await world.advance(10.0)
    # It is heard at the broker, and can be sent nothing: its address says of no zone.
    assert "old@host" not in world.others(EAST[0])


async def test_what_cannot_be_meant_is_told() -> None:
    hub = Hub()
    with pytest.raises(ValueError, match="its own, and cannot be another"):
        Zones("east", hub.network(), {"east": hub.network(listens=False)})
    with pytest.raises(ValueError, match="letters, digits"):
        Zones("e~st", hub.network(), {})
    node = VirtualNode("a@host+west")
    async with node:
        with pytest.raises(ValueError, match=r"ends in \+east, not 'a@host\+west'"):
            await Distribution(node, Zones("east", hub.network(), {}), Keyring("a secret of many letters")).open()
        assert node.distribution is None


async def test_names_and_groups_stay_within_a_zone_and_those_of_another_are_named_with_their_node() -> None:
    async with a_world(Hub(1), Hub(2), {PLACE: Share.ANY, "call": Share.ONE}) as world:
        a, b, c, d = world.nodes
        call = Name("call", "one")
        west, east = await Far.on(world, c, name=PLACE), await Far.on(world, a, name=call)
        same = await Far.on(world, d, name=call)
        await world.advance(0.5)
        assert [node.whereis(PLACE) for node in (a, b, d)] == [None, None, west.pid]
        assert (b.whereis(call), c.whereis(call)) == (east.pid, same.pid)
        assert a.distribution.directory.conflicts == d.distribution.directory.conflicts == 0
        with pytest.raises(NoProc):
            await world.drive(b.call(PLACE, "there?"))
        assert await world.drive(b.call(PLACE.at("c@host+west"), "there?")) == "there?"
        for node, one in ((a, east), (d, same)):
            node.groups.scope("acting").join("everybody", one.pid)
        await world.advance(0.5)
        members = [node.groups.scope("acting").members("everybody") for node in (a, b, c, d)]
        assert members == [(east.pid,), (east.pid,), (same.pid,), (same.pid,)]
        assert (a.distribution.near(), a.distribution.nodes()) == ([EAST[1]], [EAST[1], *WEST])


async def test_what_a_node_of_another_zone_says_of_names_and_groups_is_not_believed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Distribution, "is_near", lambda self, node: self.node.name in WEST or zone_of(node) == "east")
    async with a_world(Hub(1), Hub(2), {PLACE: Share.ANY}) as world:
        a, _, c, _ = world.nodes
        liar = await Far.on(world, c, name=PLACE)
        c.groups.scope("acting").join("everybody", liar.pid)
        await world.advance(0.5)
        assert a.whereis(PLACE) is None
        assert a.groups.scope("acting").members("everybody") == ()
