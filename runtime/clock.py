"""Where time comes from. Everything that waits asks a clock, so that tests can own time."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Monotonic time in seconds, and the time of day for what is written down."""

    def now(self) -> float:
        """Monotonic seconds."""

    def time(self) -> float:
        """Seconds since 1970, UTC."""


class RealClock:
    """The machine's time."""

    now = staticmethod(time.monotonic)
    time = staticmethod(time.time)


class VirtualClock:
    """Time that stands still until a test moves it (see runtime/testing/)."""

    def __init__(self, start: float = 1_000.0, epoch: float = 1_767_225_600.0) -> None:
        self._now = start
        self._offset = epoch - start

    def now(self) -> float:
        return self._now

    def time(self) -> float:
        return self._now + self._offset

    def set(self, now: float) -> None:
        """Move to `now` (monotonic seconds), never back."""
        if now < self._now:
            raise ValueError(f"time cannot go back from {self._now} to {now}")
        self._now = now
