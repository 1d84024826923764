"""A tree that runs on one node of a cluster at a time, and on another when that is lost."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from mirliton.runtime import GenServer, Name, Node
from mirliton.runtime.testing import Cluster, VirtualNode, virtual_cluster
from mirliton.supervisors import Supervisor, Tree, supervisor, worker
from mirliton.supervisors.failover import AskStanding, FailoverStatus, SetWilling, failover, failover_name

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


async def test_a_node_that_falls_silent_is_taken_over_from_only_when_it_must_have_stopped(cluster: Cluster) -> None:
    _, b, c = cluster.nodes
    for other in ("b@host", "c@host"):
        cluster.hub.cut("a@host", other)
    await cluster.advance(13.5)
    assert acting(b, c) == []
    await cluster.advance(2.0)
    assert acting(b, c) == ["b@host"]


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
