"""What wakes a node for its timers: one timer of the event loop, set for the nearest deadline."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mirliton.runtime.clock import RealClock
from mirliton.runtime.errors import MailboxFull, RuntimeFault

if TYPE_CHECKING:
    import asyncio

    from mirliton.runtime.node import Node


class Alarm:
    """On virtual time it never rings: the test moves time, and fires what is due."""

    __slots__ = ("_handle", "_never", "_node", "due")

    def __init__(self, node: Node) -> None:
        self._node = node
        self._never = math.inf if isinstance(node.clock, RealClock) else -math.inf
        self._handle: asyncio.TimerHandle | None = None
        self.due = self._never
        """When it rings; a nearer deadline has to `set` it."""

    def set(self, due: float) -> None:
        """Ring at `due`, and not when it would have rung."""
        node = self._node
        if self._handle is not None:
            self._handle.cancel()
        self.due = due
        self._handle = node.loop.call_at(node.loop.time() + max(0.0, due - node.clock.now()), self._ring)

    def stop(self) -> None:
        """Ring no more."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        self.due = self._never

    def fire_due(self) -> bool:
        """Run the timers that are due now. Whether there were any."""
        node = self._node
        fired = False
        while (timer := node.timers.pop_due(node.clock.now())) is not None:
            callback, timer.callback = timer.callback, None
            argument, timer.argument = timer.argument, None
            timer.over()
            assert callback is not None
            try:
                callback(argument)
            except MailboxFull:
                pass  # counted and logged where it was refused
            except RuntimeFault as error:
                # The other deadlines must not suffer.
                node.log.warning("timer_failed", error=str(error))
            fired = True
        return fired

    def _ring(self) -> None:
        self._handle = None
        # Until the deadlines that come now are known, nothing may set it: it would be set again below.
        self.due = -math.inf
        try:
            self.fire_due()
        finally:
            self.due = self._never
            due = self._node.timers.next_due()
            if due is not None:
                self.set(due)
