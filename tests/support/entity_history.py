"""Random operations on counters that are entities, random faults around them, and a judge of what was answered."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from entity_house import Add, House
from mirliton.runtime import CallError, CallTimeout, Name
from mirliton.supervisors.entities import NotMoved

CLIENTS = 10
FAULTS = (
    *("kill", "kill", "pause", "cut", "lose", "split", "split"),
    *("apart", "store", "unanswered", "entity", "give", "move", "move", "unwilling"),
)
PATIENCE = 3.0
"""Seconds of one attempt."""


@dataclass(frozen=True)
class Done:
    """One operation as its caller saw it. A read adds 0."""

    name: Name
    adds: int
    began: float
    ended: float
    answer: int


class Clients:
    """Each does one operation after the other, and repeats one that fails, under the same key, until it is done."""

    def __init__(self, house: House, counters: int, seed: int, pause: float) -> None:
        self.house = house
        self.pause = pause
        """Seconds at most between two operations of one."""
        self.names = [Name("counter", f"history {number}") for number in range(counters)]
        self.random = random.Random(seed)
        self.history: list[Done] = []
        self.cast = [Name("counter", f"cast {number}") for number in range(2)]
        self.casts: dict[Name, int] = dict.fromkeys(self.cast, 0)
        """Additions that the broker has confirmed, and nobody waits for."""
        self.attempts = 0
        self.stopped = False
        self._keys = 0

    async def run(self, operations: int) -> None:
        """One client."""
        for _ in range(operations):
            if self.stopped:
                return
            await (self._cast() if self.random.random() < 0.2 else self._one())
            await self.house.client.pause(self.random.random() * self.pause)

    async def _one(self) -> None:
        entities = self.house.client
        name = self.random.choice(self.names)
        adds = int(self.random.random() < 0.7)
        over_lane = adds == 1 and self.random.random() < 0.3
        self._keys += 1
        key, began = f"op {self._keys}", entities.node.clock.now()
        while True:
            self.attempts += 1
            try:
                answer = await self._ask(name, Add(1) if adds else "value", key, over_lane)
                break
            except CallError:
                await entities.pause(0.1)
        self.history.append(Done(name, adds, began, entities.node.clock.now(), answer))

    async def _cast(self) -> None:
        self._keys += 1
        name, key = self.random.choice(self.cast), f"cast {self._keys}"
        while True:
            try:
                await self.house.client.durable_cast(name, Add(1), key=key, timeout=PATIENCE)
                break
            except CallError:
                await self.house.client.pause(0.1)
        self.casts[name] += 1

    async def _ask(self, name: Name, request: Any, key: str, over_lane: bool) -> int:
        if not over_lane:
            return int(await self.house.client.durable_call(name, request, key=key, timeout=PATIENCE))
        # From any node, also one that takes itself for the owner and is not, or dies or stops over it.
        entities = self.house.entities[self.random.choice(sorted(self.house.entities))]
        asked = asyncio.ensure_future(entities.call(name, request, key=key, timeout=PATIENCE))
        patience = asyncio.ensure_future(self.house.client.pause(PATIENCE + 0.1))
        done, open_ = await asyncio.wait([asked, patience], return_when=asyncio.FIRST_COMPLETED)
        for each in open_:
            each.cancel()
        if asked not in done:
            raise CallTimeout(name, PATIENCE)
        return int(await asked)


class Trouble:
    """One fault after the other, as a seed says; each is undone later."""

    def __init__(self, house: House, nodes: list[str], seed: int) -> None:
        self.house = house
        self.nodes = nodes
        self.random = random.Random(seed)
        self.told: list[str] = []
        self._undo: dict[str, str] = {}
        self._moving: list[asyncio.Future[None]] = []

    async def go_on(self, seconds: float, every: float) -> None:
        ends = self.house.cluster.clock.now() + seconds
        while self.house.cluster.clock.now() < ends:
            await self.one()
            await self.house.cluster.advance(self.random.random() * 2 * every)
        for node in list(self._undo):
            await self.undo(node)
        await self.house.drive(asyncio.gather(*self._moving))
        self.house.world.away.clear()
        self.house.world.unanswered = 0.0

    async def one(self) -> None:
        node = self.random.choice(self.nodes)
        if node in self._undo:
            await self.undo(node)
            return
        fault = self.random.choice(FAULTS)
        self.told.append(f"{self.house.cluster.clock.now():.2f} {fault} {node}")
        house = self.house
        match fault:
            case "kill":
                await house.kill(node)
                self._undo[node] = "start"
            case "pause":
                house.pause(node)
                self._undo[node] = "resume"
            case "cut":
                if house.hub.end(node) is not None:
                    house.cut(node)
                    self._undo[node] = "resume"
            case "lose":
                house.hub.lose(node)
                self._undo[node] = "heal"
            case "split":
                # The broker gives it up, and it hears so neither from the broker nor from the others.
                house.hub.lose(node)
                for each in self.nodes:
                    if each != node:
                        house.cluster.hub.cut(node, each)
                self._undo[node] = "joined"
            case "apart":
                other = self.random.choice([each for each in house.entities if each != node])
                house.cluster.hub.cut(node, other)
                self._undo[node] = f"together {other}"
            case "store":
                house.world.away.add(node)
                self._undo[node] = "store"
            case "unanswered":
                house.world.unanswered = 0.0 if house.world.unanswered else 0.1
            case "entity":
                running = [slot for owner in house.at(node).holding.owners.values() for slot in owner.slots.values()]
                alive = [slot.cell.pid for slot in running if slot.running]
                if alive:
                    house.at(node).node.exit(self.random.choice(alive), "kill")
            case "give":
                mine = [owner for owner in house.at(node).holding.owners.values() if owner.owning]
                if mine:
                    house.at(node).task(house.at(node).holding.give_back(self.random.choice(mine)))

            case "move":
                self._moving.append(asyncio.ensure_future(self._move(self.random.randrange(house.hub.count), node)))
            case "unwilling":
                house.at(node).set_willing(False)
                self._undo[node] = "willing"

    async def _move(self, shard: int, node: str) -> None:
        with contextlib.suppress(NotMoved):
            await self.house.client.move(shard, node)

    async def undo(self, node: str) -> None:
        what, _, other = self._undo.pop(node).partition(" ")
        house = self.house
        match what:
            case "start":
                await house.start(node)
            case "resume":
                house.resume(node)
            case "heal":
                house.hub.heal(node)
            case "joined":
                house.hub.heal(node)
                for each in self.nodes:
                    house.cluster.hub.heal(node, each)
            case "together":
                house.cluster.hub.heal(node, other)
            case "store":
                house.world.away.discard(node)
            case "willing":
                house.at(node).set_willing(True)


def judge(history: Sequence[Done], stored: Mapping[Name, int]) -> None:
    """Whether each counter went up by one, once, for each that was added; and everybody saw it in one order.

    An addition is answered with what it made of the counter, so the answers are the order. A read has its place between
    the addition that made its answer and the next one. The history can be put into one line exactly when nothing comes
    before what had ended when it began.
    """
    by_name: defaultdict[Name, list[Done]] = defaultdict(list)
    for done in history:
        by_name[done.name].append(done)
    for name, all_done in by_name.items():
        added = sorted((done for done in all_done if done.adds), key=lambda done: done.answer)
        assert [done.answer for done in added] == list(range(1, len(added) + 1)), f"{name}: lost or doubled"
        assert stored[name] == len(added), f"{name}: {stored[name]} is stored, {len(added)} were answered"
        line = sorted(all_done, key=lambda done: (done.answer, not done.adds, done.began))
        latest, newest = 0.0, line[0]  # the latest begin of all that have a place before
        for place, group in itertools.groupby(line, key=lambda done: (done.answer, done.adds)):
            members = list(group)  # one addition; or reads of one answer, which any order suits
            for done in members:
                assert done.ended >= latest, f"{name}: {done} has its place after {newest}, and ended before it began"
            newest = max([newest, *members], key=lambda done: done.began)
            latest = newest.began
            assert place[0] <= len(added), f"{name}: {members[0]} was never so many"


async def try_out(house: House, nodes: list[str], seed: int, operations: int, seconds: float, every: float) -> Clients:
    """Let clients work through `seconds` of trouble, and judge."""
    clients = Clients(house, 6, seed, pause=2 * CLIENTS * seconds / operations)
    await house.all_owned()
    at_work = [asyncio.ensure_future(clients.run(operations // CLIENTS)) for _ in range(CLIENTS)]
    trouble = Trouble(house, nodes, seed)
    try:
        await trouble.go_on(seconds, every)
        await house.drive(asyncio.gather(*at_work), limit=300.0)
        stored = {}
        for name in clients.names:
            stored[name] = await house.drive(house.client.durable_call(name, "value", timeout=60.0))
        judge(clients.history, stored)
        for name, count in clients.casts.items():
            assert await house.drive(house.client.durable_call(name, "value", timeout=60.0)) == count
        await house.until(lambda: not house.hub.waiting(), limit=30.0)
        assert not house.hub.dead
        await house.until(lambda: max(house.owned().values()) - min(house.owned().values()) <= 1, limit=60.0)
    except BaseException as error:
        error.add_note(f"seed {seed}: " + "; ".join(trouble.told))
        raise
    finally:
        for each in at_work:
            each.cancel()
    return clients
