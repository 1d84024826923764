"""The process of each node that takes what other nodes send to its entities, and hears which nodes come and go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from mirliton.runtime import From, GenServer, Node, NoReply, Reply
from mirliton.runtime.distribution import NodeIsDown, NodeIsUp
from mirliton.supervisors.entities.messages import LaneCall, LaneSend, NotHere, Owned, Table, WhoOwns

if TYPE_CHECKING:
    from mirliton.supervisors.entities.entities import Entities

_parts: WeakKeyDictionary[Node, Entities] = WeakKeyDictionary()


def attach(node: Node, entities: Entities | None) -> None:
    """Whose gate that of this node is; None ends that."""
    if entities is None:
        _parts.pop(node, None)
    else:
        _parts[node] = entities


class Gate(GenServer):
    """Keeps nothing itself: when it is started anew it asks all nodes again what they own."""

    def init(self) -> None:
        self.entities = _parts[self.node]
        distribution = self.entities.distribution
        if distribution is not None:
            distribution.monitor_nodes(self.pid)
            for node in distribution.nodes():
                self._greet(node)

    def state(self) -> dict[str, Any]:
        """What `sys.get_state` shows."""
        return self.entities.status()

    def handle_info(self, message: Any) -> None:
        entities = self.entities
        match message:
            case LaneSend(name, inner, sender, hops):
                entities.counters.passed_on += not entities.owns(entities.shard_of(name))
                entities.lane.send(name, inner, sender, hops)
            case Owned(shard, epoch, node):
                entities.heard(shard, epoch, node)
            case NodeIsUp(node):
                self._greet(node)
            case NodeIsDown(node):
                entities.node_down(node)
            case _:
                super().handle_info(message)

    def handle_cast(self, request: Any) -> None:
        match request:
            case (str(node), Table(owned, hosts)):
                self.entities.heard_table(node, owned, hosts)
            case (str(node), WhoOwns()):
                self._tell(node)
            case _:
                self.log.warning("unexpected_cast", message_type=type(request).__qualname__)

    def handle_call(self, request: Any, sender: From) -> Any:
        match request:
            case LaneCall(name, inner, pid, key):
                shard = self.entities.shard_of(name)
                if not self.entities.owns(shard) or name.kind not in self.entities.kinds:
                    return Reply(NotHere(shard, self.entities.fence.epoch(shard)))
                cell = self._cell
                if cell.callers is not None:
                    cell.callers.discard(sender.tag)  # from here on it is the entity that must not die of it
                self.node.calls.unbind(sender.tag)
                self.entities.serve(name, inner, pid, key, sender)
                return NoReply()
        return super().handle_call(request, sender)

    def _greet(self, node: str) -> None:
        self._tell(node)
        self._ask(node, WhoOwns())

    def _tell(self, node: str) -> None:
        self._ask(node, self.entities.table())

    def _ask(self, node: str, request: Table | WhoOwns) -> None:
        self.entities.to_gate(node, (self.node.name, request))
