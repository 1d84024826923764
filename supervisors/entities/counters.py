"""What a node has counted of its entities: plain integers, which metrics.py reads at a scrape."""

from __future__ import annotations

from collections import Counter
from typing import Final

from mirliton.runtime.families import Spread

TAKEOVER_BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class EntityCounters:
    """All begin at zero with the node."""

    def __init__(self) -> None:
        self.takeovers = 0
        self.takeover_seconds = Spread(TAKEOVER_BOUNDS)
        """From the first delivery of a shard until its entities run and what was delivered is handed to them."""
        self.given_back = 0
        self.moved = 0
        """Shards that somebody had moved to a named node, or evened out, by asking this one."""
        self.connects = 0
        """Times the way to the shards was made."""
        self.dropped: Counter[str] = Counter(dict.fromkeys(("lease", "broker", "fenced", "left", "fault"), 0))
        """Shards that were lost and not given back, by why."""
        self.lease_losses = 0
        self.redelivered = 0
        self.repeated = 0
        """Messages whose key was known: answered, and not done again."""
        self.handled = 0
        """Messages with a key that were done."""
        self.commits = 0
        self.store_away = 0
        self.stale = 0
        """Words and writes of an epoch that was over."""
        self.set_aside: Counter[str] = Counter(
            dict.fromkeys(("deaths", "crashes", "unreadable", "no_kind", "start"), 0)
        )
        self.refused = 0
        """Messages in the queue of a shard that are none of this cluster's."""
        self.passed_on = 0
        """Messages without a key that came to a node which is not the owner."""
        self.parked_lost = 0
        """Messages without a key that found no owner in time, or no room to wait for one."""
        self.returned = 0
        """Publishes that came back: the queue of the shard is not there."""
        self.unconfirmed = 0
        """Publishes of which nobody knows whether they arrived; they were made again."""
        self.full = 0
        """Messages refused because a shard's queue, or this node's outbox, was full."""
