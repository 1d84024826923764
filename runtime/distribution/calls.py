"""Calls between processes of two nodes.

A call has one tag everywhere: the caller's node gives it, and no two nodes give the same ones (Distribution numbers
them from a place of its own). The server's node enters it into its own table of calls, so that all that ends a call
there - an answer by whichever process, the server's end, a full mailbox, a reservation given up - ends this one too,
and is told.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from mirliton.runtime.addresses import Address, Name, NameAt, Pid
from mirliton.runtime.cell import Cell
from mirliton.runtime.codec import decode, encode
from mirliton.runtime.distribution.envelopes import Op
from mirliton.runtime.distribution.far import FarCell
from mirliton.runtime.errors import (
    AlreadyStarted,
    CallError,
    CodecError,
    MailboxFull,
    NodeDown,
    NoProc,
    ServerDied,
    StartError,
)
from mirliton.runtime.protocol import From
from mirliton.runtime.reasons import reason_of
from mirliton.runtime.waits import Wait

if TYPE_CHECKING:
    from mirliton.runtime.distribution.connection import Connection
    from mirliton.runtime.node import Node


class Serving(Wait):
    """A caller on the other node: the end of its call is told there."""

    __slots__ = ("_calls", "_tag")

    def __init__(self, calls: FarCalls, tag: int) -> None:
        super().__init__(None, calls.node.scheduler)
        self._calls = calls
        self._tag = tag

    def _settle(self, value: Any, error: BaseException | None) -> None:
        self._calls.ended(self._tag, value, error)


class FarCalls:
    """The calls of one session."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.node: Node = connection.node
        self._asked: set[int] = set()
        """The calls that wait for an answer from the other node."""
        self._serving: set[int] = set()
        self._server = FarCell(connection, connection.node, connection.pid(0))
        self._server.callers = self._asked
        """Whom the runtime takes for their server: it keeps the set up to date."""

    def __len__(self) -> int:
        return len(self._asked) + len(self._serving)

    # This side calls

    def ask(self, to: Address, request: Any, tag: int, caller: Cell | None) -> None:
        """Send the request of a call that has begun. Raises OutboxFull or a CodecError."""
        sender = caller.pid.serial if caller is not None else None
        self._connection.tell(Op.ASK, tag, self._connection.target(to), sender, encode(request), signal=False)
        self.expect(tag)

    def expect(self, tag: int) -> None:
        """The call ends with the session, if not before."""
        self.node.calls.bind(tag, self._server)

    def give_up(self, tag: int) -> None:
        """Its caller ended or gave it up: the other node can forget it."""
        self._connection.tell(Op.FORGET, tag)

    def _ends_elsewhere(self, tag: int) -> None:
        """A call that this session ends, and that was sent to another node, which passed it on."""
        server = self.node.calls.server(tag)
        if isinstance(server, FarCell) and server is not self._server:
            server.connection.calls.give_up(tag)

    def replied(self, tag: int, value: bytes) -> None:
        self._ends_elsewhere(tag)
        try:
            answer = decode(value)
        except CodecError as error:
            reason = reason_of(error)
            self.node.calls.fail_with(tag, lambda target: ServerDied(target, reason))
            raise
        self.node.calls.answer(From(self.node.name, tag), answer)

    def failed(self, tag: int, why: str, detail: bytes) -> None:
        told = self._connection.arrived(detail)
        self.node.calls.fail_with(tag, lambda target: _error(target, why, told))

    def answer_for(self, tag: int, value: Any) -> None:
        """Answer a call of the other node that is in no table here: its server passed it on to this node."""
        self._connection.tell(Op.REPLY, tag, encode(value))

    # The other side calls

    def asked(self, tag: int, to: int | Name, sender: Pid | None, encoded: bytes) -> None:
        node = self.node
        target = self._connection.address(to)
        request = self.read(tag, encoded)
        if request is UNREAD or not self.adopt(tag, target):
            return
        cell = self._connection.find(to)
        if cell is None:
            if not self._connection.park(to, request, sender):
                node.calls.fail(tag, NoProc(target))
            return
        try:
            if cell.limit and len(cell) >= cell.limit and not node.overflow.make_room(cell):
                raise MailboxFull(target, cell.limit)
        except MailboxFull as error:
            node.calls.fail(tag, error)
            return
        node.calls.bind(tag, cell)
        node.deliver(cell, request, sender)

    def read(self, tag: int, encoded: bytes) -> Any:
        """What the other node asks for; UNREAD, and it is told, where this one cannot know."""
        try:
            return decode(encoded)
        except CodecError as error:
            self._connection.distribution.unreadable(self._connection, str(error))
            self._fail(tag, "died", reason_of(error))
            return UNREAD

    def _fail(self, tag: int, why: str, detail: Any) -> None:
        self._connection.tell(Op.FAIL, tag, why, self._connection.travelling(detail))

    def adopt(self, tag: int, target: Any) -> bool:
        """Take a call of the other node into this one's table."""
        if not self.node.calls.adopt(tag, target, Serving(self, tag)):
            self._fail(tag, "died", ("tag_taken", tag))
            return False
        self._serving.add(tag)
        return True

    def forgotten(self, tag: int) -> None:
        if tag in self._serving:
            self._serving.remove(tag)
            self.node.calls.forget(tag)

    def ended(self, tag: int, value: Any, error: BaseException | None) -> None:
        """A call of the other node has come to its end here. Raises a CodecError for an answer that cannot travel."""
        if tag not in self._serving:
            return
        self._serving.remove(tag)
        if error is not None:
            self._fail(tag, *_told(error))
            return
        try:
            self._connection.tell(Op.REPLY, tag, encode(value))
        except CodecError as refused:
            self._fail(tag, "died", reason_of(refused))
            raise

    def lost(self) -> None:
        """The session is over: who waits here is told, who waited there is not."""
        serving, self._serving = self._serving, set()
        for tag in serving:
            self.node.calls.forget(tag)
        asked = list(self._asked)
        self._asked.clear()
        name = self._connection.name
        for tag in asked:
            self.node.calls.fail_with(tag, lambda target: NodeDown(target, name))


UNREAD: Final = object()

_ERRORS: Final[dict[str, Callable[[Any, Any], Exception]]] = {
    "noproc": lambda target, _: NoProc(target),
    "died": ServerDied,
    "full": lambda target, limit: MailboxFull(target, limit if isinstance(limit, int) else 0),
    "start": StartError,
    "already": AlreadyStarted,
}


def _error(target: Any, why: str, detail: Any) -> Exception:
    return _ERRORS.get(why, _ERRORS["died"])(target, detail)


def _told(error: BaseException) -> tuple[str, Any]:
    if isinstance(error, MailboxFull):
        return "full", error.limit
    if isinstance(error, AlreadyStarted):
        return "already", error.pid
    if isinstance(error, StartError):
        return "start", error.reason
    if isinstance(error, NoProc):
        return "noproc", None
    return "died", error.reason if isinstance(error, CallError) else reason_of(error)


def addressee(to: Address) -> int | Name:
    """How an address of the other node is written there. Raises TypeError for one that has no node."""
    if isinstance(to, Pid):
        return to.serial
    if isinstance(to, Name):
        return to
    if isinstance(to, NameAt):
        return to.name
    raise TypeError(f"{to} is no address of another node")
