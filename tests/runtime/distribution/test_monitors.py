"""Monitors over nodes: exactly one Down each."""

from __future__ import annotations

from typing import Any

from mirliton.runtime import Name, Pid
from mirliton.runtime.testing import Cluster, VirtualNode

CDR = Name("service", "cdr")


async def test_a_watcher_is_told_the_end_and_its_reason(
    cluster: Cluster, a: VirtualNode, b: VirtualNode, on: Any
) -> None:
    one, other = await on(a), await on(b, name=CDR)
    await one.do(lambda me: (me.monitor(other.pid), me.monitor(CDR.at("b@host"))))
    await cluster.advance(0.1)
    b.exit(other.pid, "broken")
    await cluster.advance(0.1)
    assert one.downs == [(other.pid, "broken"), (CDR.at("b@host"), "broken")]


async def test_who_is_not_there_gives_noproc_and_who_is_out_of_reach_noconnection(
    cluster: Cluster, a: VirtualNode, b: VirtualNode, on: Any
) -> None:
    one = await on(a)
    dead, gone = Pid("b@host", b.incarnation, 999), Pid("nowhere@host", 1, 1)
    for target in (dead, CDR.at("b@host"), gone, CDR.at("nowhere@host")):
        await one.do(lambda me, target=target: me.monitor(target))
    await cluster.advance(0.1)
    assert set(one.downs) == {
        (dead, "noproc"),
        (CDR.at("b@host"), "noproc"),
        (gone, "noconnection"),
        (CDR.at("nowhere@host"), "noconnection"),
    }


async def test_after_demonitor_nothing_comes(cluster: Cluster, a: VirtualNode, b: VirtualNode, on: Any) -> None:
    one, other = await on(a), await on(b)
    ref = await one.do(lambda me: me.monitor(other.pid))
    await cluster.advance(0.1)
    assert await one.do(lambda me: me.demonitor(ref))
    await cluster.advance(0.1)
    assert not await one.do(lambda me: me.demonitor(ref))
    b.exit(other.pid, "kill")
    await cluster.advance(0.1)
    assert one.downs == []
    assert other.pid.cell is None


async def test_a_watcher_that_ends_is_forgotten_there(
    cluster: Cluster, a: VirtualNode, b: VirtualNode, on: Any
) -> None:
    one, other = await on(a), await on(b)
    await one.do(lambda me: me.monitor(other.pid))
    await cluster.advance(0.1)
    cell = b.find(other.pid)
    assert len(cell.monitored_by) == 1
    a.exit(one.pid, "kill")
    await cluster.advance(0.1)
    assert not cell.monitored_by


async def test_a_dead_node_gives_each_monitor_one_noconnection_within_a_second(
    cluster: Cluster, a: VirtualNode, b: VirtualNode, on: Any
) -> None:
    one, other = await on(a), await on(b, name=CDR)
    await one.do(lambda me: (me.monitor(other.pid), me.monitor(CDR.at("b@host"))))
    await cluster.kill("b@host")
    await cluster.advance(1.0)
    assert one.downs == [(other.pid, "noconnection"), (CDR.at("b@host"), "noconnection")]
    await cluster.start("b@host")
    await cluster.all_up()
    await cluster.advance(5.0)
    assert len(one.downs) == 2


async def test_a_pid_of_an_earlier_start_of_the_node_is_nobody(
    cluster: Cluster, a: VirtualNode, b: VirtualNode, on: Any
) -> None:
    one, other = await on(a), await on(b)
    await cluster.kill("b@host")
    await cluster.start("b@host")
    await cluster.all_up()
    await one.do(lambda me: me.monitor(other.pid))
    assert one.downs == [(other.pid, "noproc")]


async def test_who_is_outside_all_processes_can_wait_for_an_end_there(
    cluster: Cluster, a: VirtualNode, b: VirtualNode, on: Any
) -> None:
    other = await on(b)
    waiting = a.loop.create_task(a.wait_exit(other.pid))
    await cluster.advance(0.1)
    b.exit(other.pid, "broken")
    assert await cluster.drive(waiting) == "broken"


async def test_who_is_linked_and_watches_hears_of_the_link_first(
    cluster: Cluster, a: VirtualNode, b: VirtualNode, on: Any
) -> None:
    one, other = await on(a, trap=True), await on(b)
    await one.do(lambda me: (me.monitor(other.pid), me.link(other.pid)))
    await cluster.advance(0.1)
    b.exit(other.pid, "kill")
    await cluster.advance(0.1)
    assert [type(mail).__name__ for mail in one.seen] == ["ExitSignal", "Down"]
