"""Process groups, like Erlang's `pg`: many processes under one name, for whoever wants to reach them all.

    import asyncio

    from mirliton.runtime import GenServer, Node

    class Worker(GenServer):
        def init(self) -> None:
            self.node.groups.join("workers", self.pid)      # it leaves by itself when it crashes

        def handle_cast(self, request):
            raise RuntimeError("on purpose")

    async def main() -> None:
        async with Node() as node:
            first, second = [await node.start(Worker) for _ in range(2)]
            assert set(node.groups.members("workers")) == {first, second}
            node.cast(first, "crash")
            await node.wait_exit(first)
            assert node.groups.members("workers") == (second,)

    asyncio.run(main())

`node.groups` is the scope that Erlang calls `pg`; `node.groups.scope("billing")` is another, whose groups have nothing
to do with these. A process that joins twice is a member twice, and has to leave twice. A group is there while it has
members. No restart is done and no order is promised.

A watcher (`node.groups.monitor`) is told of changes by GroupJoined and GroupLeft.

Each node is the master of its own processes' memberships. So that groups can span nodes, distribution listens to
what happens here (`follow`), hands over what happened elsewhere (`joined_elsewhere`, `left_elsewhere`), and takes the
members of a lost node out (`node_lost`).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import TYPE_CHECKING, Any, Final, Literal

from mirliton.runtime.addresses import Pid
from mirliton.runtime.messages import message
from mirliton.runtime.protocol import Ref

if TYPE_CHECKING:
    from mirliton.runtime.cell import Cell
    from mirliton.runtime.node import Node

DEFAULT_SCOPE: Final = "pg"

Change = Callable[[Literal["join", "leave"], Any, tuple[Pid, ...]], None]
Follow = Callable[[str, Literal["join", "leave"], Any, tuple[Pid, ...]], None]


@message("otp.group_joined")
class GroupJoined:
    """To who monitors the group: these processes joined it."""

    ref: Ref
    group: Any
    pids: tuple[Pid, ...]


@message("otp.group_left")
class GroupLeft:
    """To who monitors the group: these processes left it, or ended."""

    ref: Ref
    group: Any
    pids: tuple[Pid, ...]


class Groups:
    """The groups of one scope on one node. A restart of a member joins nothing by itself."""

    def __init__(self, node: Node, name: str = DEFAULT_SCOPE, first: Groups | None = None) -> None:
        self.name = name
        self.on_change: list[Change] = []
        """Called with ("join" or "leave", group, pids) when processes of this node do so."""
        self._node = node
        self._scopes: dict[str, Groups] = {name: self} if first is None else first._scopes
        self._followers: list[Follow] = [] if first is None else first._followers
        """The same ones for all scopes."""
        self._members: dict[Hashable, list[Pid]] = {}
        self._joined: dict[Pid, list[Hashable]] = {}
        """By process of this node: the groups it is in, as often as it is."""
        self._watchers: dict[Ref, tuple[Pid, Hashable | None]] = {}
        """Who is told of which group, or (None) of all."""

    def scope(self, name: str) -> Groups:
        """The groups of another scope; it is there from its first use."""
        if name not in self._scopes:
            self._scopes[name] = Groups(self._node, name, self)
        return self._scopes[name]

    def scopes(self) -> list[Groups]:
        """All that are there."""
        return list(self._scopes.values())

    # Membership

    def join(self, group: Hashable, *pids: Pid) -> None:
        """Make processes of this node members, once more if they are.

        One that is dead leaves at once. Raises ValueError for a process of another node.
        """
        for pid in pids:
            if pid.node != self._node.name:
                raise ValueError(f"{pid} is of another node, which alone can let it join {group!r}")
        if not pids:
            return
        self._listen()
        for pid in pids:
            self._joined.setdefault(pid, []).append(group)
        self._enter(group, pids)
        self._changed("join", group, pids)
        for pid in pids:
            if self._node.find(pid) is None and pid in self._joined:
                self._leave_all(pid)

    def leave(self, group: Hashable, *pids: Pid) -> bool:
        """End one membership of each. False (Erlang's not_joined) when none of them is a member."""
        left = []
        for pid in pids:
            mine = self._joined.get(pid, [])
            if group in mine:
                mine.remove(group)
                left.append(pid)
                if not mine:
                    del self._joined[pid]
        if left:
            self._remove(group, left)
            self._changed("leave", group, tuple(left))
        return bool(left)

    def members(self, group: Hashable) -> tuple[Pid, ...]:
        """All members, on whatever node, each as often as it joined."""
        return tuple(self._members.get(group, ()))

    def local_members(self, group: Hashable) -> tuple[Pid, ...]:
        """The members on this node."""
        return tuple(pid for pid in self._members.get(group, ()) if pid.node == self._node.name)

    def which_groups(self) -> tuple[Hashable, ...]:
        """The groups that have members."""
        return tuple(self._members)

    # Monitors

    def monitor(self, watcher: Pid, group: Hashable) -> tuple[Ref, tuple[Pid, ...]]:
        """Tell `watcher` of each GroupJoined and GroupLeft from now on; and who is a member now."""
        return self._watch(watcher, group), self.members(group)

    def monitor_scope(self, watcher: Pid) -> tuple[Ref, dict[Hashable, tuple[Pid, ...]]]:
        """`monitor` of all groups of this scope, also of those to come."""
        return self._watch(watcher, None), {group: tuple(pids) for group, pids in self._members.items()}

    def demonitor(self, ref: Ref) -> bool:
        """End a monitor; what it told and still lies in the mailbox goes too. False when there was none."""
        watched = self._watchers.pop(ref, None)
        if watched is None:
            return False
        cell = self._node.find(watched[0])
        if cell is not None:
            cell.take_out(lambda mail: isinstance(mail, GroupJoined | GroupLeft) and mail.ref == ref)
        return True

    # Other nodes

    def follow(self, follower: Follow) -> None:
        """Call `follower(scope, "join" or "leave", group, pids)` when processes of this node do so, in any scope."""
        self._followers.append(follower)

    def unfollow(self, follower: Follow) -> None:
        self._followers.remove(follower)

    def local(self) -> dict[Hashable, tuple[Pid, ...]]:
        """What another node has to know of this one."""
        return {group: members for group in self._members if (members := self.local_members(group))}

    def joined_elsewhere(self, group: Hashable, pids: Iterable[Pid]) -> None:
        """Processes of another node joined there."""
        self._enter(group, tuple(pids))

    def left_elsewhere(self, group: Hashable, pids: Iterable[Pid]) -> None:
        """Processes of another node left there. Raises ValueError for one that was no member."""
        self._remove(group, list(pids))

    def node_lost(self, node: str) -> None:
        """Take the members of that node out, each watched group with one GroupLeft."""
        for group, members in list(self._members.items()):
            lost = [pid for pid in members if pid.node == node]
            if lost:
                self._remove(group, lost)

    # Inside

    def _enter(self, group: Hashable, pids: tuple[Pid, ...]) -> None:
        self._members.setdefault(group, []).extend(pids)
        self._tell(GroupJoined, group, pids)

    def _remove(self, group: Hashable, pids: list[Pid]) -> None:
        members = self._members.get(group, [])
        for pid in pids:
            members.remove(pid)
        if not members:
            self._members.pop(group, None)
        self._tell(GroupLeft, group, tuple(pids))

    def _tell(self, kind: type[GroupJoined | GroupLeft], group: Hashable, pids: tuple[Pid, ...]) -> None:
        for ref, (watcher, watched) in list(self._watchers.items()):
            if watched is None or watched == group:
                self._node.send(watcher, kind(ref, group, pids))

    def _changed(self, what: Literal["join", "leave"], group: Hashable, pids: tuple[Pid, ...]) -> None:
        for hook in self.on_change:
            hook(what, group, pids)
        for follower in self._followers:
            follower(self.name, what, group, pids)

    def _watch(self, watcher: Pid, group: Hashable | None) -> Ref:
        self._listen()
        ref = self._node.new_ref()
        self._watchers[ref] = watcher, group
        return ref

    def _listen(self) -> None:
        # From the first use on: a node without groups pays nothing at a death.
        if self._ended not in self._node.on_exit:
            self._node.on_exit.append(self._ended)

    def _ended(self, cell: Cell, *_: object) -> None:
        """The node's exit hook."""
        if cell.pid in self._joined:
            self._leave_all(cell.pid)
        for ref, (watcher, _group) in list(self._watchers.items()):
            if watcher == cell.pid:
                del self._watchers[ref]

    def _leave_all(self, pid: Pid) -> None:
        for group in self._joined.pop(pid):
            self._remove(group, [pid])
            self._changed("leave", group, (pid,))
