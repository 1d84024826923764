"""Names over nodes: where the holder of a Name is when nobody has it here (Erlang: `global`, without its locks).

A node that shares names tells all others which of them its processes hold, and they withdraw with their process. A
message to a Name goes to its holder here, else to one that another node has told of. Who shares what is said by name
or by kind, alike on all nodes:

    ANY   several may hold it (a service of which each node has its own): each sender keeps to one of them
    ONE   one process of the cluster (a call, an account): should two hold it, since two nodes did not see each other,
          the newer stays and the older ends, with Shutdown(("name_taken", node))

There is no agreement between nodes: a name may have two holders for the time that the news takes. News of a holder
arrive before anything that it says to the same node. A name that is kept for a successor (`keep_mail`) stays with its
node meanwhile, where its mail waits. `resolvers` can lead names of a kind by a rule of their own instead.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from mirliton.runtime.addresses import Name, Pid
from mirliton.runtime.cell import Cell
from mirliton.runtime.distribution.envelopes import Op
from mirliton.runtime.errors import MalformedFrame
from mirliton.runtime.reasons import Shutdown

if TYPE_CHECKING:
    from mirliton.runtime.distribution.connection import Connection
    from mirliton.runtime.node import Node
    from mirliton.runtime.timers import Timer

AT_ONCE: Final = 500
"""Names in one envelope."""
LOOK_AGAIN: Final = 0.5
"""Seconds between looks whether a name that was kept for a successor is still kept."""


class Share(Enum):
    """How many processes of a cluster may hold a name."""

    ANY = "any"
    ONE = "one"


Shared = Mapping[str | Name, Share]
"""By name or by kind."""
Resolve = Callable[[Name, Pid | None], str | None]
"""The node that a name leads to (None: to nobody), for this sender."""


class Holder(NamedTuple):
    """Who holds a name on a node. The higher `since` is the newer, on whatever nodes."""

    since: int
    node: str
    serial: int


class Directory:
    """One node's view of the shared names. What other nodes tell is bounded by what they hold."""

    def __init__(self, node: Node, connections: dict[str, Connection], shared: Shared) -> None:
        self.resolvers: dict[str, Resolve] = {}
        """By kind: asked instead of what nodes have told."""
        self.conflicts = 0
        """How many processes of this node ended since a newer one has their name."""
        self._node = node
        self._connections = connections
        self._shared = dict(shared)
        self._mine: dict[Name, Holder] = {}
        self._far: dict[Name, dict[str, Holder]] = {}
        self._hidden: set[Name] = set()
        self._kept: set[Name] = set()
        """Names of mine that wait for a successor."""
        self._timer: Timer | None = None
        self._clock = 0

    def open(self) -> None:
        if not self._shared:
            return
        self._node.registry.directory = self
        self._node.on_exit.append(self._ended)
        for name, cell in self._node.registry.held():
            self.registered(name, cell)

    def close(self) -> None:
        if self._node.registry.directory is self:
            self._node.registry.directory = None
            self._node.on_exit.remove(self._ended)
        if self._timer is not None:
            self._node.timers.cancel(self._timer)
            self._timer = None
        self._mine.clear()
        self._far.clear()

    def __len__(self) -> int:
        """How many names other nodes have told of."""
        return len(self._far)

    # Questions

    def share(self, name: Name) -> Share | None:
        """How this name is shared; None for one that is each node's own."""
        return self._shared.get(name) or self._shared.get(name.kind)

    def where(self, name: Name, sender: Pid | None = None) -> str | None:
        """The other node that a name leads to, which nobody has here."""
        resolve = self.resolvers.get(name.kind)
        if resolve is not None:
            return resolve(name, sender)
        holders = self._far.get(name)
        if not holders:
            return None
        if len(holders) == 1 or self.share(name) is Share.ONE:
            return max(holders.values()).node
        # Each sender keeps to one of them, so that its messages keep their order; of all senders each gets its part.
        return max(holders, key=lambda node: zlib.crc32(f"{sender}|{node}".encode()))

    def whereis(self, name: Name) -> Pid | None:
        """The process of another node that a name leads to."""
        node = self.where(name)
        holder = self._far.get(name, {}).get(node) if node is not None else None
        connection = self._connections.get(holder.node) if holder is not None else None
        return connection.pid(holder.serial) if connection is not None and holder is not None else None

    def holders(self, name: Name) -> list[str]:
        """The other nodes that have told of a holder."""
        return sorted(self._far.get(name, ()))

    # What happens here

    def registered(self, name: Name, cell: Cell) -> None:
        """A process of this node has taken a name."""
        if self.share(name) is None:
            return
        self._clock = max(self._clock + 1, int(self._node.clock.time() * 1_000_000))
        self._mine[name] = Holder(self._clock, self._node.name, cell.pid.serial)
        self._kept.discard(name)
        if name not in self._hidden:
            self._say(self._connections.values(), [name])

    def unregistered(self, name: Name) -> None:
        """Nobody of this node has it any more."""
        if self._mine.pop(name, None) is not None and name not in self._hidden:
            for connection in self._connections.values():
                connection.tell(Op.UNNAMED, [name])

    def hide(self, name: Name) -> None:
        """Let nobody elsewhere find a name here, until `show`; who is here finds it as before."""
        if name in self._hidden:
            return
        self._hidden.add(name)
        if name in self._mine:
            for connection in self._connections.values():
                connection.tell(Op.UNNAMED, [name])

    def show(self, name: Name) -> None:
        """Undo `hide`."""
        if name in self._hidden:
            self._hidden.remove(name)
            if name in self._mine:
                self._say(self._connections.values(), [name])

    def _ended(self, cell: Cell, _: object, names: list[Name] | None, __: object) -> None:
        """The node's exit hook."""
        for name in names or ():
            holder = self._mine.get(name)
            if holder is None or holder.serial != cell.pid.serial:
                continue
            if self._node.registry.reserved(name):
                self._kept.add(name)
                if self._timer is None:
                    self._timer = self._node.after(LOOK_AGAIN, self._look_again)
            else:
                self.unregistered(name)

    def _look_again(self, _: object) -> None:
        for name in list(self._kept):
            if not self._node.registry.reserved(name):
                self._kept.discard(name)
                self.unregistered(name)
        self._timer = self._node.after(LOOK_AGAIN, self._look_again) if self._kept else None

    def _say(self, to: Iterable[Connection], names: list[Name]) -> None:
        rows = [[name, self._mine[name].serial, self._mine[name].since] for name in names]
        for connection in to:
            connection.tell(Op.NAMED, rows)

    # What happens elsewhere

    def up(self, connection: Connection) -> None:
        """Tell a node that has come up what is held here."""
        names = [name for name in self._mine if name not in self._hidden]
        for at in range(0, len(names), AT_ONCE):
            self._say([connection], names[at : at + AT_ONCE])

    def named(self, node: str, rows: list[Any]) -> None:
        """Processes of another node hold these names. Raises MalformedFrame."""
        for row in rows:
            match row:
                case [Name() as name, int(serial), int(since)]:
                    self._named(name, Holder(since, node, serial))
                case _:
                    raise MalformedFrame("a holder of a name that is none")

    def _named(self, name: Name, holder: Holder) -> None:
        share = self.share(name)
        if share is None:
            return
        self._clock = max(self._clock, holder.since)
        self._far.setdefault(name, {})[holder.node] = holder
        mine = self._mine.get(name)
        if share is Share.ONE and mine is not None and mine < holder:
            self._give_way(name, holder.node)

    def _give_way(self, name: Name, node: str) -> None:
        self.conflicts += 1
        self._node.log.warning("name_taken_elsewhere", name=str(name), by=node)
        cell = self._node.registry.find(name)
        if cell is not None:
            self._node.signals.die(cell, Shutdown(("name_taken", node)), self._node.outside)
        self._node.registry.release(name)

    def unnamed(self, node: str, names: list[Any]) -> None:
        """Nobody there holds these any more. Raises MalformedFrame."""
        for name in names:
            if not isinstance(name, Name):
                raise MalformedFrame("a name that is none")
            self._forget(name, node)

    def down(self, node: str) -> None:
        """That node is out of reach: what it told holds no more."""
        for name in [name for name, holders in self._far.items() if node in holders]:
            self._forget(name, node)

    def _forget(self, name: Name, node: str) -> None:
        holders = self._far.get(name)
        if holders is not None:
            holders.pop(node, None)
            if not holders:
                del self._far[name]
