"""One shard on the node that owns it: from its first delivery until it is given back, or lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, TypeVar

from mirliton.runtime import CodecError, Name
from mirliton.runtime.codec import encode
from mirliton.runtime.transport.network import Outcome
from mirliton.supervisors.entities.errors import EntityStoreAway, StaleEpoch
from mirliton.supervisors.entities.keyed import Item
from mirliton.supervisors.entities.messages import Aside, Claim, Durable, Owned, pack, unpack
from mirliton.supervisors.entities.shards import Delivery
from mirliton.supervisors.entities.slot import Slot
from mirliton.supervisors.entities.store import Record
from mirliton.supervisors.entities.waiting import settle

if TYPE_CHECKING:
    from mirliton.supervisors.entities.entities import Entities

T = TypeVar("T")

STORE_PAUSE: Final = 0.2
"""Seconds between two attempts while the store is away."""
LOAD_AT_ONCE: Final = 200
"""Entities claimed together."""
LOOK_EVERY: Final = 0.05
"""Seconds between two looks at whether all has settled, should nothing have said so."""
MOST_STARTS: Final = 3
"""Times an entity's first start may fail before what waits for it is set aside."""


class Batch:
    """One delivery, until all that was in it is done."""

    __slots__ = ("_owner", "done", "left", "tag")

    def __init__(self, owner: Owner, tag: int, left: int) -> None:
        self._owner = owner
        self.tag = tag
        self.left = left
        self.done = False

    def one_done(self) -> None:
        self.left -= 1
        if self.left == 0:
            self.done = True
            self._owner.batch_done(self)


