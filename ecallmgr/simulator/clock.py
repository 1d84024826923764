"""Time of the simulated switch: real time with a speed factor, or time that moves only on order.

All durations inside the simulator are simulated seconds. `RealClock(speed=20)` lets twenty of them pass
in a real second, so that a caller who waits two seconds costs a test a tenth of one. `ManualClock` stands
still until it is told to move: with an in-memory connection (`memory.py`) a whole call is then
deterministic. Real time waits for whoever is late: in each turn of the loop only so much of it counts, so that a slow
machine makes a call longer and never makes it another call. Wall-clock stamps in events and records follow simulated
time, so that a call's billed seconds agree with what its script says.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Callable
from itertools import count
from typing import Final, Protocol


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


class _Entry:
    """One waiting callback."""

    __slots__ = ("callback", "cancelled")

    def __init__(self, callback: Callable[[], object]) -> None:
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True

    def run(self) -> None:
        """Call back, unless cancelled since it fell due."""
        if not self.cancelled:
            self.callback()


class _Agenda:
    """Waiting callbacks by the simulated time at which they are due, and in the order given among equals."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, _Entry]] = []
        self._order = count()

    def add(self, due: float, callback: Callable[[], object]) -> _Entry:
        entry = _Entry(callback)
        heapq.heappush(self._heap, (due, next(self._order), entry))
        return entry

    def first(self) -> float | None:
        """When the next callback is due, or None when nothing waits."""
        while self._heap and self._heap[0][2].cancelled:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def take(self) -> _Entry:
        """The next callback, which waits no more."""
        return heapq.heappop(self._heap)[2]


class RealClock:
    """Real time, `speed` simulated seconds for each real one.

    While callbacks wait, a turn of the loop counts for at most `TURN` real seconds, however long it took: what follows
    from one callback takes a few turns, and must not be overtaken by a callback that is due long after it.
    """

    TURN: Final = 0.02
    LOOK: Final = 0.01
    """Real seconds between looks at the time, while callbacks wait."""

    def __init__(self, speed: float = 1.0) -> None:
        if speed <= 0:
            raise ValueError(f"speed is {speed}; expected simulated seconds per real second, above 0")
        self.speed = speed
        self._counted = 0.0
        self._seen = time.monotonic()
        """The real time up to which `_counted` holds all that counts."""
        self._epoch = time.time()
        self._agenda = _Agenda()
        self._alarm: asyncio.TimerHandle | None = None

    def now(self) -> float:
        """Simulated seconds since the clock was made."""
        return self._real() * self.speed

    def micros(self) -> int:
        """Microseconds since 1970, in simulated time."""
        return int((self._epoch + self.now()) * 1_000_000)

    def call_later(self, delay: float, callback: Callable[[], object]) -> Timer:
        """Run `callback` after `delay` simulated seconds."""
        if self._agenda.first() is None:
            self._look()
        due = self.now() + max(delay, 0.0)
        entry = self._agenda.add(due, callback)
        if self._agenda.first() == due:
            self._set_alarm()
        return entry

    def _real(self) -> float:
        """Real seconds that count since the clock was made."""
        since = time.monotonic() - self._seen
        return self._counted + (since if self._agenda.first() is None else min(since, self.TURN))

    def _look(self) -> None:
        self._counted = self._real()
        self._seen = time.monotonic()

    def _set_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        due = self._agenda.first()
        if due is not None:
            soon = min((due - self.now()) / self.speed, self.LOOK)
            self._alarm = asyncio.get_running_loop().call_later(soon, self._ring)

    def _ring(self) -> None:
        """Let the loop run what is due: each in a callback of its own, so that one that raises harms no other."""
        self._look()
        now = self.now()
        loop = asyncio.get_running_loop()
        while (due := self._agenda.first()) is not None and due <= now:
            loop.call_soon(self._agenda.take().run)
        self._set_alarm()


class ManualClock:
    """Time that moves only by `step` and `advance`; callbacks run inside these calls, in order."""

    def __init__(self, epoch: float = 1_800_000_000.0) -> None:
        self._now = 0.0
        self._epoch = epoch
        self._agenda = _Agenda()

    def now(self) -> float:
        """Simulated seconds since the clock was made."""
        return self._now

    def micros(self) -> int:
        """Microseconds since 1970, in simulated time."""
        return round((self._epoch + self._now) * 1_000_000)

    def call_later(self, delay: float, callback: Callable[[], object]) -> Timer:
        """Run `callback` when the clock has been moved by `delay`."""
        return self._agenda.add(self._now + max(delay, 0.0), callback)

    def next_deadline(self) -> float | None:
        """When the next callback is due, or None when nothing waits."""
        return self._agenda.first()

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
            self._agenda.take().run()
        self._now = max(self._now, end)
