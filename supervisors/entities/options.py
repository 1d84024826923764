"""What can be set of a node's entities. All durations are seconds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """Raises ValueError for a value that makes no sense."""

    hosts: bool = True
    """Whether this node takes shards; one that does not can still send to entities."""
    lease: float = 3.0
    """Without a confirm of the broker for so long the node drops its entities. Shorter than the broker takes to notice
    that a node is gone: between one and three times the heartbeat of its connection, 5 s by default."""
    tick: float = 0.5
    """How often the broker is probed, and what waits is looked at."""
    claim_every: float = 5.0
    """How often each shard is claimed, by one node of all."""
    even_every: float = 1.0
    """How often a node asks itself whether it has too many shards."""
    give_back: float = 5.0
    """How long an orderly give-back may take; then the shard is dropped."""
    park_for: float = 10.0
    """How long a message without a key waits for an owner."""
    parked: int = 10_000
    """How many may wait so, for all entities together."""
    outbox: int = 10_000
    """How many messages with a key may wait for the broker."""
    batch: int = 64
    """Messages with a key that go to a shard together. Times the prefetch of the queue it must not exceed the keys
    that are remembered (store.KEYS_KEPT)."""
    most_deaths: int = 3
    """Nodes that a message may take with it before it is set aside."""

    def __post_init__(self) -> None:
        for name in ("lease", "tick", "claim_every", "even_every", "give_back", "park_for"):
            if not getattr(self, name) > 0:
                raise ValueError(f"entities: {name} must be more than 0 seconds, not {getattr(self, name)}")
        for name in ("parked", "outbox", "batch", "most_deaths"):
            if getattr(self, name) < 1:
                raise ValueError(f"entities: {name} must be at least 1, not {getattr(self, name)}")
        if self.tick * 3 > self.lease:
            raise ValueError(f"entities: tick ({self.tick} s) must be a third of lease ({self.lease} s) at most")
