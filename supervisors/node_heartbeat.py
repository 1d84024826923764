"""The pipes between a node and its parent: what the node says of itself, and what it is asked, one byte at a time.

The beat is scheduled by the node's event loop and by nothing else (no thread, no signal), so a loop that is
held by a handler falls silent, which is what the parent wants to know.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Final

from mirliton.runtime import garbage

BEAT: Final = b"."
READY: Final = b"R"
LEAVING: Final = b"L"
TAKES_DRAIN: Final = b"T"
DRAINED: Final = b"E"

# The other way.
DRAIN: Final = b"D"


class Heartbeat:
    """A node's line to its node supervisor; given to the program's `main` as its first argument.

        def main(heartbeat: Heartbeat, settings: str) -> int:
            return asyncio.run(serve(heartbeat, settings))

        async def serve(heartbeat, settings):
            heartbeat.start()
            ... start the trees ...
            heartbeat.ready()
            ... until SIGTERM ...
            heartbeat.leaving()
            ... stop the trees ...
            return 0

    To refuse to start (a bad setting, a port in use) end with status os.EX_CONFIG or os.EX_UNAVAILABLE before
    `ready`: the parent then does not try again.

    A node that can finish its work before it ends says so with `on_drain`.

    `incarnation` counts the starts of this program under its parent, from 1; `previous` tells how the one
    before ended, and is empty at the first. A restart makes a new Heartbeat; a reload of the parent leaves it
    as it is.
    """

    def __init__(
        self,
        fd: int | None,
        interval: float,
        *,
        program: str,
        incarnation: int = 1,
        previous: str = "",
        requests: int | None = None,
    ) -> None:
        """`fd` is the non-blocking write end of the pipe, `interval` the seconds between two beats.

        `requests` is the non-blocking read end of the pipe through which the parent asks.
        """
        self.program = program
        self.interval = interval
        self.incarnation = incarnation
        self.previous = previous
        self._fd = fd
        self._requests = requests
        self._timer: asyncio.TimerHandle | None = None

    @classmethod
    def unwatched(cls, program: str) -> Heartbeat:
        """For a program that runs without a node supervisor: every notice goes nowhere."""
        return cls(None, 1.0, program=program)

    @property
    def watched(self) -> bool:
        """Whether there is a parent that listens."""
        return self._fd is not None

    def start(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        """Beat from now on, in `loop` (the running one by default). Starting twice changes nothing."""
        if self._timer is None:
            self._beat(loop or asyncio.get_running_loop())

    def ready(self, *, freeze: bool = True) -> None:
        """Boot has ended: from now on silence counts as a stall, and the next program may start.

        With `freeze`, what is alive now is taken out of the garbage collector's sight for good: a full
        collection over a whole node stops every call, and what boot made stays for the life of the process
        anyway.
        """
        if freeze:
            garbage.collect_all()
        self._say(READY)

    def on_drain(self, drain: Callable[[], None], loop: asyncio.AbstractEventLoop | None = None) -> None:
        """Have `drain` called, in `loop` (the running one by default), when the parent asks to finish the work.

        From then on the node takes no new work and goes on with what it has; it beats as before, and calls `drained`
        when nothing is left. SIGTERM follows then, or when the program's drain time is over. Without a parent that
        asks, `drain` is never called.
        """
        if self._requests is None:
            return
        beating = loop or asyncio.get_running_loop()
        beating.add_reader(self._requests, self._asked, self._requests, drain, beating)
        self._say(TAKES_DRAIN)

    def drained(self) -> None:
        """The work is finished; answers a drain request."""
        self._say(DRAINED)

    def _asked(self, fd: int, drain: Callable[[], None], loop: asyncio.AbstractEventLoop) -> None:
        try:
            words = os.read(fd, 64)
        except BlockingIOError:
            return
        if DRAIN in words:
            drain()
        elif not words:  # the parent is gone; a closed pipe would be readable for ever
            loop.remove_reader(fd)

    def leaving(self) -> None:
        """Shutting down: stop beating; from now on the program's shutdown time counts, not its stall."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._say(LEAVING)

    def _beat(self, loop: asyncio.AbstractEventLoop) -> None:
        self._say(BEAT)
        self._timer = loop.call_later(self.interval, self._beat, loop)

    def _say(self, word: bytes) -> None:
        if self._fd is None:
            return
        try:
            os.write(self._fd, word)
        except BlockingIOError:
            pass  # a pipe full of unread beats says already what this one would
        except BrokenPipeError:
            self._fd = None  # the parent is gone, and the kernel is about to kill this process for it
