"""Links and exit signals over nodes."""

from __future__ import annotations

from typing import Any

import pytest

from mirliton.runtime import Pid
from mirliton.runtime.testing import Cluster, VirtualNode


async def test_an_end_reaches_a_linked_process_on_the_other_node(
    cluster: Cluster, a: VirtualNode, b: VirtualNode, on: Any
) -> None:
    one, other = await on(a), await on(b, trap=True)
    await one.do(lambda me: me.link(other.pid))
    await cluster.advance(0.1)
    a.exit(one.pid, "broken")
    await cluster.advance(0.1)
    assert other.exits == [(one.pid, "broken")]


async def test_a_linked_process_that_does_not_trap_dies_too_either_way_round(
    cluster: Cluster, a: VirtualNode, b: VirtualNode, on: Any
) -> None:
    one, other = await on(a), await on(b)
    await one.do(lambda me: me.link(other.pid))
    await cluster.advance(0.1)
    b.exit(other.pid, "broken")
    await cluster.advance(0.1)
    assert not one.alive


async def test_a_normal_end_harms_nobody(cluster: Cluster, a: VirtualNode, b: VirtualNode, on: Any) -> None:
    one, other = await on(a), await on(b)
    await one.do(lambda me: me.link(other.pid))
    await cluster.advance(0.1)
    b.exit(other.pid, "normal", other.pid)
    await cluster.advance(0.1)
    assert one.alive
    assert not other.alive


async def test_an_unlinked_process_hears_nothing_whichever_side_unlinks(
    cluster: Cluster, a: VirtualNode, b: VirtualNode, on: Any
) -> None:
    for unlinker in ("one", "other"):
        one, other = await on(a, trap=True), await on(b, trap=True)
        await one.do(lambda me, to=other.pid: me.link(to))
        await cluster.advance(0.1)
        who, to = (one, other.pid) if unlinker == "one" else (other, one.pid)
        await who.do(lambda me, to=to: me.unlink(to))
        await cluster.advance(0.1)
        b.exit(other.pid, "kill")
        await cluster.advance(0.1)
        assert one.exits == []


async def test_a_link_that_is_made_while_the_other_side_unlinks_the_one_before_stays(
    cluster: Cluster, a: VirtualNode, b: VirtualNode, on: Any
) -> None:
    one, other = await on(a, trap=True), await on(b, trap=True)
    await one.do(lambda me: me.link(other.pid))
    await cluster.advance(0.1)
    first = one.begin(lambda me: (me.unlink(other.pid), me.link(other.pid)))
    second = other.begin(lambda me: me.unlink(one.pid))
    await cluster.drive(first)
    await cluster.drive(second)
    await cluster.advance(0.1)
    b.exit(other.pid, "kill")
    await cluster.advance(0.1)
    assert one.exits == [(other.pid, "killed")]


async def test_two_links_are_one(cluster: Cluster, a: VirtualNode, b: VirtualNode, on: Any) -> None:
    one, other = await on(a, trap=True), await on(b, trap=True)
    begun = [one.begin(lambda me: me.link(other.pid)), other.begin(lambda me: me.link(one.pid))]
    for each in begun:
        await cluster.drive(each)
    await cluster.advance(0.1)
    b.exit(other.pid, "kill")
    await cluster.advance(0.1)
    assert one.exits == [(other.pid, "killed")]


async def test_a_link_to_a_dead_process_exits_with_noproc(
    cluster: Cluster, a: VirtualNode, b: VirtualNode, on: Any
) -> None:
    one, dead = await on(a, trap=True), Pid("b@host", b.incarnation, 999)
    await one.do(lambda me: me.link(dead))
    await cluster.advance(0.1)
    assert one.exits == [(dead, "noproc")]


async def test_a_link_to_a_node_that_is_out_of_reach_exits_with_noconnection(
    cluster: Cluster, a: VirtualNode, on: Any
) -> None:
    gone = Pid("nowhere@host", 1, 1)
    trapping, other = await on(a, trap=True), await on(a)
    await trapping.do(lambda me: me.link(gone))
    other.begin(lambda me: me.link(gone))
    await cluster.advance(0.1)
    assert trapping.exits == [(gone, "noconnection")]
    assert not other.alive


async def test_links_fire_noconnection_on_both_sides_of_a_cut_and_are_not_restored(
    cluster: Cluster, a: VirtualNode, b: VirtualNode, on: Any
) -> None:
    one, other = await on(a, trap=True), await on(b, trap=True)
    await one.do(lambda me: me.link(other.pid))
    await cluster.advance(0.1)
    cluster.hub.cut("a@host", "b@host")
    await cluster.advance(5.0)
    assert one.exits == [(other.pid, "noconnection")]
    assert other.exits == [(one.pid, "noconnection")]
    cluster.hub.heal("a@host", "b@host")
    await cluster.all_up()
    assert await one.do(lambda me: me.call(other.pid, "the same process")) == "the same process"
    b.exit(other.pid, "kill")
    await cluster.advance(0.1)
    assert len(one.exits) == 1


@pytest.mark.parametrize(
    ("reason", "trap", "lives"),
    [("normal", False, True), ("bad", False, False), ("bad", True, True), ("kill", True, False)],
)
async def test_an_exit_signal_does_there_what_it_does_here(
    reason: str, trap: bool, lives: bool, cluster: Cluster, a: VirtualNode, b: VirtualNode, on: Any
) -> None:
    one, other = await on(a), await on(b, trap=trap)
    await one.do(lambda me: me.exit(other.pid, reason))
    await cluster.advance(0.1)
    assert other.alive is lives
    assert other.exits == ([(one.pid, reason)] if trap and lives else [])


async def test_signals_and_messages_of_one_process_to_another_keep_their_order(
    cluster: Cluster, a: VirtualNode, b: VirtualNode, on: Any
) -> None:
    one, other = await on(a), await on(b, trap=True)
    await one.do(lambda me: (me.link(other.pid), me.send(other.pid, 1), me.exit(other.pid, 2), me.send(other.pid, 3)))
    a.exit(one.pid, 4)
    await cluster.advance(0.1)
    assert [getattr(mail, "reason", mail) for mail in other.seen] == [1, 2, 3, 4]


async def test_a_reason_that_cannot_travel_is_told_in_words(
    cluster: Cluster, a: VirtualNode, b: VirtualNode, on: Any
) -> None:
    a.strict = False
    one, other = await on(a), await on(b, trap=True)
    await one.do(lambda me: me.link(other.pid))
    a.exit(one.pid, {1, 2})
    await cluster.advance(0.1)
    ((_, reason),) = other.exits
    assert "cannot travel" in str(reason)
