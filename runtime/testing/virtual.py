"""A node whose time is the test's.

Time moves only on the test's order, and only when no process is ready and no I/O of a handler is under way: a test
that passes on a slow machine passes on a fast one.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import AsyncIterator, Awaitable, Mapping
from typing import Any, Final, TypeVar

from mirliton.runtime.addresses import Pid
from mirliton.runtime.cell import Cell
from mirliton.runtime.clock import VirtualClock
from mirliton.runtime.node import STOP_TIMEOUT, Node
from mirliton.runtime.testing.choices import Choices
from mirliton.runtime.testing.exploring import ExploringScheduler, ExploringTimers
from mirliton.runtime.testing.faults import Faults

T = TypeVar("T")

STUCK_AFTER: Final = 30.0
"""Real seconds after which a node that does not come to rest is an error of the test."""

QUIET_TURNS: Final = 8
"""Turns of the loop without a ready process after which it is at rest: an answer that goes through a few layers of a
test's own coroutines (gather, timeout …) must be able to lead to the next message."""


class VirtualNode(Node):
    """A strict node on virtual time."""

    clock: VirtualClock

    def __init__(
        self,
        name: str = "test@localhost",
        *,
        strict: bool = True,
        choices: Choices | None = None,
        incarnation: int = 1,
        clock: VirtualClock | None = None,
    ) -> None:
        super().__init__(name, clock=clock or VirtualClock(), strict=strict, incarnation=incarnation)
        self.choices = choices
        """The decisions of this run, where they are not all first come, first served."""
        self.faults = Faults(self)
        """What goes wrong on purpose."""
        if choices is not None:
            self.timers = ExploringTimers(choices)

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        super().attach(loop)
        if self.choices is not None:
            self.scheduler = self.post.scheduler = ExploringScheduler(self, loop, self.choices)
        else:
            # How far a slice gets must not depend on how fast the machine is.
            self.scheduler.seconds_per_slice = math.inf

    async def stop(self, timeout: float = STOP_TIMEOUT) -> None:
        """As Node.stop, with as much virtual time as it takes."""
        await self.drive(super().stop(timeout), limit=timeout + 1.0)

    def deliver(self, cell: Cell, message: Any, sender: Pid | None) -> None:
        """As Node.deliver, but for what `faults` says."""
        if not self.faults.take(cell, message, sender):
            self.deliver_now(cell, message, sender)

    def deliver_now(self, cell: Cell, message: Any, sender: Pid | None) -> None:
        """Put a message at the end of a mailbox, whatever `faults` says."""
        super().deliver(cell, message, sender)

    async def idle(self) -> None:
        """Wait until every process waits for a message or for time, and no handler awaits I/O."""
        deadline = time.monotonic() + STUCK_AFTER
        quiet = 0
        while quiet < QUIET_TURNS:
            await asyncio.sleep(0)
            if self.scheduler.ready or self.scheduler.tasks.working > 0:
                quiet = 0
                if self.scheduler.tasks.working > 0 and not self.scheduler.ready:
                    await asyncio.sleep(0.0005)
                if time.monotonic() > deadline:
                    raise TimeoutError(
                        f"the node did not come to rest: {len(self.scheduler.ready)} processes ready, "
                        f"{self.scheduler.tasks.working} tasks at work"
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
async def virtual_node(
    name: str = "test@localhost",
    *,
    strict: bool = True,
    seed: int | None = None,
    decisions: Mapping[int, int] | None = None,
    choices: Choices | None = None,
) -> AsyncIterator[VirtualNode]:
    """A running VirtualNode. A violation of strict mode anywhere in it fails the test at the end.

    Who runs next is decided first come, first served; with a `seed` it is drawn, the same each time; `decisions` are
    those of a run that `explore` found (both make one message a turn). `choices` is either, and keeps the trace.
    """
    if choices is None and (seed is not None or decisions is not None):
        choices = Choices(seed, decisions)
    node = VirtualNode(name, strict=strict, choices=choices)
    async with node:
        try:
            yield node
        except BaseException:
            node.strict_violations = []  # the test has failed already
            raise
        finally:
            node.faults.undo()
        node.faults.check()
        node.strictness.check_unchanged()
        violations, node.strict_violations = node.strict_violations, []
        if violations:
            raise violations[0]
