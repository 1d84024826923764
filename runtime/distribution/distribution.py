"""This node's part in a cluster: which nodes are up, and where an address leads."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, Any, Self

from mirliton.runtime.addresses import Address, Name, NameAt, Pid, ProcessName
from mirliton.runtime.cell import Cell, Told
from mirliton.runtime.distribution.connection import Connection
from mirliton.runtime.distribution.directory import Directory, Shared
from mirliton.runtime.distribution.events import NodeIsDown, NodeIsUp, NodeMonitors
from mirliton.runtime.distribution.far import FarCell
from mirliton.runtime.distribution.groups import FarGroups
from mirliton.runtime.errors import NodeDown
from mirliton.runtime.protocol import Down, From, Ref
from mirliton.runtime.reasons import NOCONNECTION, NOPROC
from mirliton.runtime.transport.counters import Counters
from mirliton.runtime.transport.keys import Keyring
from mirliton.runtime.transport.lease import Lease
from mirliton.runtime.transport.mesh import Limits, Mesh
from mirliton.runtime.transport.network import Network
from mirliton.runtime.transport.zones import zone_of

if TYPE_CHECKING:
    from mirliton.runtime.cell import Monitor
    from mirliton.runtime.node import Node
    from mirliton.runtime.process import Process
    from mirliton.runtime.transport.peer import Peer


class Distribution:
    """Begins with `open` (or `async with`), on a node that runs, and ends with `close`.

    While it is open the node's addresses lead to processes of other nodes as well. A node's end should come before
    `close`: then its processes end as they do on one node, and those who watch them there are told why.

    `shared` says which names lead to other nodes where nobody has them here (see directory.py), the same on all nodes.
    """

    def __init__(
        self, node: Node, network: Network, keys: Keyring, limits: Limits | None = None, shared: Shared | None = None
    ) -> None:
        self.node = node
        self.keys = keys
        self._mesh = Mesh(node, network, keys, self, limits or Limits())
        self._connections: dict[str, Connection] = {}
        self._near: dict[str, Connection] = {}
        """Those to nodes of this node's own zone: only with them it has groups and names in common."""
        self.groups = FarGroups(node, self._near)
        self.directory = Directory(node, self._near, shared or {})
        self._monitors = NodeMonitors(node)
        self._number = 0

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(self) -> None:
        """Begin to connect; other nodes come up as they are found (`monitor_nodes`).

        Raises RuntimeError where the node has a Distribution already, ValueError where its network can have no node of
        this name.
        """
        if self.node.distribution is not None:
            raise RuntimeError(f"node {self.node.name} is part of a cluster already")
        first = _place(self.node.name, self.node.incarnation)
        self.node.calls.number_from(first)
        self._number = max(self._number, first)
        self.node.distribution = self
        self.groups.open()
        self.directory.open()
        try:
            await self._mesh.open()
        except BaseException:
            await self.close()
            raise

    async def connected(self, timeout: float | None) -> None:
        """Wait until this node is connected to the network, `timeout` seconds at most; raises TimeoutError."""
        async with asyncio.timeout(timeout):
            await self._mesh.connected()

    async def close(self) -> None:
        """Send what waits, say goodbye and disconnect; links and monitors to other nodes fire `noconnection`."""
        await self._mesh.close()
        self.groups.close()
        self.directory.close()
        self.node.distribution = None

    # Nodes

    @property
    def counters(self) -> Counters:
        return self._mesh.counters

    @property
    def is_connected(self) -> bool:
        """Whether this node is connected to the network now."""
        return self._mesh.network_is_up

    @property
    def lease(self) -> Lease:
        """Whether this node may act as what only one node of the cluster may be."""
        return self._mesh.lease

    def waiting(self) -> int:
        """Envelopes that wait for their batch, for all nodes together."""
        return sum(len(peer.outbound) for peer in self._mesh.peers.values())

    def hanging(self) -> int:
        """Links, monitors and calls between this node and others."""
        connections = self._connections.values()
        return sum(len(each.links) + len(each.monitors) + len(each.calls) for each in connections)

    def nodes(self) -> list[str]:
        """The other nodes that are up."""
        return sorted(self._connections)

    def near(self) -> list[str]:
        """Those of them that are of this node's own zone: all where there are no zones."""
        return sorted(self._near)

    def is_near(self, node: str) -> bool:
        """Whether a node is of this node's own zone."""
        return zone_of(node) == zone_of(self.node.name)

    def monitor_nodes(self, watcher: Pid, on: bool = True) -> None:
        """Tell this process of each NodeIsUp and NodeIsDown from now on, or no more. Its end is the end of that."""
        if on:
            self._monitors.add(watcher)
        else:
            self._monitors.remove(watcher)

    def disconnect_node(self, name: str) -> bool:
        """End the session with a node, on both sides; a new one begins at once. False where it is not up."""
        connection = self._connections.get(name)
        if connection is None:
            return False
        self._mesh.lose(connection.peer, "disconnect")
        return True

    # What the mesh says

    def peer_up(self, peer: Peer) -> None:
        node = peer.endpoint.node
        connection = self._connections[node] = Connection(self, peer)
        if self.is_near(node):
            self._near[node] = connection
            self.groups.up(connection)
            self.directory.up(connection)
        self._monitors.tell(NodeIsUp(*peer.endpoint))

    def peer_down(self, peer: Peer, reason: str) -> None:
        connection = self._connections.pop(peer.endpoint.node, None)
        self._near.pop(peer.endpoint.node, None)
        if connection is not None:
            self.directory.down(peer.endpoint.node)  # first: who hears of an end may ask at once who has its name now
            connection.lost()
            self.groups.down(peer.endpoint.node)
            self._monitors.tell(NodeIsDown(*peer.endpoint, reason))

    def envelopes(self, peer: Peer, envelopes: list[bytes]) -> None:
        connection = self._connections.get(peer.endpoint.node)
        if connection is not None:
            connection.receive(envelopes)

    def unreadable(self, connection: Connection, detail: str, *, trace: bool = False) -> None:
        """An envelope that this node does not understand, or (then with its `trace`) cannot do what it says."""
        self._mesh.refuse("unreadable", f"from {connection.peer.endpoint}: {detail}", trace=trace)

    # What the node asks: each answers whether the address is one of another node

    def _to(self, address: Address, sender: Pid | None = None) -> tuple[bool, Connection | None]:
        """Whether the address is of another node, and the way there while it is up."""
        if isinstance(address, Name):
            node = self.directory.where(address, sender)
            return node is not None, self._connections.get(node) if node is not None else None
        if not isinstance(address, Pid | NameAt) or address.node == self.node.name:
            return False, None
        connection = self._connections.get(address.node)
        if connection is not None and type(address) is Pid and address.incarnation != connection.incarnation:
            return True, None
        return True, connection

    def whereis(self, name: ProcessName) -> Pid | None:
        """Who of another node has a shared name."""
        return self.directory.whereis(name) if isinstance(name, Name) else None

    def replaced(self, address: Pid | NameAt) -> bool:
        """Whether its node has been started anew since."""
        connection = self._connections.get(address.node)
        return connection is not None and type(address) is Pid and address.incarnation != connection.incarnation

    def send(self, to: Address, message: Any, sender: Pid | None) -> bool:
        """Send a message to another node. False where it cannot go. Raises OutboxFull or a CodecError."""
        connection = self._to(to, sender)[1]
        if connection is None:
            return False
        connection.send(to, message, sender)
        return True

    def ask(self, to: Address, request: Any, tag: int, caller: Cell | None) -> bool:
        """`send` for the request of a call."""
        connection = self._to(to, caller.pid if caller is not None else None)[1]
        if connection is None:
            return False
        connection.calls.ask(to, request, tag, caller)
        return True

    def reply(self, sender: From, value: Any) -> bool:
        """Answer a call that has no entry here: one of another node, passed on to this by its server's."""
        connection = self._connections.get(sender.node)
        if connection is None:
            return False
        connection.calls.answer_for(sender.tag, value)
        return True

    def give_up(self, server: Cell, tag: int) -> None:
        """Nobody waits any more for the answer of a server that is not alive here."""
        if isinstance(server, FarCell):
            server.connection.calls.give_up(tag)

    def exit(self, to: Pid, sender: Pid, reason: Any) -> None:
        connection = self._to(to)[1]
        if connection is not None:
            connection.exit(to, sender, reason)

    def link(self, cell: Cell, to: Pid) -> bool:
        far, connection = self._to(to)
        if connection is not None:
            connection.links.link(cell, to)
        elif far:
            self.node.signals.exit(cell, to, self._gone(to), by_link=True)
        return far

    def unlink(self, cell: Cell, to: Pid) -> None:
        connection = self._to(to)[1]
        if connection is not None:
            connection.links.unlink(cell, to)

    def monitor(self, ref: Ref, target: Address, cell: Cell) -> bool:
        far, connection = self._to(target, cell.pid)
        if connection is not None:
            connection.monitors.monitor(ref, target, cell)
        elif far:
            self.node.deliver(cell, Down(ref, target, self._gone(target)), None)
        return far

    def watch(self, target: Address, future: Told) -> Monitor | None:
        """`monitor` for who is outside all processes."""
        far, connection = self._to(target)
        if connection is not None:
            return connection.monitors.monitor(self.node.new_ref(), target, None, future)
        future.set_result(self._gone(target) if far else NOPROC)
        return None

    def _gone(self, address: Address) -> str:
        return NOPROC if isinstance(address, Pid | NameAt) and self.replaced(address) else NOCONNECTION

    # Processes of other nodes

    async def start(
        self, at: str, cls: type, *args: Any, name: Name | None = None, timeout: float | None = 60.0, **kwargs: Any
    ) -> Pid | None:
        """Start a process of a class that the node `at` has imported too, and wait for its init (None: IGNORE).

        Raises NodeDown, StartError, AlreadyStarted, CallTimeout after `timeout` seconds, when it may start all the
        same, OutboxFull, or a CodecError for arguments that cannot travel.
        """
        return (await self._start(at, cls, args, kwargs, name, timeout, None, link=False, monitor=False))[0]

    async def start_link(
        self,
        by: Process,
        at: str,
        cls: type,
        *args: Any,
        name: Name | None = None,
        timeout: float | None = 60.0,
        **kwargs: Any,
    ) -> Pid | None:
        """`start` by a process, which it is linked to before it runs, and which is its parent."""
        return (await self._start(at, cls, args, kwargs, name, timeout, by, link=True, monitor=False))[0]

    async def start_monitor(
        self,
        by: Process,
        at: str,
        cls: type,
        *args: Any,
        name: Name | None = None,
        timeout: float | None = 60.0,
        **kwargs: Any,
    ) -> tuple[Pid | None, Ref]:
        """`start` by a process, which monitors it before it runs; a start that fails leaves no Down behind."""
        pid, ref = await self._start(at, cls, args, kwargs, name, timeout, by, link=False, monitor=True)
        assert ref is not None
        return pid, ref

    async def _start(
        self,
        at: str,
        cls: type,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        name: Name | None,
        timeout: float | None,
        by: Process | None,
        *,
        link: bool,
        monitor: bool,
    ) -> tuple[Pid | None, Ref | None]:
        connection = self._connections.get(at)
        if connection is None:
            raise NodeDown(cls.__qualname__, at)
        cell = by._cell if by is not None else None
        ref = self.node.new_ref() if monitor else None
        call = self.node.calls.begin(cls.__qualname__, cell, timeout)
        started = False
        try:
            connection.spawns.spawn(call.tag, cls, args, kwargs, name, cell, link, ref)
            pid: Pid | None = await call
            started = True
            return pid, ref
        finally:
            if not call.done:
                self.node.calls.forget(call.tag)
            if ref is not None and not started and cell is not None and cell.alive:
                self.node.signals.demonitor(cell, ref, flush=True)

    def new_number(self) -> int:
        """A number that no other node gives."""
        self._number += 1
        return self._number


def _place(node: str, incarnation: int) -> int:
    """Where this start of this node begins to count, far from where others do: one of 2^23 places, 2^40 apart."""
    digest = hashlib.sha256(f"{node}.{incarnation}".encode()).digest()
    return (int.from_bytes(digest[:4], "big") >> 9) << 40
