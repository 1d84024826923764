"""Process groups: who is a member, and who is told."""

from __future__ import annotations

from typing import Any

import pytest

from mirliton.runtime import GroupJoined, GroupLeft, Pid
from mirliton.runtime.testing import VirtualNode

FAR = Pid("other@host", 1, 7)


async def test_a_process_that_joins_twice_is_a_member_twice_and_has_to_leave_twice(
    node: VirtualNode, puppet: Any
) -> None:
    a, b = await puppet(), await puppet()
    node.groups.join("g", a.pid)
    node.groups.join("g", a.pid, b.pid)
    assert node.groups.members("g") == (a.pid, a.pid, b.pid)
    assert node.groups.leave("g", a.pid)
    assert node.groups.members("g") == (a.pid, b.pid)
    assert node.groups.leave("g", a.pid, b.pid)
    assert node.groups.members("g") == ()
    assert not node.groups.leave("g", a.pid)


async def test_a_group_is_there_while_it_has_members(node: VirtualNode, puppet: Any) -> None:
    a = await puppet()
    assert node.groups.which_groups() == ()
    node.groups.join("g", a.pid)
    node.groups.join(("room", 7), a.pid)
    assert node.groups.which_groups() == ("g", ("room", 7))
    node.groups.leave("g", a.pid)
    assert node.groups.which_groups() == (("room", 7),)


async def test_a_scope_has_groups_of_its_own(node: VirtualNode, puppet: Any) -> None:
    a = await puppet()
    billing = node.groups.scope("billing")
    billing.join("g", a.pid)
    assert node.groups.members("g") == ()
    assert billing.scope("billing") is billing
    assert billing.scope("pg") is node.groups


async def test_a_member_leaves_all_its_groups_when_it_ends(node: VirtualNode, puppet: Any) -> None:
    a, b = await puppet(), await puppet()
    node.groups.join("g", a.pid, a.pid, b.pid)
    node.groups.join("h", a.pid)
    node.exit(a.pid, "kill")
    assert node.groups.members("g") == (b.pid,)
    assert node.groups.which_groups() == ("g",)


async def test_a_dead_process_leaves_as_soon_as_it_joins(node: VirtualNode, puppet: Any) -> None:
    a = await puppet()
    node.exit(a.pid, "kill")
    node.groups.join("g", a.pid)
    assert node.groups.which_groups() == ()


async def test_who_monitors_a_group_is_told_of_it_alone(node: VirtualNode, puppet: Any) -> None:
    watcher, a, b = await puppet(), await puppet(), await puppet()
    node.groups.join("g", a.pid)
    ref, members = node.groups.monitor(watcher.pid, "g")
    assert members == (a.pid,)
    node.groups.join("g", b.pid)
    node.groups.join("other", b.pid)
    node.groups.leave("g", a.pid)
    node.exit(b.pid, "kill")
    await node.idle()
    assert watcher.messages == [
        GroupJoined(ref, "g", (b.pid,)),
        GroupLeft(ref, "g", (a.pid,)),
        GroupLeft(ref, "g", (b.pid,)),
    ]


async def test_who_monitors_a_scope_is_told_of_all_its_groups(node: VirtualNode, puppet: Any) -> None:
    watcher, a = await puppet(), await puppet()
    node.groups.join("g", a.pid)
    ref, groups = node.groups.monitor_scope(watcher.pid)
    assert groups == {"g": (a.pid,)}
    node.groups.join("new", a.pid)
    await node.idle()
    assert watcher.messages == [GroupJoined(ref, "new", (a.pid,))]


async def test_demonitor_takes_back_what_was_told_and_not_yet_read(node: VirtualNode, puppet: Any) -> None:
    watcher, a = await puppet(), await puppet()
    ref, _ = node.groups.monitor(watcher.pid, "g")
    node.groups.join("g", a.pid)
    assert node.groups.demonitor(ref)
    node.groups.join("g", a.pid)
    await node.idle()
    assert watcher.messages == []
    assert not node.groups.demonitor(ref)


async def test_a_dead_watcher_is_forgotten(node: VirtualNode, puppet: Any) -> None:
    watcher, a = await puppet(), await puppet()
    ref, _ = node.groups.monitor(watcher.pid, "g")
    node.exit(watcher.pid, "kill")
    letters = node.dead_letters
    node.groups.join("g", a.pid)
    assert node.dead_letters == letters
    assert not node.groups.demonitor(ref)


# Other nodes


async def test_members_elsewhere_are_members_but_not_local_ones(node: VirtualNode, puppet: Any) -> None:
    watcher, a = await puppet(), await puppet()
    node.groups.join("g", a.pid)
    ref, _ = node.groups.monitor(watcher.pid, "g")
    node.groups.joined_elsewhere("g", [FAR])
    assert node.groups.members("g") == (a.pid, FAR)
    assert node.groups.local_members("g") == (a.pid,)
    assert node.groups.local() == {"g": (a.pid,)}
    node.groups.node_lost("other@host")
    assert node.groups.members("g") == (a.pid,)
    await node.idle()
    assert watcher.messages == [GroupJoined(ref, "g", (FAR,)), GroupLeft(ref, "g", (FAR,))]


async def test_only_its_own_node_can_let_a_process_join(node: VirtualNode) -> None:
    with pytest.raises(ValueError, match="another node"):
        node.groups.join("g", FAR)
    assert node.groups.which_groups() == ()


async def test_a_transport_hears_of_the_changes_of_this_node_only(node: VirtualNode, puppet: Any) -> None:
    a = await puppet()
    heard: list[Any] = []
    node.groups.on_change.append(lambda *change: heard.append(change))
    node.groups.join("g", a.pid)
    node.groups.joined_elsewhere("g", [FAR])
    node.groups.left_elsewhere("g", [FAR])
    node.exit(a.pid, "kill")
    assert heard == [("join", "g", (a.pid,)), ("leave", "g", (a.pid,))]