class Owner:
    """Holds the slots of one shard."""

    def __init__(self, entities: Entities, shard: int, number: int, *, wanted: bool = False) -> None:
        self.entities = entities
        self.shard = shard
        self.number = number
        """Of the ownerships of this node."""
        self.wanted = wanted
        """Somebody has moved the shard here."""
        self.epoch = 0
        """0 until it is raised."""
        self.slots: dict[Name, Slot] = {}
        self.owning = False
        """Deliveries are handled."""
        self.leaving = False
        self.over = False
        self._early: list[Delivery] = []
        self._batches: dict[int, Batch] = {}
        """In the order of their tags."""
        self._acks_due = False
        self._orderly = True
        self._to_load: list[Slot] = []
        self._settled: asyncio.Future[None] | None = None

    # Taking over

    async def take_over(self) -> None:
        """Become the owner, start what lives, then handle what has come. Ends early when the shard is lost."""
        entities = self.entities
        began = entities.node.clock.now()
        owned = await self._store(lambda: entities.store.raise_epoch(self.shard, entities.node.name))
        if owned is None:
            return
        self.epoch, self._orderly = owned.epoch, owned.orderly
        entities.directory.announce(Owned(self.shard, self.epoch, entities.node.name))
        names = await self._store(lambda: entities.store.live(self.shard))
        if names is None:
            return
        fresh = [self._slot(name) for name in names if name.kind in entities.kinds and name not in self.slots]
        await self._load(fresh)
        if self.over:
            return
        self.owning = True
        entities.counters.takeovers += 1
        entities.counters.takeover_seconds.observe(entities.node.clock.now() - began)
        # One that is alone takes all of them whenever it starts.
        log = entities.log.info if entities.distribution is not None else entities.log.debug
        log("shard_taken", shard=self.shard, epoch=self.epoch, entities=len(fresh))
        early, self._early = self._early, []
        for delivery in early:
            self._open(delivery)
        entities.lane.owned(self.shard)

    async def _store(self, ask: Callable[[], Awaitable[T]]) -> T | None:
        """Ask the store until it answers; None when the shard is lost meanwhile, or was all the time."""
        while not self.over:
            try:
                answer = await ask()
                return None if self.over else answer
            except EntityStoreAway as error:
                self.entities.counters.store_away += 1
                self.entities.log.warning("entity_store_away", shard=self.shard, error=str(error))
                await self.entities.pause(STORE_PAUSE)
            except StaleEpoch:
                self.fenced()
        return None

    # Deliveries

    def delivered(self, delivery: Delivery) -> None:
        """A message of the shard's queue."""
        if self.owning:
            self._open(delivery)
        elif not self.leaving:
            self._early.append(delivery)

    def _open(self, delivery: Delivery) -> None:
        entities = self.entities
        if delivery.redelivered:
            entities.counters.redelivered += 1
        try:
            envelopes = unpack(delivery.body)
        except CodecError as error:
            entities.counters.refused += 1
            entities.log.warning("durable_refused", shard=self.shard, error=str(error))
            envelopes = []
        batch = self._batches[delivery.tag] = Batch(self, delivery.tag, len(envelopes) + 1)
        for envelope in envelopes:
            if not isinstance(envelope, Durable):
                if isinstance(envelope, Claim):
                    entities.claims.answer(envelope.node, self)
                batch.one_done()
                continue
            item = Item(
                envelope.name,
                envelope.key,
                envelope.request,
                envelope.call,
                envelope.caller,
                batch,
                delivery.redelivered and not self._orderly,
            )
            self.admit(item)
        batch.one_done()

    def admit(self, item: Item) -> None:
        """Hand a message with a key to its entity, which is started if need be."""
        entities = self.entities
        if item.name.kind not in entities.kinds or entities.shard_of(item.name) != self.shard:
            self.set_aside(item, "no_kind", lambda: item.batch.one_done() if item.batch is not None else None)
        else:
            self.slot(item.name).keyed.admit(item)

    def batch_done(self, batch: Batch) -> None:
        """All of a delivery is done: acknowledge it at the end of this turn of the loop."""
        if not self._acks_due and not self.over:
            self._acks_due = True
            self.entities.node.loop.call_soon(self.acknowledge)

    def acknowledge(self) -> None:
        """Acknowledge what is done: the oldest together, what is behind one that is not done each by itself."""
        self._acks_due = False
        if self.over:
            return
        shards, last, in_a_row = self.entities.shards, 0, True
        for tag, batch in list(self._batches.items()):
            in_a_row &= batch.done
            if not batch.done:
                continue
            del self._batches[tag]
            if in_a_row:
                last = tag
            else:
                shards.ack(self.shard, tag)
        if last:
            shards.ack(self.shard, last, multiple=True)

    def set_aside(self, item: Item, why: str, kept: Callable[[], None]) -> None:
        """Put a message into the queue of dead letters; `kept` is called when it is there."""
        entities = self.entities
        entities.counters.set_aside[why] += 1
        entities.log.error("message_set_aside", name=str(item.name), key=item.key, why=why, shard=self.shard)
        aside = Aside(why, entities.node.name, entities.node.clock.time())
        body = pack([encode(Durable(item.name, item.key, item.request, item.call, None)), encode(aside)])

        def told(outcome: Outcome) -> None:
            if self.over:
                return
            if outcome is Outcome.CONFIRMED:
                entities.dead_letters.one_more()
                kept()
            else:
                entities.node.after(STORE_PAUSE, lambda _: None if self.over else entities.shards.set_aside(body, told))

        entities.shards.set_aside(body, told)

    # Entities

    def slot(self, name: Name) -> Slot:
        """The place of an entity; a new one is claimed and started at the end of this turn of the loop."""
        slot = self.slots.get(name)
        if slot is None:
            slot = self._slot(name)
            if not self._to_load:
                self.entities.node.loop.call_soon(self._load_soon)
            self._to_load.append(slot)
        return slot

    def _slot(self, name: Name) -> Slot:
        slot = self.slots[name] = Slot(self, name, self.entities.kinds[name.kind])
        slot.starting = True
        return slot

    def _load_soon(self) -> None:
        slots, self._to_load = self._to_load, []
        self.entities.task(self._load(slots))

    async def _load(self, slots: list[Slot]) -> None:
        for first in range(0, len(slots), LOAD_AT_ONCE):
            some = slots[first : first + LOAD_AT_ONCE]
            records = await self._claim([slot.name for slot in some])
            if records is None:
                return
            for slot, record in zip(some, records, strict=True):
                slot.loaded(record)
            await asyncio.gather(*[self._start(slot) for slot in some])

    async def _claim(self, names: list[Name]) -> list[Record] | None:
        return await self._store(lambda: self.entities.store.claim(self.shard, self.epoch, names))

    async def _start(self, slot: Slot) -> None:
        for attempt in range(MOST_STARTS):
            if slot.over:
                return
            if await self.entities.starting.start(slot):
                return
            await self.entities.pause(STORE_PAUSE * 2**attempt)
        if not slot.over:
            slot.fails_to_start()
            slot.starting = False
            self.slots.pop(slot.name, None)
            self.settled(slot)

    def start_again(self, slot: Slot) -> None:
        """Start an entity that is claimed already."""
        if not slot.over and not slot.starting and not slot.running:
            slot.starting = True
            self.entities.task(self._start(slot))

    def settled(self, slot: Slot) -> None:
        """Something of a slot has come to its end."""
        if slot.resting and not slot.running and slot.supervisor is None and not self.leaving:
            if not slot.quiet:
                self.start_again(slot)
            elif self.slots.pop(slot.name, None) is not None:
                slot.keyed.close()
        self._look()

    def _look(self, _: object = None) -> None:
        """Whoever waits for all to be settled looks again."""
        if self._settled is not None:
            settle(self._settled, None)

    # Giving it back, or losing it

    async def give_back(self, seconds: float) -> bool:
        """Stop, with all that was begun finished and written; whether that could be done in so many seconds.

        What is not begun stays in the queue.
        """
        entities = self.entities
        ends = entities.node.clock.now() + seconds
        self.leaving = True
        if not await self._until(lambda: not any(slot.begun or slot.starting for slot in self.slots.values()), ends):
            return False
        for slot in self.slots.values():
            slot.rest()
        if not await self._until(
            lambda: not any(slot.running or slot.supervisor or slot.begun for slot in self.slots.values()), ends
        ):
            return False
        self.acknowledge()
        try:
            await entities.store.release(self.shard, self.epoch)
        except EntityStoreAway:
            entities.counters.store_away += 1  # the next owner suspects more than it would have to
        return not self.over

    async def _until(self, condition: Callable[[], bool], ends: float) -> bool:
        """Whether the condition holds in time; it is looked at whenever a slot settles."""
        loop = self.entities.node.loop
        while not self.over and not condition():
            if self.entities.node.clock.now() >= ends:
                return False
            self._settled = settled = loop.create_future()
            timer = self.entities.node.after(LOOK_EVERY, self._look)
            await settled
            self.entities.node.timers.cancel(timer)
        return not self.over

    def fenced(self) -> None:
        """The store knows of a higher epoch: another node has taken over already."""
        if not self.over:
            self.entities.counters.stale += 1
            self.entities.holding.lose(self.shard, "fenced")

    def drop(self) -> None:
        """End all entities at once: the shard is another node's. What waits without a key looks for its owner."""
        self.over = True
        for slot in self.slots.values():
            slot.drop()
            for mail in slot.leftovers():
                self.entities.lane.again(slot.name, mail[0], mail[1])
        self.slots.clear()
        self._look()
