"""Messages with a key on their way into the queues of shards.

One confirmed batch to each shard is under way at a time; what comes meanwhile goes with the next. A batch of which
nobody knows whether it arrived is sent again: its keys see to it that nothing is done twice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from mirliton.runtime.transport.network import Outcome
from mirliton.supervisors.entities.messages import pack

if TYPE_CHECKING:
    from mirliton.supervisors.entities.entities import Entities

PAUSE: Final = 0.2
"""Seconds before a batch is sent again."""
MOST_BYTES: Final = 256 * 1024
"""Of one batch, but for a single message that is larger."""


class Parcel:
    """One encoded message. `told` hears True when the broker has it, False when there was no room."""

    __slots__ = ("body", "expires", "told")

    def __init__(self, body: bytes, expires: float, told: Callable[[bool], None]) -> None:
        self.body = body
        self.expires = expires
        self.told = told


class Outbox:
    """Those of one node, for all shards."""

    def __init__(self, entities: Entities) -> None:
        self._entities = entities
        self._waiting: dict[int, deque[Parcel]] = {}
        self._busy: set[int] = set()
        self.length = 0

    def put(self, shard: int, parcel: Parcel) -> bool:
        """Send a message. False when there is no room for it."""
        if self.length >= self._entities.options.outbox:
            return False
        self.length += 1
        self._waiting.setdefault(shard, deque()).append(parcel)
        self._send_soon(shard)
        return True

    def _send_soon(self, shard: int) -> None:
        if shard not in self._busy:
            self._busy.add(shard)
            self._entities.node.loop.call_soon(self._send, shard)

    def _send(self, shard: int) -> None:
        waiting = self._waiting.get(shard, deque())
        batch: list[Parcel] = []
        now, size = self._entities.node.clock.now(), 0
        while waiting and len(batch) < self._entities.options.batch:
            parcel = waiting[0]
            if batch and size + len(parcel.body) > MOST_BYTES:
                break
            waiting.popleft()
            if parcel.expires <= now:
                self.length -= 1  # its sender has been told by its own deadline
                continue
            batch.append(parcel)
            size += len(parcel.body)
        if not batch:
            self._busy.discard(shard)
            self._waiting.pop(shard, None)
            return
        body = pack([parcel.body for parcel in batch])
        self._entities.shards.publish(shard, body, lambda outcome: self._sent(shard, batch, outcome))

    def _sent(self, shard: int, batch: list[Parcel], outcome: Outcome) -> None:
        counters = self._entities.counters
        if outcome in (Outcome.CONFIRMED, Outcome.REFUSED):
            self.length -= len(batch)
            for parcel in batch:
                parcel.told(outcome is Outcome.CONFIRMED)
            self._send(shard)
            return
        if outcome is Outcome.RETURNED:
            counters.returned += 1
        else:
            counters.unconfirmed += 1
        self._waiting.setdefault(shard, deque()).extendleft(reversed(batch))
        self._entities.node.after(PAUSE, lambda _: self._send(shard))
