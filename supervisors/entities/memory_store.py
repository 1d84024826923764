"""An EntityStore in memory: for one process without a disk, and for tests of several nodes in virtual time.

world = MemoryWorld()
store = world.store(node)          # of one node; all of a world share what is in it
world.away.add(node.name)          # it cannot be reached from there
world.unanswered = 0.1             # of its writes, done and never answered, from a seed
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from mirliton.runtime import Name
from mirliton.supervisors.entities.errors import EntityStoreAway, StaleEpoch
from mirliton.supervisors.entities.messages import shard_of
from mirliton.supervisors.entities.store import Ownership, Record
from mirliton.supervisors.entities.waiting import pause

if TYPE_CHECKING:
    from mirliton.runtime import Node

T = TypeVar("T")


class MemoryWorld:
    """What the stores of all nodes share."""

    def __init__(self, shards: int, seed: int = 0) -> None:
        self.shards = shards
        self.epochs: dict[int, int] = {}
        self.released: dict[int, int] = {}
        self.records: dict[Name, Record] = {}
        self.away: set[str] = set()
        self.unanswered = 0.0
        self.refused = 0
        """Writes of who was no longer the owner."""
        self.random = random.Random(seed)  # noqa: S311 - faults to order, not secrets

    def store(self, node: Node | None = None, delay: float = 0.0) -> MemoryEntityStore:
        """The store as one node sees it. With a `delay` (seconds of that node's time) there and back."""
        return MemoryEntityStore(self, node, delay)


class MemoryEntityStore:
    """See EntityStore. What it holds lasts as long as its MemoryWorld."""

    def __init__(self, world: MemoryWorld, node: Node | None = None, delay: float = 0.0) -> None:
        self._world = world
        self._node = node
        self._delay = delay

    async def open(self) -> None:
        return None

    async def raise_epoch(self, shard: int, node: str) -> Ownership:
        return await self._do(lambda: self._raise(shard))

    async def release(self, shard: int, epoch: int) -> None:
        await self._do(lambda: self._release(shard, epoch))

    async def live(self, shard: int) -> list[Name]:
        return await self._do(lambda: self._live(shard))

    async def claim(self, shard: int, epoch: int, names: Sequence[Name]) -> list[Record]:
        return await self._do(lambda: [self._claim(shard, epoch, name) for name in names])

    async def states(self, names: Sequence[Name]) -> list[bytes | None]:
        records = self._world.records
        return await self._do(lambda: [records[name].state if name in records else None for name in names])

    async def commit(self, records: Sequence[Record]) -> list[Any]:
        return await self._do(lambda: [self._write(record) for record in records])

    async def _do(self, work: Callable[[], T]) -> T:
        await self._pass()
        world, name = self._world, self._node.name if self._node is not None else ""
        if name in world.away:
            raise EntityStoreAway("told to be")
        done = work()
        await self._pass()
        if name in world.away or world.random.random() < world.unanswered:
            raise EntityStoreAway("it did not answer")
        return done

    async def _pass(self) -> None:
        if self._node is not None and self._delay:
            await pause(self._node, self._delay)

    def _raise(self, shard: int) -> Ownership:
        world = self._world
        before = world.epochs.get(shard, 0)
        world.epochs[shard] = before + 1
        return Ownership(shard, before + 1, world.released.get(shard) == before)

    def _release(self, shard: int, epoch: int) -> None:
        if self._world.epochs.get(shard) == epoch:
            self._world.released[shard] = epoch

    def _live(self, shard: int) -> list[Name]:
        world = self._world
        return [name for name, record in world.records.items() if record.live and shard_of(name, world.shards) == shard]

    def _claim(self, shard: int, epoch: int, name: Name) -> Record:
        world = self._world
        before = world.records.get(name)
        highest = max(world.epochs.get(shard, 0), before.epoch if before is not None else 0)
        if highest > epoch:
            world.refused += 1
            raise StaleEpoch(shard, epoch, highest)
        claimed = replace(before or Record(name, epoch, 0), epoch=epoch, live=True)
        world.records[name] = claimed = replace(claimed, version=claimed.version + 1)
        return claimed

    def _write(self, record: Record) -> Any:
        world = self._world
        before = world.records.get(record.name)
        if before is None or before.epoch != record.epoch:
            world.refused += 1
            return None
        # Within its epoch there is one who writes, in order: what differs is its own write that was not answered.
        world.records[record.name] = written = replace(record, version=before.version + 1)
        return written.version
