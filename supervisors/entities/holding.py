"""The shards that a node owns: it takes them as they are delivered, and gives back or drops them.

It is the receiver of its node's end of the shards, and acts under the lease only.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from mirliton.runtime import From, Name, Pid
from mirliton.runtime.codec import encode
from mirliton.supervisors.entities.evening import to_give
from mirliton.supervisors.entities.keyed import Item
from mirliton.supervisors.entities.messages import Owned
from mirliton.supervisors.entities.owner import Owner
from mirliton.supervisors.entities.shards import Delivery
from mirliton.supervisors.entities.slot import Slot
from mirliton.supervisors.entities.waiting import Every

if TYPE_CHECKING:
    from mirliton.supervisors.entities.entities import Entities


class Holding:
    """Those of one node. `owners` has what it owns, or is about to."""

    def __init__(self, entities: Entities) -> None:
        self.owners: dict[int, Owner] = {}
        self.connected = False
        self._entities = entities
        self._giving: set[int] = set()
        self._taken = 0
        self._even = Every(entities.options.even_every)

    def owns(self, shard: int) -> bool:
        """Whether this node owns a shard, and handles what comes for it."""
        owner = self.owners.get(shard)
        return (
            owner is not None and owner.owning and not owner.leaving and self.may_act(self._entities.node.clock.now())
        )

    def owned(self) -> list[int]:
        """The shards that this node owns."""
        return sorted(shard for shard, owner in self.owners.items() if owner.owning)

    def table(self) -> list[Owned]:
        """The same, as other nodes are told."""
        me = self._entities.node.name
        mine = [(shard, owner.epoch) for shard, owner in self.owners.items() if owner.epoch and not owner.leaving]
        return [Owned(shard, epoch, me) for shard, epoch in mine]

    def count(self) -> int:
        """Entities of these shards that are known here."""
        return sum(len(owner.slots) for owner in self.owners.values())

    def running(self) -> int:
        """Entities that run here."""
        return sum(slot.running for owner in self.owners.values() for slot in owner.slots.values())

    def slot(self, name: Name) -> Slot | None:
        """The place of an entity that this node owns."""
        owner = self.owners.get(self._entities.shard_of(name))
        return owner.slots.get(name) if owner is not None else None

    def take(self, name: Name, message: Any, sender: Pid | None) -> None:
        """Put a message without a key into an entity's mailbox. Raises MailboxFull."""
        self.owners[self._entities.shard_of(name)].slot(name).take(message, sender)

    def do_once(self, name: Name, request: Any, key: str, caller: From) -> None:
        """Have an entity handle a request with a key that came over the lane."""
        item = Item(name, key, encode(request), True, caller, None, False)
        self.owners[self._entities.shard_of(name)].slot(name).keyed.admit(item)

    # What the broker says

    def shards_up(self) -> None:
        entities = self._entities
        self.connected = True
        entities.counters.connects += 1
        entities.shards.probe()
        entities.task(entities.dead_letters.count())
        entities.line.join_all()
        # Whoever is the first in line does not know it yet. Where there is a broker it may take a moment to know it.
        wait = entities.options.tick if entities.distribution is not None else 0.0
        entities.node.after(wait, lambda _: entities.claims.round())

    def shards_down(self, reason: str) -> None:
        self.connected = False
        self.drop_all("broker")

    def delivered(self, shard: int, delivery: Delivery) -> None:
        owner = self.owners.get(shard)
        if owner is None:
            self._taken += 1
            wanted = self._entities.line.was_expected(shard)
            owner = self.owners[shard] = Owner(self._entities, shard, self._taken, wanted=wanted)
            owner.delivered(delivery)
            self._entities.task(owner.take_over())
        else:
            owner.delivered(delivery)

    def left(self, shard: int, reason: str) -> None:
        self._drop(shard, "broker")
        if shard not in self._giving:
            self._entities.line.join(shard)

    def confirmed(self, asked_at: float) -> None:
        self._entities.lease.renew(asked_at)

    # Time passes

    def look(self, now: float) -> None:
        """Even out, when it is time for that, and end the entities that have been quiet for long."""
        if self._even.due(now):
            self._even_out()
        for owner in self.owners.values():
            for slot in owner.slots.values():
                if slot.cls.idle_after is not None and slot.quiet and now - slot.used >= slot.cls.idle_after:
                    slot.rest()

    def may_act(self, now: float) -> bool:
        """Whether the lease holds. When it has run out, this drops all entities before anything else is done."""
        entities = self._entities
        if entities.lease.holds(now):
            return True
        if self.owners:
            entities.counters.lease_losses += 1
            entities.log.error("entities_lease_lost", shards=len(self.owners))
            self.drop_all("lease")
            entities.shards.reset("lease")
        return False

    # Giving back

    def _even_out(self) -> None:
        entities = self._entities
        if entities.leaving or entities.directory.unowned() or self._giving:
            return
        # The last one in has been passed on most, and so is next in line at a node that has not had its turn. But what
        # somebody wants to be here stays as long as there is another.
        mine = [owner for owner in self.owners.values() if owner.owning]
        mine.sort(key=lambda owner: (owner.wanted, -owner.number))
        for owner in mine[: to_give(entities.directory.loads(), entities.node.name)]:
            entities.task(self.give_back(owner))

    def begin_to_give_all_back(self) -> None:
        """Have each shard left to the next in line, beside."""
        for owner in list(self.owners.values()):
            if owner.owning and owner.shard not in self._giving:
                self._entities.task(self.give_back(owner))

    async def give_all_back(self) -> None:
        """Leave all shards."""
        await asyncio.gather(*[self.give_back(owner) for owner in list(self.owners.values())])

    async def give_back(self, owner: Owner) -> None:
        """Leave a shard to the next in line, in order where that can be done in time; then stand in line again."""
        shard, entities = owner.shard, self._entities
        if shard in self._giving:
            return
        self._giving.add(shard)
        try:
            orderly = await owner.give_back(entities.options.give_back)
            if owner.over:
                return
            self._drop(shard, None if orderly else "left")
            entities.counters.given_back += orderly
            await entities.shards.leave(shard)
            entities.claims.claim(shard)
        finally:
            self._giving.discard(shard)
        self._entities.line.join(shard)

    # Losing

    def outdated_by(self, shard: int, epoch: int) -> None:
        """There is an ownership of this epoch: one of this node that is older is over."""
        mine = self.owners.get(shard)
        if mine is not None and 0 < mine.epoch < epoch:
            self.lose(shard, "fenced")

    def lose(self, shard: int, why: str) -> None:
        """Another node owns it: end its entities and stand in line again."""
        if shard in self.owners:
            self._drop(shard, why)
            self._entities.task(self._stand_in_line(shard))

    async def _stand_in_line(self, shard: int) -> None:
        await self._entities.shards.leave(shard)
        self._entities.line.join(shard)

    def drop_all(self, why: str) -> None:
        """End all entities at once."""
        for shard in list(self.owners):
            self._drop(shard, why)

    def _drop(self, shard: int, why: str | None) -> None:
        owner = self.owners.pop(shard, None)
        if owner is None:
            return
        entities = self._entities
        if why is not None:
            entities.counters.dropped[why] += 1
        owner.drop()
        if entities.directory.owner(shard) == entities.node.name:
            # The other nodes may hear it though the broker does not: then they claim it.
            entities.directory.announce(Owned(shard, owner.epoch, None))
