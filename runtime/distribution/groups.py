"""Process groups over nodes: each node tells all others who of its processes joins and leaves.

A node that comes up is told all, one that goes down takes its members along. There is no agreement and no order between
nodes: two of them may see different members for the time that the news takes, as with Erlang's pg.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

from mirliton.runtime.addresses import Pid
from mirliton.runtime.distribution.envelopes import Op
from mirliton.runtime.errors import CodecError

if TYPE_CHECKING:
    from mirliton.runtime.distribution.connection import Connection
    from mirliton.runtime.node import Node


class FarGroups:
    """Listens to all scopes of this node's groups."""

    def __init__(self, node: Node, connections: dict[str, Connection]) -> None:
        self._node = node
        self._connections = connections

    def open(self) -> None:
        self._node.groups.follow(self._changed)

    def close(self) -> None:
        self._node.groups.unfollow(self._changed)

    def _changed(self, scope: str, what: Literal["join", "leave"], group: Any, pids: tuple[Pid, ...]) -> None:
        for connection in self._connections.values():
            self._say(connection, Op.JOIN if what == "join" else Op.LEAVE, scope, group, pids)

    def _say(self, connection: Connection, op: Op, scope: str, group: Any, pids: Iterable[Pid]) -> None:
        try:
            connection.tell(op, scope, group, [pid.serial for pid in pids])
        except CodecError as error:
            # It is a group all the same, of this node alone.
            self._node.log.warning("group_cannot_travel", group=repr(group), error=str(error))

    def up(self, connection: Connection) -> None:
        """Tell a node that has come up who is in which group here."""
        for scope in self._node.groups.scopes():
            for group, pids in scope.local().items():
                self._say(connection, Op.JOIN, scope.name, group, pids)

    def joined(self, scope: str, group: Any, pids: list[Pid]) -> None:
        """Another node's processes joined."""
        self._node.groups.scope(scope).joined_elsewhere(group, pids)

    def left(self, scope: str, group: Any, pids: list[Pid]) -> None:
        """Another node's processes left."""
        self._node.groups.scope(scope).left_elsewhere(group, pids)

    def down(self, node: str) -> None:
        for scope in self._node.groups.scopes():
            scope.node_lost(node)
