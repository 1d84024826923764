"""Claims: messages in the queues of shards, so that whoever is first in line has a delivery, and knows that it is.

Each shard is claimed by one node in each round, and in the next by another; one without a known owner by all.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from mirliton.runtime.codec import encode
from mirliton.runtime.transport.network import Outcome
from mirliton.supervisors.entities.messages import Claim, Owned, pack
from mirliton.supervisors.entities.waiting import Every

if TYPE_CHECKING:
    from mirliton.supervisors.entities.entities import Entities
    from mirliton.supervisors.entities.owner import Owner

SILENCE: Final = 2
"""Rounds of claims that a shard may stay without an owner before that is an alarm."""


class Claims:
    """Those of one node."""

    def __init__(self, entities: Entities) -> None:
        self._entities = entities
        self._every = Every(entities.options.claim_every)
        self._rounds = 0
        self._unanswered: Counter[int] = Counter()
        """Rounds for which a shard has had no owner."""
        self._wanted: dict[int, float] = {}
        """When a shard was claimed last because something waits for it."""

    def look(self, now: float) -> None:
        """Make a round when it is time for one."""
        if not self._every.due(now):
            return
        self._unanswered.update(self._entities.directory.unowned())
        silent = [shard for shard, rounds in self._unanswered.items() if rounds > SILENCE]
        if silent and self._entities.holding.connected:
            self._entities.log.error("shards_without_owner", shards=silent[:10], count=len(silent))
        self.round()

    def round(self) -> None:
        """Claim this node's part of the shards."""
        entities = self._entities
        nodes = sorted([*entities.directory.nodes(), entities.node.name])
        me = nodes.index(entities.node.name)
        self._rounds += 1
        for shard in range(entities.shards.count):
            if (shard + self._rounds) % len(nodes) == me or entities.directory.owner(shard) is None:
                self.claim(shard)

    def wanted(self, shard: int) -> None:
        """Something waits for the owner of this shard: at once, and then with each tick."""
        now = self._entities.node.clock.now()
        if (
            self._entities.directory.owner(shard) is None
            and now - self._wanted.get(shard, float("-inf")) >= self._entities.options.tick
        ):
            self._wanted[shard] = now
            self.claim(shard)

    def claim(self, shard: int) -> None:
        """Have its owner speak."""
        if self._entities.holding.connected and self._entities.opened:
            claim = pack([encode(Claim(self._entities.node.name))])
            self._entities.shards.publish(shard, claim, self._claimed)

    def _claimed(self, outcome: Outcome) -> None:
        if outcome is Outcome.RETURNED:
            self._entities.counters.returned += 1

    def answer(self, node: str, owner: Owner) -> None:
        """A claim has come to its owner: tell who wants to know."""
        entities = self._entities
        if node != entities.node.name and node in entities.directory.nodes():
            entities.directory.tell(node, Owned(owner.shard, owner.epoch, entities.node.name))

    def answered(self, shard: int) -> None:
        """A shard has an owner."""
        self._unanswered.pop(shard, None)
