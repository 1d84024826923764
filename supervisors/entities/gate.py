"""The process of each node that takes what other nodes send to its entities, and hears which nodes come and go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from mirliton.runtime import Call, From, GenServer, Node, NoReply, Reply
from mirliton.runtime.distribution import NodeIsDown, NodeIsUp
from mirliton.supervisors.entities.messages import (
    Expect,
    GiveBack,
    LaneCall,
    LaneSend,
    NotHere,
    Owned,
    Stamp,
    StandAside,
    Table,
    WhoOwns,
)

if TYPE_CHECKING:
    from mirliton.supervisors.entities.entities import Entities

_parts: WeakKeyDictionary[Node, Entities] = WeakKeyDictionary()


def attach(node: Node, entities: Entities | None) -> None:
    """Whose gate that of this node is; None ends that."""
    if entities is None:
        _parts.pop(node, None)
    else:
        _parts[node] = entities


def entities_of(node: Node) -> Entities | None:
    """The node's part in the entities, while it is open."""
    return _parts.get(node)


def is_over(node: Node, stamp: Stamp) -> bool:
    """Whether this node has heard of a later ownership of that shard. By itself that is what a Fence tells; all nodes
    with a part in the entities hear of each ownership before its entities run."""
    entities = _parts.get(node)
    return entities is not None and entities.fence.epoch(stamp.shard) > stamp.epoch


class Gate(GenServer):
    """Keeps nothing itself: when it is started anew it asks all nodes again what they own."""

    def init(self) -> None:
        self.entities = _parts[self.node]
        distribution = self.entities.distribution
        if distribution is not None:
            distribution.monitor_nodes(self.pid)
            for node in distribution.near():
                self.entities.directory.exchange(node)

    def state(self) -> dict[str, Any]:
        """What `sys.get_state` shows."""
        return self.entities.status()

    def handle_info(self, message: Any) -> None:
        entities = self.entities
        match message:
            case LaneSend(name, inner, sender, hops):
                entities.counters.passed_on += not entities.holding.owns(entities.shard_of(name))
                entities.lane.send(name, inner, sender, hops)
            case Owned(shard, epoch, node):
                entities.directory.heard(shard, epoch, node)
            case NodeIsUp(node):
                # Each zone has entities of its own.
                if entities.distribution is not None and entities.distribution.is_near(node):
                    entities.directory.exchange(node)
            case NodeIsDown(node):
                entities.directory.node_down(node)
            case _:
                super().handle_info(message)

    def handle_cast(self, request: Any) -> None:
        match request:
            case (str(node), Table(owned, hosts)):
                self.entities.directory.heard_table(node, owned, hosts)
            case (str(node), WhoOwns()):
                self.entities.directory.tell_table(node)
            case _:
                self.log.warning("unexpected_cast", message_type=type(request).__qualname__)

    def handle_call(self, request: Any, sender: From) -> Any:
        match request:
            case LaneCall(name, inner, pid, key):
                shard = self.entities.shard_of(name)
                if not self.entities.holding.owns(shard) or name.kind not in self.entities.kinds:
                    return Reply(NotHere(shard, self.entities.fence.epoch(shard)))
                cell = self._cell
                if cell.callers is not None:
                    cell.callers.discard(sender.tag)  # from here on it is the entity that must not die of it
                self.node.calls.unbind(sender.tag)
                if key is not None:
                    self.entities.holding.do_once(name, inner, key, sender)
                else:
                    self.entities.lane.again(name, Call(sender, inner), pid)
                return NoReply()
            case StandAside() | Expect() | GiveBack():
                self.entities.task(self._move(request, sender))
                return NoReply()
        return super().handle_call(request, sender)

    async def _move(self, request: StandAside | Expect | GiveBack, sender: From) -> None:
        # Not in a handler: mail for entities passes here, and this takes as long as they need for what they have begun.
        self.node.reply(sender, await self.entities.moving.asked(request))
