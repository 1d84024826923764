"""When new calls are refused, so that those that are up keep their delays; without I/O.

Two bounds: calls at once, and delay. The delay is what a question to a switch's channel table takes, which all that
happens to calls goes through. Where it has been above the bound for a moment, in several answers, new calls are refused
until it is well below: a pause, or a node that hangs and comes back, refuses nobody. OTP has nothing like it; the idea
of judging a queue by how long it has been too long, and not by its length, is CoDel's (RFC 8289).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Why = Literal["calls", "delay"]


@dataclass(frozen=True, slots=True)
class Bounds:
    """Beyond which new calls are refused.

    `calls` at once on this node; a `delay` in seconds, which must have lasted for `moment` seconds and `answers`.
    """

    calls: int = 2000
    delay: float = 0.2
    moment: float = 1.0
    answers: int = 3


class Gate:
    """Knows whether a new call may come in."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self.calls = 0
        """Calls that are up, as last counted, and those that have come since."""
        self.delay = 0.0
        """What the last question took, in seconds."""
        self.closed = False
        """Whether the delay is too long."""
        self.refused: dict[Why, int] = {"calls": 0, "delay": 0}
        self._above = 0
        """Answers in turn that took too long."""
        self._since = 0.0
        """When the first of them came."""

    def measured(self, delay: float, now: float) -> None:
        """A question has taken so long; `now` is the clock's time."""
        self.delay = delay
        if delay <= self.bounds.delay:
            self._above = 0
            if delay <= self.bounds.delay * OPEN_AGAIN:
                self.closed = False
            return
        if self._above == 0:
            self._since = now
        self._above += 1
        if self._above >= self.bounds.answers and now - self._since >= self.bounds.moment:
            self.closed = True

    def counted(self, calls: int) -> None:
        """So many calls are up."""
        self.calls = calls

    def refuses(self) -> Why | None:
        """Why a new call may not come in, which is counted; None where it may, and is counted as one that is up."""
        why: Why | None = "delay" if self.closed else "calls" if self.calls >= self.bounds.calls else None
        if why is None:
            self.calls += 1
        else:
            self.refused[why] += 1
        return why


OPEN_AGAIN: Final = 0.5
"""The part of the bound that the delay must be back at before calls are let in again."""
