"""How much a client may ask: a bucket of tokens per address and account, refilled at a steady rate.

A request costs one token, a login `LOGIN_COST` (Kazoo: token_costs, user_auth_tokens and its like). What is left is
told in each answer (`tokens`). An empty bucket answers 429 before anything is done for the request. What shows no good
token is paid for by the address alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mirliton.api.counters import Counters
from mirliton.api.errors import TooManyRequests
from mirliton.api.throttle import Throttle

LOGIN_COST: Final = 35


@dataclass(frozen=True, slots=True)
class Spent:
    """What a request has cost, and what is left."""

    consumed: int
    remaining: int


class Buckets:
    """The buckets of one server. A `capacity` of 0 sets no limit; `fill` is in tokens per second."""

    def __init__(self, capacity: int, fill: float, clock: Callable[[], float], counters: Counters) -> None:
        self._capacity = capacity
        self._counters = counters
        self._throttle = Throttle(capacity, 1.0 / fill, clock)

    def take(self, address: str, account_id: str, cost: int) -> Spent | None:
        """Pay for a request; None where there is no limit. Raises TooManyRequests."""
        if not self._capacity:
            return None
        key = (address, account_id)
        # What costs more than a bucket holds takes a full one.
        cost = min(cost, self._capacity)
        wait = self._throttle.take(key, cost)
        if wait > 0.0:
            self._counters.rate_limited += 1
            raise TooManyRequests(wait)
        return Spent(cost, int(self._throttle.left(key)))
