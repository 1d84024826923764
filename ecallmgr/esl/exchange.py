"""Commands out, answers in: the table of pending commands with futures and one timer. Runs in the loop."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Final

from mirliton.ecallmgr.esl.errors import CommandLost, CommandTimedOut, ConnectionClosed
from mirliton.ecallmgr.esl.framing import Frame
from mirliton.ecallmgr.esl.pending import Kind, PendingCommands

_JOB: Final = re.compile(rb"\nJob-UUID: ([^\n]+)")
_TICK: Final = 0.001
"""The loop may run a timer this much early."""


class Exchange:
    """The commands of one connection. `write` sends bytes, in the order of its calls."""

    def __init__(self, loop: asyncio.AbstractEventLoop, write: Callable[[bytes], None], limit: int) -> None:
        self.sent = 0
        self.timed_out = 0
        self._loop = loop
        self._write = write
        self._pending: PendingCommands[asyncio.Future[Frame]] = PendingCommands(limit)
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        """Commands in flight, overdue ones included."""
        return len(self._pending)

    async def run(self, command: bytes, label: str, timeout: float) -> Frame:
        """Send a command and wait for its answer.

        Raises TooManyInFlight (nothing was sent), CommandTimedOut or CommandLost. When the wait is cancelled, the
        command keeps its place and its answer is dropped.
        """
        return await self.begin(command, label, timeout)

    def begin(self, command: bytes, label: str, timeout: float) -> asyncio.Future[Frame]:
        """Send a command; the future gets its answer or error. Raises TooManyInFlight."""
        job: str | None = ""
        if command.startswith(b"bgapi "):
            found = _JOB.search(command)
            job = found[1].decode() if found else None
        kind = Kind.API if command.startswith(b"api ") else Kind.COMMAND
        now = self._loop.time()
        future: asyncio.Future[Frame] = self._loop.create_future()
        self._pending.add(label, kind, now=now, timeout=timeout, waiter=future, job_uuid=job)
        self.sent += 1
        self._write(command)
        if self._timer is None or now + timeout < self._timer.when():
            self._wake_at(now + timeout)
        return future

    def answered(self, frame: Frame) -> None:
        """Give an answer to the command whose turn it is. Raises ReplyOutOfTurn."""
        future = self._pending.answered(frame).waiter
        if future is not None and not future.done():
            future.set_result(frame)

    def end(self, reason: ConnectionClosed) -> None:
        """The connection has ended: whoever still waits gets CommandLost."""
        self._wake_at(None)
        for pending, future in self._pending.abandon():
            if not future.done():
                future.set_exception(CommandLost(pending.label, reason))

    def _wake_at(self, deadline: float | None) -> None:
        # One timer for all: it is set for the earliest deadline and finds out at its end what is due.
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if deadline is None else self._loop.call_at(deadline, self._expire)

    def _expire(self) -> None:
        for pending, future in self._pending.expire(self._loop.time() + _TICK):
            if not future.done():
                self.timed_out += 1
                future.set_exception(CommandTimedOut(pending.label, pending.timeout))
        self._wake_at(self._pending.next_deadline())
