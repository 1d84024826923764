"""A tree that runs on one node of a cluster at a time, and on another when that is lost."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from mirliton.runtime import GenServer, Name, Node
from mirliton.runtime.testing import Cluster, VirtualNode, virtual_cluster
from mirliton.supervisors import Supervisor, Tree, supervisor, worker
from mirliton.supervisors.failover import (
    AskStanding,
    CannotYield,
    FailoverStatus,
    SetWilling,
    Yield,
    failover,
    failover_name,
    leave_to_act,
)

GROUP = "switches"
ACTING = Name("service", "acting")


class Acting(GenServer):
    """What only one node may run at a time."""


class Stubborn(GenServer):
    """Cannot start."""

    def init(self) -> None:
        raise RuntimeError("no port")


async def run(cluster: Cluster, node: VirtualNode, what: type = Acting) -> None:
    tree = Tree("one_for_one", [supervisor(failover(GROUP, [worker(what, name=ACTING)]))], intensity=5, period=10.0)
    await cluster.drive(node.start(Supervisor, tree))


def acting(*nodes: Node) -> list[str]:
    return [node.name for node in nodes if node.find(ACTING) is not None]


async def status(cluster: Cluster, node: Node) -> FailoverStatus:
    answer = await cluster.drive(node.call(failover_name(GROUP), AskStanding()))
    assert isinstance(answer, FailoverStatus)
    return answer


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    async with virtual_cluster("a@host", "b@host", "c@host") as three:
        for node in three.nodes:
            await run(three, node)
        await three.advance(3.0)
        yield three


async def test_the_oldest_node_acts_and_all_know_it(cluster: Cluster) -> None:
    assert acting(*cluster.nodes) == ["a@host"]
    assert [(await status(cluster, node)).by for node in cluster.nodes] == ["a@host"] * 3
    assert (await status(cluster, cluster.nodes[0])).others == ("b@host", "c@host")


async def test_after_an_orderly_end_the_next_oldest_takes_over_at_once_and_gives_it_not_back(cluster: Cluster) -> None:
    a, b, c = cluster.nodes
    gone = cluster.at("a@host")
    await cluster.drive(a.stop())
    await cluster.drive(gone.close())
    cluster.nodes.remove(a)
    await cluster.advance(0.5)
    assert acting(b, c) == ["b@host"]
    back = await cluster.start("a@host")
    await cluster.all_up()
    await run(cluster, back)
    await cluster.advance(5.0)
    assert acting(back, b, c) == ["b@host"]
    assert (await status(cluster, b)).takeovers == 1


async def test_a_node_that_is_killed_is_taken_over_from_within_two_seconds(cluster: Cluster) -> None:
    _, b, c = cluster.nodes
    await cluster.kill("a@host")
    await cluster.advance(2.0)
    assert acting(b, c) == ["b@host"]


async def test_a_node_that_is_cut_off_in_silence_stops_before_another_takes_over_and_that_within_five_seconds(
    cluster: Cluster,
) -> None:
    a, b, c = cluster.nodes
    cluster.hub.unplugged.add("a@host")
    for _ in range(100):
        await cluster.advance(0.05)
        assert len(acting(a, b, c)) <= 1
    assert acting(a, b, c) == ["b@host"]
    cluster.hub.unplugged.clear()
    await cluster.advance(10.0)
    assert acting(a, b, c) == ["b@host"]


async def test_what_acts_outside_is_stopped_before_the_tree_is(cluster: Cluster) -> None:
    a, b, _ = cluster.nodes
    may_act = leave_to_act(a, GROUP)
    assert may_act()
    assert not leave_to_act(b, GROUP)()
    assert leave_to_act(b, "no such group")()
    cluster.pause("a@host")
    await cluster.advance(4.0)
    assert not may_act()
    assert acting(a) == ["a@host"]


async def test_a_node_that_was_stopped_and_wakes_up_has_left_to_act_to_another(cluster: Cluster) -> None:
    a, b, c = cluster.nodes
    may_act = leave_to_act(a, GROUP)
    cluster.pause("a@host")
    await cluster.advance(5.0)
    assert acting(b, c) == ["b@host"]
    cluster.resume("a@host")
    for _ in range(100):
        await cluster.advance(0.05)
        assert not may_act()
    assert acting(a, b, c) == ["b@host"]
    assert (await status(cluster, a)).step_downs == 1


@pytest.mark.parametrize("asleep", [1.5, 3.5, 4.6, 20.0])
async def test_nodes_that_slept_do_not_take_over_from_one_that_was_awake(cluster: Cluster, asleep: float) -> None:
    for name in ("b@host", "c@host"):
        cluster.pause(name)
    await cluster.advance(asleep)
    for name in ("b@host", "c@host"):
        cluster.resume(name)
    for _ in range(100):
        await cluster.advance(0.05)
        assert acting(*cluster.nodes) == ["a@host"]


async def test_one_that_slept_for_less_than_a_lease_goes_on(cluster: Cluster) -> None:
    cluster.pause("a@host")
    await cluster.advance(2.0)
    cluster.resume("a@host")
    await cluster.advance(10.0)
    assert acting(*cluster.nodes) == ["a@host"]
    assert (await status(cluster, cluster.nodes[0])).step_downs == 0


async def test_of_two_that_act_when_they_see_each_other_again_the_one_that_took_over_stays(cluster: Cluster) -> None:
    a, b, c = cluster.nodes
    for other in ("b@host", "c@host"):
        cluster.hub.cut("a@host", other)
    await cluster.advance(20.0)
    assert acting(a, b, c) == ["a@host", "b@host"]  # the network says that a is connected: it sees nobody, that is all
    for other in ("b@host", "c@host"):
        cluster.hub.heal("a@host", other)
    await cluster.all_up()
    await cluster.advance(1.0)
    assert acting(a, b, c) == ["b@host"]
    assert (await status(cluster, a)).step_downs == 1


async def test_a_node_that_loses_the_network_stops_acting_where_another_could(cluster: Cluster) -> None:
    a, b, c = cluster.nodes
    cluster.hub.disconnect("a@host")
    await cluster.advance(1.0)
    assert acting(a) == []
    await cluster.advance(20.0)
    assert acting(b, c) == ["b@host"]
    cluster.hub.reconnect("a@host")
    await cluster.all_up()
    await cluster.advance(5.0)
    assert acting(a, b, c) == ["b@host"]


async def test_a_node_that_is_alone_goes_on_without_the_network() -> None:
    async with virtual_cluster("a@host") as cluster:
        [a] = cluster.nodes
        await run(cluster, a)
        await cluster.advance(3.0)
        cluster.hub.disconnect("a@host")
        await cluster.advance(60.0)
        assert acting(a) == ["a@host"]


async def test_who_is_not_willing_hands_over_and_who_has_nobody_to_hand_over_to_goes_on(cluster: Cluster) -> None:
    a, b, c = cluster.nodes
    await cluster.drive(a.call(failover_name(GROUP), SetWilling(False)))
    await cluster.advance(0.5)
    assert acting(a, b, c) == ["b@host"]
    await cluster.drive(c.call(failover_name(GROUP), SetWilling(False)))
    await cluster.advance(0.1)
    await cluster.drive(b.call(failover_name(GROUP), SetWilling(False)))
    await cluster.advance(5.0)
    assert acting(a, b, c) == ["b@host"]
    await cluster.drive(a.call(failover_name(GROUP), SetWilling(True)))
    await cluster.advance(0.5)
    assert acting(a, b, c) == ["a@host"]


@pytest.mark.parametrize("victim", [failover_name(GROUP), Name("supervisor", f"{GROUP} acting")])
async def test_a_failover_and_its_tree_end_together_and_one_node_acts_again(cluster: Cluster, victim: Name) -> None:
    a, b, c = cluster.nodes
    before, pid = a.whereis(ACTING), a.whereis(victim)
    assert pid is not None
    a.exit(pid, "kill")
    await cluster.idle()
    assert a.whereis(ACTING) != before
    await cluster.advance(5.0)
    [node] = acting(a, b, c)
    assert [(each.by, each.term if each.acting else 2) for each in [await status(cluster, on) for on in (a, b, c)]] == [
        (node, 2)
    ] * 3


async def test_what_cannot_start_on_one_node_starts_on_another() -> None:
    async with virtual_cluster("a@host", "b@host") as cluster:
        a, b = cluster.nodes
        await run(cluster, a, Stubborn)
        await run(cluster, b)
        await cluster.advance(12.0)
        assert acting(a, b) == ["b@host"]


async def test_without_a_cluster_it_acts_at_once(node: VirtualNode) -> None:
    tree = Tree("one_for_one", [supervisor(failover(GROUP, [worker(Acting, name=ACTING)]))], intensity=5, period=10.0)
    await node.drive(node.start(Supervisor, tree))
    await node.advance(0.1)
    assert acting(node) == [node.name]


PLACES = ("fs1", "fs2", "fs3", "fs4", "fs5", "fs6")


async def run_places(cluster: Cluster, node: VirtualNode, shift: int = 0) -> None:
    groups = [
        supervisor(failover(group, [worker(Acting, name=Name("acting", group))], place=place + shift))
        for place, group in enumerate(PLACES)
    ]
    await cluster.drive(node.start(Supervisor, Tree("one_for_one", groups, intensity=5, period=10.0)))


def dealt(*nodes: Node) -> dict[str, list[str]]:
    """Which groups each node runs."""
    return {node.name: [group for group in PLACES if node.find(Name("acting", group))] for node in nodes}


async def yields(cluster: Cluster, node: Node, group: str, to: str | None = None) -> object:
    return await cluster.drive(node.call(failover_name(group), Yield(to)))


@pytest.fixture
async def spread() -> AsyncIterator[Cluster]:
    async with virtual_cluster("a@host", "b@host", "c@host") as three:
        for node in three.nodes:
            await run_places(three, node)
        await three.advance(3.0)
        yield three


async def test_groups_with_places_are_dealt_out_evenly(spread: Cluster) -> None:
    assert dealt(*spread.nodes) == {"a@host": ["fs1", "fs4"], "b@host": ["fs2", "fs5"], "c@host": ["fs3", "fs6"]}


async def test_what_a_lost_node_had_is_dealt_out_to_the_others_and_nothing_else_moves(spread: Cluster) -> None:
    a, _, c = spread.nodes
    await spread.kill("b@host")
    await spread.advance(2.0)
    assert dealt(a, c) == {"a@host": ["fs1", "fs4", "fs5"], "c@host": ["fs2", "fs3", "fs6"]}
    back = await spread.start("b@host")
    await spread.all_up()
    await run_places(spread, back)
    await spread.advance(5.0)
    assert dealt(a, back, c) == {"a@host": ["fs1", "fs4", "fs5"], "b@host": [], "c@host": ["fs2", "fs3", "fs6"]}
    for node in (a, c):
        for group in PLACES:
            await yields(spread, node, group)
    await spread.advance(1.0)
    assert dealt(a, back, c) == {"a@host": ["fs1", "fs4"], "b@host": ["fs2", "fs5"], "c@host": ["fs3", "fs6"]}


async def test_a_group_is_yielded_to_whom_it_is_asked_for(spread: Cluster) -> None:
    a, b, c = spread.nodes
    answer = await yields(spread, a, "fs1", "c@host")
    assert isinstance(answer, FailoverStatus)
    assert (answer.acting, answer.preferred) == (False, "a@host")
    await spread.advance(0.5)
    assert "fs1" in dealt(c)["c@host"]
    assert await yields(spread, c, "fs1", "d@host") == CannotYield(
        "d@host cannot take fs1 over; there are: a@host, b@host"
    )
    assert isinstance(await yields(spread, b, "fs1", "a@host"), FailoverStatus), "it has nothing to yield"
    assert "fs1" in dealt(c)["c@host"]
    await spread.kill("c@host")
    await spread.advance(2.0)
    assert "fs1" in dealt(a)["a@host"]


async def test_nodes_that_count_places_otherwise_agree_all_the_same() -> None:
    async with virtual_cluster("a@host", "b@host", "c@host") as cluster:
        for shift, node in enumerate(cluster.nodes):
            await run_places(cluster, node, shift)
        await cluster.advance(3.0)
        found = dealt(*cluster.nodes)
        assert sorted(group for groups in found.values() for group in groups) == list(PLACES)
