"""Process groups over nodes."""

from __future__ import annotations

from typing import Any

from mirliton.runtime import GroupJoined, GroupLeft
from mirliton.runtime.testing import Cluster, VirtualNode


async def test_members_are_seen_on_all_nodes_also_by_one_that_comes_later(
    cluster: Cluster, a: VirtualNode, b: VirtualNode, on: Any
) -> None:
    one, other = await on(a), await on(b)
    a.groups.join("g", one.pid, one.pid)
    b.groups.scope("billing").join(("g", 1), other.pid)
    await cluster.advance(0.1)
    assert b.groups.members("g") == (one.pid, one.pid)
    assert a.groups.scope("billing").members(("g", 1)) == (other.pid,)
    c = await cluster.start("c@host")
    await cluster.all_up()
    await cluster.advance(0.1)
    assert c.groups.members("g") == (one.pid, one.pid)
    assert c.groups.scope("billing").members(("g", 1)) == (other.pid,)


async def test_who_leaves_or_ends_is_gone_everywhere_and_watchers_are_told(
    cluster: Cluster, a: VirtualNode, b: VirtualNode, on: Any
) -> None:
    one, watcher = await on(a), await on(b)
    ref, _ = b.groups.monitor(watcher.pid, "g")
    a.groups.join("g", one.pid)
    await cluster.advance(0.1)
    a.groups.leave("g", one.pid)
    a.groups.join("g", one.pid)
    a.exit(one.pid, "kill")
    await cluster.advance(0.1)
    joined, left = GroupJoined(ref, "g", (one.pid,)), GroupLeft(ref, "g", (one.pid,))
    assert watcher.seen == [joined, left, joined, left]
    assert b.groups.members("g") == ()


async def test_the_members_of_a_lost_node_leave_and_come_back_with_it(
    cluster: Cluster, a: VirtualNode, b: VirtualNode, on: Any
) -> None:
    one, other = await on(a), await on(b)
    a.groups.join("g", one.pid)
    b.groups.join("g", other.pid)
    await cluster.advance(0.1)
    cluster.hub.cut("a@host", "b@host")
    await cluster.advance(5.0)
    assert (a.groups.members("g"), b.groups.members("g")) == ((one.pid,), (other.pid,))
    cluster.hub.heal("a@host", "b@host")
    await cluster.all_up()
    await cluster.advance(0.1)
    assert set(a.groups.members("g")) == set(b.groups.members("g")) == {one.pid, other.pid}


async def test_a_group_whose_name_cannot_travel_stays_on_its_node(
    cluster: Cluster, a: VirtualNode, b: VirtualNode, on: Any
) -> None:
    one = await on(a)
    group = frozenset({1})
    a.groups.join(group, one.pid)
    a.groups.join("g", one.pid)
    await cluster.advance(0.1)
    assert a.groups.members(group) == (one.pid,)
    assert b.groups.which_groups() == ("g",)
