"""Who wants to know which nodes come and go (Erlang's net_kernel:monitor_nodes/1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mirliton.runtime.addresses import Pid
from mirliton.runtime.messages import message

if TYPE_CHECKING:
    from mirliton.runtime.node import Node


@message("otp.nodeup")
class NodeIsUp:
    """To who monitors nodes: processes of `node` can be reached. `incarnation` tells its starts apart."""

    node: str
    incarnation: int


@message("otp.nodedown")
class NodeIsDown:
    """To who monitors nodes: `node` is out of reach, for one of the reasons of transport/mesh.py."""

    node: str
    incarnation: int
    reason: str


class NodeMonitors:
    """The processes of this node that want to know. Each is told once, however often it asked."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._watchers: dict[Pid, None] = {}

    def add(self, watcher: Pid) -> None:
        self._watchers[watcher] = None

    def remove(self, watcher: Pid) -> None:
        self._watchers.pop(watcher, None)

    def tell(self, event: NodeIsUp | NodeIsDown) -> None:
        """Tell all; who has ended meanwhile is forgotten."""
        for watcher in list(self._watchers):
            cell = self._node.find(watcher)
            if cell is None:
                del self._watchers[watcher]
            else:
                self._node.deliver(cell, event, None)
