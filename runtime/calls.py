"""Calls in flight: who waits, for whom, until when.

A call is a request with a tag; the answer carries the tag back. The table is the whole of OTP's dance of monitor,
alias and timeout: when the server ends, its calls fail; when the call has ended, a late answer finds no entry and is
dropped.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mirliton.runtime.errors import CallTimeout
from mirliton.runtime.protocol import From
from mirliton.runtime.timers import Timer
from mirliton.runtime.waits import Wait

if TYPE_CHECKING:
    from mirliton.runtime.cell import Cell
    from mirliton.runtime.node import Node


class PendingCall:
    """One call in flight."""

    __slots__ = ("caller", "server", "target", "timer", "wait")

    def __init__(self, wait: Wait, target: Any, caller: Cell | None) -> None:
        self.wait = wait
        self.target = target
        self.caller = caller
        self.server: Cell | None = None
        self.timer: Timer | None = None


class Calls:
    """The calls in flight of one node."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._pending: dict[int, PendingCall] = {}
        self._tags = itertools.count(1)
        self.late_replies = 0

    def __len__(self) -> int:
        return len(self._pending)

    def open(
        self, target: Any, caller: Cell | None, timeout: float | None, wait: Wait | None = None
    ) -> tuple[From, Wait]:
        """Begin a call; `timeout` in seconds, None waits for ever. The Wait ends with the answer or a CallError."""
        tag = next(self._tags)
        if wait is None:
            wait = Wait(caller, self._node.scheduler)
        call = PendingCall(wait, target, caller)
        self._pending[tag] = call
        if caller is not None:
            if caller.calls is None:
                caller.calls = set()
            caller.calls.add(tag)
        if timeout is not None:
            call.timer = self._node.after(timeout, self._timed_out, (tag, timeout))
        return From(self._node.name, tag, caller.pid if caller is not None else None), wait

    def deadline(self, tag: int, timer: Timer) -> None:
        """Cancel `timer` when the call has ended."""
        self._pending[tag].timer = timer

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
            self.late_replies += 1
        else:
            call.wait.resolve(value)

    def fail(self, tag: int, error: BaseException) -> None:
        """End the call with an error."""
        call = self._close(tag)
        if call is not None:
            call.wait.fail(error)

    def fail_with(self, tag: int, error: Callable[[Any], BaseException]) -> None:
        """End the call with an error that is made of its target."""
        call = self._close(tag)
        if call is not None:
            call.wait.fail(error(call.target))

    def forget(self, tag: int) -> None:
        """The caller has ended: nobody waits."""
        self._close(tag)

    def _close(self, tag: int) -> PendingCall | None:
        call = self._pending.pop(tag, None)
        if call is None:
            return None
        if call.timer is not None:
            self._node.timers.cancel(call.timer)
        if call.server is not None and call.server.callers is not None:
            call.server.callers.discard(tag)
        if call.caller is not None and call.caller.calls is not None:
            call.caller.calls.discard(tag)
        return call

    def _timed_out(self, argument: tuple[int, float]) -> None:
        tag, timeout = argument
        self.fail_with(tag, lambda target: CallTimeout(target, timeout))
