"""Rates that follow what happens: exponentially weighted means, as those of a machine's load."""

from __future__ import annotations

import math
from typing import Final

TICK: Final = 5.0
"""Seconds over which events are gathered before they count."""
SPANS: Final = {"one": 60.0, "five": 300.0, "fifteen": 900.0, "day": 86_400.0}
"""Seconds that a rate looks back, by Kazoo's name for it."""


class Meter:
    """Counts events. All times are seconds of one clock that does not go back; rates are per second."""

    def __init__(self, now: float) -> None:
        self.start = now
        self.count = 0
        self._rates = dict.fromkeys(SPANS, 0.0)
        self._gathered = 0
        self._ticked = now

    def mark(self, now: float) -> None:
        """One more."""
        self._tick(now)
        self.count += 1
        self._gathered += 1

    def rates(self, now: float) -> dict[str, float]:
        """The rate of each span, the `mean` since the start, and Kazoo's comparisons of a span with the next longer."""
        self._tick(now)
        one, five, fifteen = (self._rates[span] for span in ("one", "five", "fifteen"))
        return {
            **self._rates,
            "mean": self.count / max(now - self.start, TICK),
            "one_to_five": one - five,
            "five_to_fifteen": five - fifteen,
            "one_to_fifteen": one - fifteen,
        }

    def _tick(self, now: float) -> None:
        ticks = int((now - self._ticked) / TICK)
        if ticks <= 0:
            return
        instant = self._gathered / TICK
        for span, seconds in SPANS.items():
            fade = math.exp(-TICK / seconds)
            first = self._rates[span] * fade + instant * (1 - fade)
            self._rates[span] = first * fade ** (ticks - 1)  # nothing happened in the others
        self._gathered = 0
        self._ticked += ticks * TICK
