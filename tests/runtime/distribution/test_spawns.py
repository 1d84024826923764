"""Processes started on another node."""

from __future__ import annotations

from typing import Any

import pytest

from far_world import Scribe
from mirliton.runtime import AlreadyStarted, GenServer, Name, NodeDown, ServerDied, StartError
from mirliton.runtime.errors import Exit
from mirliton.runtime.gen_server import IGNORE
from mirliton.runtime.testing import Cluster, VirtualNode

CDR = Name("service", "cdr")


class Fussy(GenServer):
    """Starts as it is told."""

    def init(self, how: str) -> Any:
        if how == "crash":
            raise ValueError("told to")
        if how == "exit":
            raise Exit("told to")
        return IGNORE if how == "ignore" else None


async def test_a_process_starts_there_with_its_arguments_and_name(cluster: Cluster, b: VirtualNode) -> None:
    pid = await cluster.drive(cluster.at("a@host").start("b@host", Scribe, trap=True, name=CDR))
    assert pid is not None
    assert pid.node == "b@host"
    assert b.whereis(CDR) == pid
    cell = b.find(pid)
    assert cell is not None
    assert cell.trap


async def test_a_start_that_fails_says_why(cluster: Cluster, b: VirtualNode, on: Any) -> None:
    holder = await on(b, name=CDR)
    start = cluster.at("a@host").start
    with pytest.raises(AlreadyStarted) as already:
        await cluster.drive(start("b@host", Scribe, name=CDR))
    assert already.value.pid == holder.pid
    with pytest.raises(StartError) as failed:
        await cluster.drive(start("b@host", Fussy, "exit"))
    assert failed.value.reason == "told to"
    with pytest.raises(StartError, match="ValueError: told to"):
        await cluster.drive(start("b@host", Fussy, "crash"))
    assert await cluster.drive(start("b@host", Fussy, "ignore")) is None
    assert len(cluster.nodes[0].calls) == len(b.calls) == 0


async def test_a_class_that_is_not_known_there_fails_at_once(cluster: Cluster, b: VirtualNode) -> None:
    from mirliton.runtime import codec

    class Unknown(GenServer):
        """Of this test."""

    name = f"{Unknown.__module__}:{Unknown.__qualname__}"
    start = cluster.nodes[0].loop.create_task(cluster.at("a@host").start("b@host", Unknown))
    await cluster.nodes[0].idle()
    codec.exchange_process_classes([name], {})
    with pytest.raises(ServerDied, match="not registered"):
        await cluster.drive(start)
    assert len(b) == 0


async def test_nothing_starts_on_a_node_that_is_out_of_reach(cluster: Cluster) -> None:
    with pytest.raises(NodeDown):
        await cluster.at("a@host").start("nowhere@host", Scribe)


async def test_a_linked_child_has_its_starter_as_parent_and_shares_its_end(
    cluster: Cluster, a: VirtualNode, b: VirtualNode, on: Any
) -> None:
    one = await on(a, trap=True)
    child = await one.do(lambda me: cluster.at("a@host").start_link(me, "b@host", Scribe))
    cell = b.find(child)
    assert cell is not None
    assert cell.parent == one.pid
    a.exit(one.pid, "kill")
    await cluster.advance(0.1)
    assert b.find(child) is None


async def test_the_end_of_a_linked_child_reaches_its_starter(
    cluster: Cluster, a: VirtualNode, b: VirtualNode, on: Any
) -> None:
    one = await on(a, trap=True)
    child = await one.do(lambda me: cluster.at("a@host").start_link(me, "b@host", Scribe))
    b.exit(child, "broken")
    await cluster.advance(0.1)
    assert one.exits == [(child, "broken")]


async def test_a_trapping_starter_of_a_linked_child_that_fails_hears_its_exit(
    cluster: Cluster, a: VirtualNode, on: Any
) -> None:
    one = await on(a, trap=True)
    with pytest.raises(StartError):
        await one.do(lambda me: cluster.at("a@host").start_link(me, "b@host", Fussy, "exit"))
    assert [reason for _, reason in one.exits] == ["told to"]


async def test_a_monitored_child_gives_one_down_and_a_failed_start_none(
    cluster: Cluster, a: VirtualNode, b: VirtualNode, on: Any
) -> None:
    one = await on(a)
    child, _ = await one.do(lambda me: cluster.at("a@host").start_monitor(me, "b@host", Scribe))
    b.exit(child, "broken")
    await cluster.advance(0.1)
    assert one.downs == [(child, "broken")]
    with pytest.raises(StartError):
        await one.do(lambda me: cluster.at("a@host").start_monitor(me, "b@host", Fussy, "exit"))
    await cluster.advance(0.1)
    assert len(one.downs) == 1


async def test_a_starter_that_ends_meanwhile_takes_its_linked_child_along(
    cluster: Cluster, a: VirtualNode, b: VirtualNode, on: Any
) -> None:
    one = await on(a)
    one.begin(lambda me: cluster.at("a@host").start_link(me, "b@host", Scribe))
    await a.idle()
    a.exit(one.pid, "kill")
    await cluster.advance(0.1)
    assert len(b) == 0


async def test_a_child_of_another_nodes_process_ends_in_order_when_its_node_stops(
    cluster: Cluster, a: VirtualNode, b: VirtualNode, on: Any
) -> None:
    one = await on(a, trap=True)
    child = await one.do(lambda me: cluster.at("a@host").start_link(me, "b@host", Scribe, trap=True))
    began = cluster.clock.now()
    await b.stop()
    assert cluster.clock.now() - began < 1.0
    await cluster.drive(cluster.at("b@host").close())
    await cluster.advance(0.1)
    assert one.exits == [(child, "shutdown")]
