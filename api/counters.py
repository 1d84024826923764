"""What the API counts, in plain integers; `metrics.py` exports them at scrape.

The counters belong to the node, not to the server process: a restart of the server does not reset them. Labels are
resource names, methods and status classes, which the code bounds; never ids or paths.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Final
from weakref import WeakKeyDictionary

from mirliton.runtime import Node

LOGIN_METHODS: Final = ("cb_user_auth", "cb_api_auth", "cb_ip_auth", "cb_basic_auth", "cb_user_auth_recovery")


@dataclass(slots=True, eq=False)
class Counters:
    """Totals since the node started."""

    requests: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """Answered requests by (resource, method, status class)."""
    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    """Time spent on them, in seconds, by resource."""
    in_flight: int = 0
    turned_away: int = 0
    """Requests refused because too many were under way."""
    crashes: int = 0
    """Requests that ended in a fault of ours."""
    logins: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(LOGIN_METHODS, 0)))
    """Logins by method."""
    logins_failed: int = 0
    logins_throttled: int = 0
    rate_limited: int = 0
    """Requests refused because the client's bucket was empty."""

    def answered(self, resource: str, method: str, status: int, seconds: float) -> None:
        self.requests[resource, method, f"{status // 100}xx"] += 1
        self.seconds[resource] += seconds


_of: WeakKeyDictionary[Node, Counters] = WeakKeyDictionary()


def counters_of(node: Node) -> Counters:
    """The counters of this node."""
    return _of.setdefault(node, Counters())
