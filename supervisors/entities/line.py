"""For which shards a node stands in line: for all, unless it does not host, steps back, or stands aside for another.

RabbitMQ hands a shard to who has waited longest. So one goes to a certain node when all others leave its line for a
moment: see moving.py.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mirliton.supervisors.entities.entities import Entities


class Line:
    """Of one node."""

    def __init__(self, entities: Entities) -> None:
        self.willing = True
        """Takes shards; one that is not gives back what it has, as long as there is somebody else."""
        self._entities = entities
        self._aside: dict[int, tuple[float, int]] = {}
        """Until when this node stands aside for a shard, and the epoch of that shard then."""
        self._expected: dict[int, float] = {}
        """Shards that somebody wants to be here, and until when that counts."""
        self._told = entities.options.hosts

    @property
    def hosts(self) -> bool:
        """Whether this node takes shards. Where nobody else does it does so even if it is not willing."""
        return self._entities.options.hosts and (self.willing or not self._entities.directory.others_host())

    def join(self, shard: int) -> None:
        """Stand in line, if there is nothing against it."""
        entities = self._entities
        if shard in self._aside or not self.hosts:
            return
        if entities.opened and not entities.leaving and entities.holding.connected:
            entities.shards.join(shard)

    def join_all(self) -> None:
        """Stand in all lines."""
        for shard in range(self._entities.shards.count):
            self.join(shard)

    # Taking none any more

    def set_willing(self, willing: bool) -> None:
        """Take shards, or give all back to others, a few at a time."""
        self.willing = willing
        self._follow()

    def look(self, now: float) -> None:
        """Stand in line again where that time has come, and give back what a node that is not willing still has."""
        for shard in [shard for shard, (until, _) in self._aside.items() if until <= now]:
            del self._aside[shard]
            self.join(shard)
        self._expected = {shard: until for shard, until in self._expected.items() if until > now}
        self._follow()

    def _follow(self) -> None:
        """Do what `hosts` says, and tell the others when it says something else than before."""
        entities = self._entities
        if not entities.options.hosts:
            return
        hosts = self.hosts
        if hosts != self._told:
            self._told = hosts
            for node in entities.directory.nodes():
                entities.directory.tell_table(node)
            if hosts:
                self.join_all()
            else:
                entities.task(self._leave_all())
        if not hosts:
            entities.holding.begin_to_give_all_back()

    async def _leave_all(self) -> None:
        entities = self._entities
        waiting = [shard for shard in range(entities.shards.count) if shard not in entities.holding.owners]
        await asyncio.gather(*(entities.shards.leave(shard) for shard in waiting))

    # Standing aside

    async def stand_aside(self, shard: int, seconds: float) -> bool:
        """Leave the line until somebody has taken the shard, for so long at most. False: it is this node's own."""
        entities = self._entities
        if shard in entities.holding.owners:
            return False
        self._aside[shard] = entities.node.clock.now() + seconds, entities.fence.epoch(shard)
        await entities.shards.leave(shard)
        return True

    def taken(self, shard: int, epoch: int) -> None:
        """Somebody owns a shard under this epoch."""
        aside = self._aside.get(shard)
        if aside is not None and epoch > aside[1]:
            del self._aside[shard]
            self.join(shard)

    def expect(self, shard: int, seconds: float) -> bool:
        """It shall come here; whether it can: this node stands in line, or has it."""
        entities = self._entities
        if shard in entities.holding.owners:
            return True
        if not self.hosts or not entities.shards.joined(shard):
            return False
        self._expected[shard] = entities.node.clock.now() + seconds
        return True

    def was_expected(self, shard: int) -> bool:
        """Whether it came because somebody wanted it here."""
        return self._expected.pop(shard, None) is not None
