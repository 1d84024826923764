"""A node whose time is the test's.

Time moves only on the test's order, and only when no process is ready and no I/O of a handler is under way: a test
that passes on a slow machine passes on a fast one.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable
from typing import Final, TypeVar

from mirliton.runtime.clock import VirtualClock
from mirliton.runtime.node import STOP_TIMEOUT, Node

T = TypeVar("T")

STUCK_AFTER: Final = 30.0
"""Real seconds after which a node that does not come to rest is an error of the test."""

QUIET_TURNS: Final = 8
"""Turns of the loop without a ready process after which it is at rest: an answer that goes through a few layers of a
test's own coroutines (gather, timeout …) must be able to lead to the next message."""


class VirtualNode(Node):
    """A strict node on virtual time."""

    clock: VirtualClock

    def __init__(self, name: str = "test@localhost", *, strict: bool = True) -> None:
        super().__init__(name, clock=VirtualClock(), strict=strict, incarnation=1)

    async def stop(self, timeout: float = STOP_TIMEOUT) -> None:
        """As Node.stop, with as much virtual time as it takes."""
        await self.drive(super().stop(timeout), limit=timeout + 1.0)

    async def idle(self) -> None:
        """Wait until every process waits for a message or for time, and no handler awaits I/O."""
        deadline = time.monotonic() + STUCK_AFTER
        quiet = 0
        while quiet < QUIET_TURNS:
            await asyncio.sleep(0)
            if self.scheduler.ready or self.scheduler.tasks_working > 0:
                quiet = 0
                if self.scheduler.tasks_working > 0 and not self.scheduler.ready:
                    await asyncio.sleep(0.0005)
                if time.monotonic() > deadline:
                    raise TimeoutError(
                        f"the node did not come to rest: {len(self.scheduler.ready)} processes ready, "
                        f"{self.scheduler.tasks_working} tasks at work"
                    )
            else:
                quiet += 1

    async def advance(self, seconds: float) -> None:
        """Let that much time pass. Timers fire in order, each at its own time, with everything that follows from it."""
        await self.idle()
        end = self.clock.now() + seconds
        while (due := self.timers.next_due()) is not None and due <= end:
            self.clock.set(max(due, self.clock.now()))
            self.fire_due()
            await self.idle()
        self.clock.set(end)

    async def drive(self, awaitable: Awaitable[T], limit: float = 3600.0) -> T:
        """Let as much time pass as it takes for `awaitable` to be done, `limit` virtual seconds at most."""
        task = asyncio.ensure_future(awaitable)
        end = self.clock.now() + limit
        try:
            while True:
                await self.idle()
                if task.done():
                    return task.result()
                due = self.timers.next_due()
                if due is None or due > end:
                    raise TimeoutError(f"not done within {limit:g} s of virtual time")
                self.clock.set(max(due, self.clock.now()))
                self.fire_due()
        finally:
            task.cancel()


@contextlib.asynccontextmanager
async def virtual_node(name: str = "test@localhost", *, strict: bool = True) -> AsyncIterator[VirtualNode]:
    """A running VirtualNode. A violation of strict mode anywhere in it fails the test at the end."""
    node = VirtualNode(name, strict=strict)
    async with node:
        yield node
        if node.strict_violations:
            raise node.strict_violations[0]
