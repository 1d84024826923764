"""One session with one other node: what this one says to it, what it says, and all that hangs between the two."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from mirliton.runtime.addresses import Address, Name, Pid
from mirliton.runtime.cell import Cell
from mirliton.runtime.codec import decode, encode
from mirliton.runtime.distribution.calls import FarCalls, addressee
from mirliton.runtime.distribution.envelopes import Op, checked
from mirliton.runtime.distribution.links import Links
from mirliton.runtime.distribution.monitors import Monitors
from mirliton.runtime.distribution.spawns import Spawns
from mirliton.runtime.errors import CodecError, MailboxFull, MalformedFrame, OutboxFull
from mirliton.runtime.reasons import Crash, reason_of

if TYPE_CHECKING:
    from mirliton.runtime.distribution.distribution import Distribution
    from mirliton.runtime.transport.peer import Peer

LONGEST_REASON: Final = 1024 * 1024
"""Bytes of an exit reason; a longer one is told in words."""


class Connection:
    """Begins when the session is up and ends with it; the next session with that node is another Connection."""

    def __init__(self, distribution: Distribution, peer: Peer) -> None:
        self.distribution = distribution
        self.node = distribution.node
        self.peer = peer
        self.name, self.incarnation = peer.endpoint
        self.links = Links(self)
        self.monitors = Monitors(self)
        self.calls = FarCalls(self)
        self.spawns = Spawns(self)
        self._acts: dict[Op, Callable[..., None]] = {
            Op.SEND: self._sent,
            Op.EXIT: self._exit,
            Op.LINK: self.links.linked,
            Op.UNLINK: self.links.unlinked,
            Op.LINK_EXIT: self.links.exited,
            Op.MONITOR: self.monitors.watched,
            Op.DEMONITOR: self.monitors.demonitored,
            Op.DOWN: self.monitors.down,
            Op.ASK: self._ask,
            Op.FORGET: self.calls.forgotten,
            Op.REPLY: self.calls.replied,
            Op.FAIL: self.calls.failed,
            Op.SPAWN: self.spawns.wanted,
            Op.SPAWNED: self.spawns.spawned,
            Op.JOIN: self._joined,
            Op.LEAVE: self._left,
            Op.NAMED: self._named,
            Op.UNNAMED: self._unnamed,
        }

        self.is_near = distribution.is_near(self.name)
        """The other node is of this one's zone."""

    def pid(self, serial: int) -> Pid:
        """A process of the other node."""
        return Pid(self.name, self.incarnation, serial)

    # Out

    def tell(self, op: Op, *fields: Any, signal: bool = True) -> None:
        """Say something; a signal gets in over the bound of what may wait.

        Raises OutboxFull when it is none, and a CodecError for what cannot travel.
        """
        try:
            self.peer.put(encode([int(op), *fields]), signal=signal)
        except OutboxFull:
            self.distribution.counters.outbox_full += 1
            raise

    def send(self, to: Address, message: Any, sender: Pid | None) -> None:
        """Send a message. Raises as `tell` does."""
        self.tell(Op.SEND, self.target(to), self._sender(sender), message, signal=False)

    def exit(self, to: Pid, sender: Pid, reason: Any) -> None:
        """Send an exit signal."""
        self.tell(Op.EXIT, to.serial, self._sender(sender), self.travelling(reason))

    def target(self, to: Address) -> int | Name:
        return addressee(to)

    def _sender(self, pid: Pid | None) -> int | Pid | None:
        if pid is not None and pid.node == self.node.name and pid.incarnation == self.node.incarnation:
            return pid.serial
        return pid

    def travelling(self, reason: Any) -> bytes:
        """An exit reason encoded; one that the codec refuses is told in words."""
        try:
            encoded = encode(reason)
            if len(encoded) <= LONGEST_REASON:
                return encoded
            why = "it is too long"
        except CodecError as error:
            why = str(error)
        crash = Crash("NotSerialisable", f"an exit reason of type {type(reason).__qualname__} cannot travel: {why}")
        return encode(crash)

    def arrived(self, reason: bytes) -> Any:
        """An exit reason decoded; for one that cannot be, a Crash that says so."""
        try:
            return decode(reason)
        except CodecError as error:
            self.distribution.unreadable(self, str(error))
            return reason_of(error)

    # In

    def receive(self, envelopes: list[bytes]) -> None:
        """Do what they say, in their order. One that cannot be read harms none of the others."""
        for data in envelopes:
            try:
                op, fields = checked(decode(data))
                self._acts[Op(op)](*fields)
            except CodecError as error:
                self.distribution.unreadable(self, str(error))
            except Exception as error:  # noqa: BLE001 - ours, or a hook's: the other envelopes must not suffer
                self.distribution.unreadable(self, repr(error), trace=True)

    def find(self, to: int | Name) -> Cell | None:
        """The process of this node that an envelope is for."""
        return self.node.registry.find(to) if isinstance(to, Name) else self.node.at(to)

    def address(self, to: int | Name) -> Address:
        return to.at(self.node.name) if isinstance(to, Name) else Pid(self.node.name, self.node.incarnation, to)

    def park(self, to: int | Name, message: Any, sender: Pid | None) -> bool:
        """Whether a message is kept for the next holder of its name."""
        return isinstance(to, Name) and self.node.registry.park(to, self.node.post.item(message, sender))

    def _sent(self, to: int | Name, sender: int | Pid | None, message: Any) -> None:
        cell = self.find(to)
        pid = self.pid(sender) if isinstance(sender, int) else sender
        if cell is None:
            if not self.park(to, message, pid):
                self.node.post.dead_letter(self.address(to), message)
            return
        try:
            if cell.limit and len(cell) >= cell.limit and not self.node.overflow.make_room(cell):
                return
        except MailboxFull:
            return  # counted and logged there; its sender is not here to be told
        self.node.deliver(cell, message, pid)

    def _exit(self, to: int, sender: int | Pid | None, reason: bytes) -> None:
        cell = self.node.at(to)
        if cell is not None:
            pid = self.pid(sender) if isinstance(sender, int) else sender
            self.node.signals.exit(cell, pid or self.pid(-1), self.arrived(reason))

    def _ask(self, tag: int, to: int | Name, sender: int | Pid | None, request: bytes) -> None:
        self.calls.asked(tag, to, self.pid(sender) if isinstance(sender, int) else sender, request)

    # What is said of groups and names counts within a zone only.

    def _joined(self, scope: str, group: Any, serials: list[Any]) -> None:
        if not self.is_near:
            return
        self.distribution.groups.joined(scope, group, self._pids(serials))

    def _left(self, scope: str, group: Any, serials: list[Any]) -> None:
        if not self.is_near:
            return
        self.distribution.groups.left(scope, group, self._pids(serials))

    def _named(self, rows: list[Any]) -> None:
        if not self.is_near:
            return
        self.distribution.directory.named(self.name, rows)

    def _unnamed(self, names: list[Any]) -> None:
        self.distribution.directory.unnamed(self.name, names)

    def _pids(self, serials: list[Any]) -> list[Pid]:
        if not all(isinstance(serial, int) for serial in serials):
            raise MalformedFrame("members of a group that are no processes")
        return [self.pid(serial) for serial in serials]

    def lost(self) -> None:
        """The session is over: all that hangs on it falls, links first, as in Erlang."""
        self.links.lost()
        self.monitors.lost()
        self.calls.lost()
        self.spawns.lost()
