"""Does the switch still speak? A half-open TCP connection looks like one on which nothing happens."""

from __future__ import annotations

import asyncio
import time
import weakref
from typing import Protocol


class Watched(Protocol):
    """What the watch asks of a connection."""

    @property
    def last_read(self) -> float:
        """When the last bytes came, on time.monotonic's clock."""

    def ping(self, timeout: float) -> None:
        """Make the switch say something."""

    def silent(self, seconds: float) -> None:
        """The switch has said nothing for so long: end the connection."""


class Liveness:
    """Pings after `period` seconds without a byte, and gives up after twice that. Does not keep `watched` alive."""

    def __init__(self, loop: asyncio.AbstractEventLoop, period: float, watched: Watched) -> None:
        self._loop = loop
        self._period = period
        self._watched = weakref.ref(watched)
        self._pinged = False
        self._timer = loop.call_later(period / 4, self._look)

    def stop(self) -> None:
        """Watch no more."""
        self._timer.cancel()

    def _look(self) -> None:
        watched = self._watched()
        if watched is None:
            return
        # The reading thread notes the time, so a loop that stood still does not take its own silence for the switch's.
        silent = time.monotonic() - watched.last_read
        if silent >= 2 * self._period:
            watched.silent(silent)
            return
        if silent < self._period:
            self._pinged = False
        elif not self._pinged:
            self._pinged = True
            watched.ping(self._period)
        self._timer = self._loop.call_later(self._period / 4, self._look)
