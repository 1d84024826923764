"""Calls in flight: who waits, for whom, until when.

A call is a request with a tag; the answer carries the tag back. The table is the whole of OTP's dance of monitor,
alias and timeout: when the server ends, its calls fail; when the call has ended, a late answer finds no entry and is
dropped.

Most calls are answered before the slice of the run queue they began in is over. Therefore a call gets its deadline at
the end of its slice, counted from there: never early, and late by a slice at most.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mirliton.runtime.envelopes import From
from mirliton.runtime.errors import CallTimeout
from mirliton.runtime.timers import Timer
from mirliton.runtime.waits import NOTHING, Wait

if TYPE_CHECKING:
    from mirliton.runtime.cell import Cell
    from mirliton.runtime.node import Node
    from mirliton.runtime.scheduler import Scheduler


class PendingCall(Wait):
    """One call in flight, and what its caller waits on."""

    __slots__ = ("server", "tag", "target", "timeout", "timer")

    def __init__(self, caller: Cell | None, scheduler: Scheduler, tag: int, target: Any) -> None:
        self.cell = caller
        self.scheduler = scheduler
        self.done = False
        self.future = None
        self.outcome = NOTHING
        self.tag = tag
        self.target = target
        self.server: Cell | None = None
        self.timeout: float | None = None
        self.timer: Timer | None = None

    def awaited_by_script(self) -> bool:
        """Whether a script awaits it now, to which the scheduler will send the answer."""
        return not self.done and self.cell is not None and self.scheduler.current is self.cell


class CallOf(PendingCall):
    """One call in flight whose end is the affair of another Wait."""

    __slots__ = ("wait",)

    def __init__(self, caller: Cell | None, scheduler: Scheduler, tag: int, target: Any, wait: Wait) -> None:
        super().__init__(caller, scheduler, tag, target)
        self.wait = wait

    def _settle(self, value: Any, error: BaseException | None) -> None:
        self.wait._settle(value, error)


class Calls:
    """The calls in flight of one node."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._pending: dict[int, PendingCall] = {}
        self._last_tag = 0
        self._undated: list[PendingCall] = []
        """Began in this slice, and have no deadline yet."""
        self.late_replies = 0

    def __len__(self) -> int:
        return len(self._pending)

    def begin(self, target: Any, caller: Cell | None, timeout: float | None) -> PendingCall:
        """Begin a call that the caller does nothing but wait for; `timeout` in seconds, None waits for ever.

        It ends with the answer or a CallError, or when the caller says `forget`.
        """
        scheduler = self._node.scheduler
        self._last_tag = tag = self._last_tag + 1
        self._pending[tag] = call = PendingCall(caller, scheduler, tag, target)
        if caller is None or scheduler.current is not caller:
            self.note(call)
            if timeout is not None:
                call.timeout = timeout
                call.timer = self._node.after(timeout, self._timed_out, call)
        elif timeout is not None:
            call.timeout = timeout
            self._undated.append(call)
        return call

    def open(self, target: Any, caller: Cell | None, wait: Wait | None = None) -> tuple[From, Wait]:
        """`enter` with a return address, and a Wait if none is given."""
        if wait is None:
            wait = Wait(caller, self._node.scheduler)
        tag = self.enter(target, caller, wait)
        return From(self._node.name, tag, caller.pid if caller is not None else None), wait

    def enter(self, target: Any, caller: Cell | None, wait: Wait) -> int:
        """Begin a call that ends by settling `wait`; returns its tag."""
        call = CallOf(caller, self._node.scheduler, 0, target, wait)
        tag = self.enlist(call)
        self.note(call)
        return tag

    def enlist(self, call: PendingCall) -> int:
        """Begin a call that has been made without a tag; returns the tag. It ends by being settled."""
        self._last_tag = call.tag = tag = self._last_tag + 1
        self._pending[tag] = call
        return tag

    def number_from(self, tag: int) -> None:
        """Give later calls higher tags than this, so that those of several nodes are told apart."""
        self._last_tag = max(self._last_tag, tag)

    def adopt(self, tag: int, target: Any, wait: Wait) -> bool:
        """`enter` for a call whose caller is on another node, which has given it its tag. False when that is taken."""
        if tag in self._pending:
            return False
        self._pending[tag] = CallOf(None, self._node.scheduler, tag, target, wait)
        return True

    @staticmethod
    def note(call: PendingCall) -> None:
        """Let the caller know of a call that it is not found waiting for when it ends."""
        caller = call.cell
        if caller is not None:
            if caller.calls is None:
                caller.calls = {call.tag}
            else:
                caller.calls.add(call.tag)

    def finish(self, tag: int, value: Any) -> None:
        """What `enter` began has come to its end."""
        call = self._close(tag)
        if call is not None:
            call._settle(value, None)

    def servers(self, caller: Cell) -> list[Cell]:
        """The processes whose answers this one waits for."""
        calls = [self._pending.get(tag) for tag in caller.calls or ()]
        if isinstance(caller.wait, PendingCall):
            calls.append(caller.wait)
        return [call.server for call in calls if call is not None and call.server is not None]

    def server(self, tag: int) -> Cell | None:
        """Who is to answer this call, while it is in flight."""
        call = self._pending.get(tag)
        return call.server if call is not None else None

    def waiting(self, tag: int) -> Wait | None:
        """What waits for the end of this call; None when it has ended."""
        call = self._pending.get(tag)
        return call.wait if isinstance(call, CallOf) else call

    def set_deadlines(self) -> None:
        """The slice is over: calls that are still open get their deadlines."""
        undated, self._undated = self._undated, []
        for call in undated:
            if not call.done and call.timer is None:
                assert call.timeout is not None
                call.timer = self._node.after(call.timeout, self._timed_out, call)

    def deadline(self, tag: int, timer: Timer) -> None:
        """Cancel `timer` when the call has ended."""
        self._pending[tag].timer = timer

    def pending(self) -> list[tuple[int, PendingCall]]:
        """The calls in flight, by tag."""
        return list(self._pending.items())

    def bind(self, tag: int, server: Cell) -> bool:
        """From now on the call fails when `server` ends. False when nobody waits any more."""
        call = self._pending.get(tag)
        if call is None:
            return False
        call.server = server
        if server.callers is None:
            server.callers = set()
        server.callers.add(tag)
        return True

    def unbind(self, tag: int) -> None:
        """The call outlives its server: its request is kept for the successor."""
        call = self._pending.get(tag)
        if call is not None:
            call.server = None

    def answer(self, sender: From, value: Any) -> None:
        """Hand the answer to whoever waits; a late one is dropped and counted."""
        call = self._close(sender.tag)
        if call is None:
            # Or its caller is on another node: no two nodes have the same tags (see number_from).
            if self._node.distribution is None or not self._node.distribution.reply(sender, value):
                self.late_replies += 1
        else:
            call._settle(value, None)

    def fail(self, tag: int, error: BaseException) -> None:
        """End the call with an error."""
        call = self._close(tag)
        if call is not None:
            call._settle(None, error)

    def fail_with(self, tag: int, error: Callable[[Any], BaseException]) -> None:
        """End the call with an error that is made of its target."""
        call = self._close(tag)
        if call is not None:
            call._settle(None, error(call.target))

    def forget(self, tag: int) -> None:
        """Nobody waits for it any more: its caller has ended, or has given it up."""
        call = self._close(tag)
        if call is not None:
            call.done = True
            self._given_up(call)

    def _given_up(self, call: PendingCall) -> None:
        """A server on another node is told, so that its node can forget the call too."""
        server = call.server
        if server is not None and not server.alive and self._node.distribution is not None:
            self._node.distribution.give_up(server, call.tag)

    def _close(self, tag: int) -> PendingCall | None:
        call = self._pending.pop(tag, None)
        if call is None:
            return None
        server = call.server
        if server is not None and server.callers is not None:
            server.callers.discard(tag)
        caller = call.cell
        if caller is not None and caller.calls is not None:
            caller.calls.discard(tag)
        if call.timer is not None:
            self._node.timers.cancel(call.timer)
            call.timer = None
        return call

    def _timed_out(self, call: PendingCall) -> None:
        if self._close(call.tag) is not None:
            self._given_up(call)
            assert call.timeout is not None
            call._settle(None, CallTimeout(call.target, call.timeout))
