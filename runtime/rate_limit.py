"""Saying the same thing seldom: a log line that a flood would repeat thousands of times a second."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from typing import Final

KEYS: Final = 1_000
"""Things told apart; beyond it all the oldest are forgotten, and may be said again early."""


class RateLimit:
    """At most one line per key in `seconds`.

    limit = RateLimit(10.0)
    if (unsaid := limit.allows("Greedy")) is not None:
        log.warning("mailbox_full", kind="Greedy", unsaid=unsaid)

    Not shared by threads. A restart of the process that uses it begins anew.
    """

    def __init__(self, seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        self.seconds = seconds
        self._now = now
        self._said: dict[Hashable, tuple[float, int]] = {}

    def allows(self, key: Hashable) -> int | None:
        """How many lines of this key were kept back since the last one, when one may be written; else None."""
        now = self._now()
        last, unsaid = self._said.get(key, (None, 0))
        if last is not None and now - last < self.seconds:
            self._said[key] = (last, unsaid + 1)
            return None
        if len(self._said) >= KEYS:
            self._said.clear()
        self._said[key] = (now, 0)
        return unsaid
