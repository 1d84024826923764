"""How messages get into mailboxes, and the answers of calls to who waits.

The usual way of a message from process to process is not here but in one piece in Cell.send: to a Pid of the same node,
with an unbounded mailbox, without strict mode. Everything else goes round by `send`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mirliton.runtime import via
from mirliton.runtime.addresses import Address, Name, NameAt, Pid, Via
from mirliton.runtime.envelopes import Call, From
from mirliton.runtime.errors import CallError, CallingSelf, MailboxFull, NodeDown, NoProc, PreviousIncarnation
from mirliton.runtime.protocol import SystemRequest

if TYPE_CHECKING:
    from mirliton.runtime.calls import Calls, PendingCall
    from mirliton.runtime.cell import Cell, Item
    from mirliton.runtime.node import Node
    from mirliton.runtime.place import Place
    from mirliton.runtime.scheduler import Scheduler


PID: Final = Pid
"""Compiled, a constant is read faster than a name that was imported."""


class Post:
    """The messages of one node."""

    __slots__ = ("calls", "careful", "dead_letters", "last_receiver", "name", "node", "scheduler", "sent", "strict")

    def __init__(self, node: Node, calls: Calls) -> None:
        self.node = node
        self.name = node.name
        self.calls = calls
        self.scheduler: Scheduler
        """Set when the node starts."""
        self.strict = False
        self.careful = False
        """Every message goes by way of Node.deliver: in strict mode, and where that is overridden."""
        self.sent = 0
        self.last_receiver: Cell | None = None
        """Of this slice."""
        self.dead_letters = 0

    def send(self, to: Address, message: Any, sender: Cell | None) -> None:
        """Send a message from `sender`, or from outside all processes. See Node.send."""
        self.sent += 1
        node = self.node
        cell = node.find(to)
        if cell is None:
            if not self._pass_on(to, message, sender):
                self.dead_letter(to, message)
        elif not cell.limit or len(cell) < cell.limit or node.overflow.make_room(cell):
            if cell is not sender:
                self.last_receiver = cell
            self.hand_over(cell, message, sender.pid if sender is not None else None)

    def hand_over(self, cell: Cell, message: Any, sender: Pid | None) -> None:
        """`deliver`, by way of the node's where that sees every message."""
        if self.careful:
            self.node.deliver(cell, message, sender)
        else:
            self.deliver(cell, message, sender)

    def deliver(self, cell: Cell, message: Any, sender: Pid | None) -> None:
        """Put a message at the end of a mailbox, without regard to a bound."""
        if not cell.alive:
            return
        item: Item = (message, sender, self._frame(message)) if self.strict else (message, sender)
        mailbox = cell.mailbox
        if mailbox is None:
            mailbox = cell.mail()
        mailbox.append(item)
        if not cell.queued and not cell.busy:
            self.scheduler.enqueue(cell)

    def ask(self, to: Address, message: Any, call: PendingCall) -> None:
        """Send the request of a call that has begun. Raises NoProc, CallingSelf or MailboxFull."""
        cell: Cell | None = None
        if type(to) is PID:
            place: Place = to
            cell = place.cell
        if cell is None or cell.post is not self or not cell.alive:
            cell = self.node.find(to)
        caller = call.cell
        if cell is None:
            if not self._ask_otherwise(to, message, call.tag, caller):
                raise self._nobody(to)
            return
        if cell is caller:
            raise CallingSelf(to)
        if cell.limit and len(cell) >= cell.limit and not self._lets_in(cell, message):
            raise MailboxFull(to, cell.limit)
        self.sent += 1
        call.server = cell
        if cell.callers is None:
            cell.callers = {call.tag}
        else:
            cell.callers.add(call.tag)
        pid = caller.pid if caller is not None else None
        if self.careful:
            self.node.deliver(cell, message, pid)
        else:
            self.deliver(cell, message, pid)

    def call(self, to: Address, request: Any, timeout: float | None, caller: Cell) -> PendingCall:
        """Begin a call and send its request. Raises as `ask` does."""
        call = self.calls.begin(to, caller, timeout)
        try:
            self.ask(to, Call(From(self.name, call.tag, caller.pid), request), call)
        except BaseException:
            self.calls.forget(call.tag)
            raise
        return call

    def ask_later(self, to: Address, message: Call, caller: Cell) -> None:
        """Send a request whose call is open already. Where nobody can answer, the call ends with that.

        Raises MailboxFull.
        """
        tag = message.sender.tag
        cell = self.node.find(to)
        if cell is not None:
            if cell.limit and len(cell) >= cell.limit and not self._lets_in(cell, message):
                raise MailboxFull(to, cell.limit)
            self.sent += 1
            self.calls.bind(tag, cell)
            self.hand_over(cell, message, caller.pid)
        elif not self._ask_otherwise(to, message, tag, caller):
            self.calls.fail(tag, self._nobody(to))

    def reply(self, sender: From, value: Any) -> None:
        """Answer a call; a late or second answer is dropped."""
        if self.strict:
            self.node.check(value)
        self.calls.answer(sender, value)

    def dead_letter(self, to: Address, message: Any) -> None:
        """Nobody will read this message."""
        self.dead_letters += 1
        self.node.thespian.dead_letter(to, message)

    def _item(self, message: Any, sender: Cell | None) -> Item:
        return self.item(message, sender.pid if sender is not None else None)

    def item(self, message: Any, sender: Pid | None) -> Item:
        """A message as it lies in a mailbox."""
        return (message, sender, self._frame(message)) if self.strict else (message, sender)

    def _frame(self, message: Any) -> bytes | None:
        return self.node.check(message) if self.node.thespian.in_codec(message) else None

    def _pass_on(self, to: Address, message: Any, sender: Cell | None) -> bool:
        """Whether somebody else than a living process here takes the message."""
        node = self.node
        if self._park(to, message, sender):
            return True
        pid = sender.pid if sender is not None else None
        if type(to) is Name and node.cluster_names is not None and node.cluster_names.send(to, message, pid):
            return True
        if node.distribution is not None and node.distribution.send(to, message, pid):
            return True
        if node.elsewhere is None or type(to) is not Pid or (to.node, to.incarnation) == (node.name, node.incarnation):
            return False
        return node.elsewhere(to, message, pid)

    def _ask_otherwise(self, to: Address, request: Any, tag: int, caller: Cell | None) -> bool:
        """`_pass_on` for a request, which keeps its sender waiting."""
        if self._park(to, request, caller):
            return True
        names, pid = self.node.cluster_names, caller.pid if caller is not None else None
        if type(to) is Name and names is not None and names.ask(to, request, tag, pid):
            return True
        distribution = self.node.distribution
        return distribution is not None and distribution.ask(to, request, tag, caller)

    def _park(self, to: Address, message: Any, sender: Cell | None) -> bool:
        """Whether the message is kept for the next holder of the name it was sent to."""
        if type(to) is NameAt and to.node == self.node.name:
            to = to.name
        return type(to) is Name and self.node.registry.park(to, self._item(message, sender))

    def _nobody(self, to: Address) -> CallError:
        node = self.node
        if isinstance(to, Pid | NameAt) and to.node != node.name:
            if node.distribution is not None and node.distribution.replaced(to):
                return PreviousIncarnation(to)
            return NodeDown(to, to.node)
        if type(to) is Pid and to.incarnation != node.incarnation:
            return PreviousIncarnation(to)
        return via.nobody(node, to) if type(to) is Via else NoProc(to)

    def _lets_in(self, cell: Cell, request: Any) -> bool:
        """Whether one more request may go into a mailbox that is at its bound: a look by `sys` always gets in."""
        return type(request) is SystemRequest or self.node.overflow.make_room(cell)
