"""Time of the simulated switch: real time with a speed factor, or time that moves only on order.

All durations inside the simulator are simulated seconds. `RealClock(speed=20)` lets twenty of them pass
in a real second, so that a caller who waits two seconds costs a test a tenth of one. `ManualClock` stands
still until it is told to move: with an in-memory connection (`memory.py`) a whole call is then
deterministic. Wall-clock stamps in events and records follow simulated time, so that a call's billed
seconds agree with what its script says.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Callable
from itertools import count
from typing import Protocol


class Timer(Protocol):
    """A callback that will run later unless cancelled; cancelling twice, or after it ran, does nothing."""

    def cancel(self) -> None:
        """Forget the callback."""


class Clock(Protocol):
    """Where the simulator takes its time from."""

    def now(self) -> float:
        """Simulated seconds since the clock was made; never goes back."""

    def micros(self) -> int:
        """The simulated wall clock: microseconds since 1970."""

    def call_later(self, delay: float, callback: Callable[[], object]) -> Timer:
        """Run `callback` on the loop when `delay` simulated seconds have passed."""


async def sleep(clock: Clock, seconds: float) -> None:
    """Let `seconds` of simulated time pass."""
    due = asyncio.Event()
    timer = clock.call_later(seconds, due.set)
    try:
        await due.wait()
    finally:
        timer.cancel()


class RealClock:
    """Real time, `speed` simulated seconds for each real one."""

    def __init__(self, speed: float = 1.0) -> None:
        if speed <= 0:
            raise ValueError(f"speed is {speed}; expected simulated seconds per real second, above 0")
        self.speed = speed
        self._start = time.monotonic()
        self._epoch = time.time()

    def now(self) -> float:
        """Simulated seconds since the clock was made."""
        return (time.monotonic() - self._start) * self.speed

    def micros(self) -> int:
        """Microseconds since 1970, in simulated time."""
        return int((self._epoch + self.now()) * 1_000_000)

    def call_later(self, delay: float, callback: Callable[[], object]) -> Timer:
        """Run `callback` after `delay` simulated seconds."""
        return asyncio.get_running_loop().call_later(max(delay, 0.0) / self.speed, callback)


class _Entry:
    """One waiting callback of a ManualClock."""

    __slots__ = ("callback", "cancelled")

    def __init__(self, callback: Callable[[], object]) -> None:
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class ManualClock:
    """Time that moves only by `step` and `advance`; callbacks run inside these calls, in order."""

    def __init__(self, epoch: float = 1_800_000_000.0) -> None:
        self._now = 0.0
        self._epoch = epoch
        self._heap: list[tuple[float, int, _Entry]] = []
        self._order = count()

    def now(self) -> float:
        """Simulated seconds since the clock was made."""
        return self._now

    def micros(self) -> int:
        """Microseconds since 1970, in simulated time."""
        return round((self._epoch + self._now) * 1_000_000)

    def call_later(self, delay: float, callback: Callable[[], object]) -> Timer:
        """Run `callback` when the clock has been moved by `delay`."""
        entry = _Entry(callback)
        heapq.heappush(self._heap, (self._now + max(delay, 0.0), next(self._order), entry))
        return entry

    def next_deadline(self) -> float | None:
        """When the next callback is due, or None when nothing waits."""
        while self._heap and self._heap[0][2].cancelled:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def step(self) -> bool:
        """Move to the next deadline and run all callbacks due then; False when nothing waits."""
        due = self.next_deadline()
        if due is None:
            return False
        self.advance(due - self._now)
        return True

    def advance(self, seconds: float) -> None:
        """Move `seconds` on, running what falls due on the way at its own time."""
        end = self._now + seconds
        while (due := self.next_deadline()) is not None and due <= end:
            self._now = max(self._now, due)
            heapq.heappop(self._heap)[2].callback()
        self._now = max(self._now, end)
