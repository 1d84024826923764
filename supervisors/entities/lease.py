"""How long a node may act on what the broker has last confirmed."""

from __future__ import annotations


class Lease:
    """Runs from when something was asked of the broker that it has confirmed: then it still took this node for there.

    `seconds` are shorter than the broker waits before it gives the shards of a silent node to others. Time is the
    node's own, so that one which was stopped for longer knows when it goes on.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until = float("-inf")

    def renew(self, asked_at: float) -> None:
        """The broker has confirmed what was asked at this time."""
        self._until = max(self._until, asked_at + self._seconds)

    def holds(self, now: float) -> bool:
        return now < self._until

    def left(self, now: float) -> float:
        """Seconds, 0 when it has run out."""
        return max(0.0, self._until - now)
