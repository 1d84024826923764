"""Bounds on attempts: a bucket of tokens per key, refilled at a steady rate.

The number of buckets is bounded; when a new key needs room, the bucket that has been left alone longest goes. A full
bucket is worth the same as none, so what is lost that way is at most the memory of old failures. A restart of the
server forgets all of them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable

MAX_BUCKETS = 20_000


class Throttle:
    """`capacity` attempts at once, one more every `refill` seconds. `clock` gives seconds."""

    def __init__(self, capacity: int, refill: float, clock: Callable[[], float], limit: int = MAX_BUCKETS) -> None:
        self._capacity = capacity
        self._refill = refill
        self._clock = clock
        self._limit = limit
        self._buckets: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, key: Hashable, cost: float = 1.0) -> float:
        """Take one attempt, or `cost` of them; 0.0 when they were there, else the seconds until they are."""
        now = self._clock()
        tokens = self._tokens(key, now)
        if tokens < cost:
            self._keep(key, tokens, now)
            return (cost - tokens) * self._refill
        self._keep(key, tokens - cost, now)
        return 0.0

    def left(self, key: Hashable) -> float:
        """How many attempts there are now."""
        return self._tokens(key, self._clock())

    def give_back(self, key: Hashable) -> None:
        """The attempt was a good one and does not count."""
        now = self._clock()
        tokens = self._tokens(key, now) + 1.0
        if tokens >= self._capacity:
            self._buckets.pop(key, None)
        else:
            self._keep(key, tokens, now)

    def _tokens(self, key: Hashable, now: float) -> float:
        if key not in self._buckets:
            return float(self._capacity)
        tokens, since = self._buckets[key]
        return min(float(self._capacity), tokens + (now - since) / self._refill)

    def _keep(self, key: Hashable, tokens: float, now: float) -> None:
        self._buckets[key] = (tokens, now)
        self._buckets.move_to_end(key)
        if len(self._buckets) > self._limit:
            self._buckets.popitem(last=False)
