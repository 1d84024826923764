"""A node's leave to act as what only one node of a cluster may be, while the network confirms that it is heard.

The network confirms what a node publishes. Whoever has published something that was confirmed was heard by all others
not before it did; so one that stops acting `length` seconds after that has stopped before any of them, having heard
nothing for longer than `length`, takes its place. A lease that has run out does not come back: another begins, with
another number, and who acted under the first one must have stopped meanwhile.

It may be asked from any thread; only the node's loop changes it.
"""

from __future__ import annotations

from mirliton.runtime.clock import Clock


class Lease:
    """`length` is in seconds, of this clock."""

    def __init__(self, clock: Clock, length: float) -> None:
        self.length = length
        self._clock = clock
        self._until = float("-inf")
        self._number = 0
        self.since = float("inf")
        """When the latest one began, by the clock."""

    @property
    def number(self) -> int:
        """The lease that is held now; 0 for none."""
        number = self._number
        return number if self._clock.now() < self._until else 0

    def holds(self, number: int) -> bool:
        """Whether this lease is held still."""
        return number != 0 and self.number == number

    def confirmed(self, begun: float) -> bool:
        """What was published at this time, by the clock, has been confirmed. Whether a new lease begins."""
        now = self._clock.now()
        is_new = now >= self._until and now < begun + self.length
        if is_new:
            self._number += 1
            self.since = now
        self._until = max(self._until, begun + self.length)
        return is_new

    def lost(self) -> None:
        """The network is away."""
        self._until = float("-inf")
