"""Random operations on counters that are entities of OS processes, on a real broker, while all of that is troubled;
judged as in entity_history.py.

A counter's process also writes down each act as it does it, under which epoch and by which OS process, so that two that
act at the same time show even where neither's answer does.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from broker import Broker
from entity_history import Done, judge
from entity_node import EntityProcess, entities_on
from eventually import until
from mirliton.runtime import CallError, Name, Node
from mirliton.supervisors.chaos import Proxy
from mirliton.supervisors.entities import Entities

CLIENTS: Final = 16
COUNTERS: Final = 12
PATIENCE: Final = 4.0
"""Seconds of one attempt."""
PAUSE: Final = 0.2
"""Seconds at most between two operations of a client."""
OWNED_WITHIN: Final = 90.0
FAULTS: Final = ("kill", "kill", "stop", "long stop", "drop", "hang", "long hang", "half_open")


@dataclass
class Stage:
    """The processes, each with a proxy of its own between it and the broker, and the test's client."""

    folder: Path
    broker: Broker
    client: Entities
    proxies: dict[str, Proxy]
    nodes: dict[str, EntityProcess] = field(default_factory=dict)
    troubled: Counter[str] = field(default_factory=Counter)

    def start(self, name: str) -> None:
        url = f"amqp://guest:guest@127.0.0.1:{self.proxies[name].port}/"
        self.nodes[name] = EntityProcess(name, url, self.folder, life=3600.0)

    async def all_owned(self) -> None:
        """Wait until every shard has an owner, and every node its part."""
        status = self.client.status
        await until(lambda: self.client.unowned() == 0 and set(status()["shards"]) == set(self.nodes), OWNED_WITHIN)

    async def trouble(self, chance: random.Random, every: float, broker_every: float) -> None:
        """One thing after the other, until it is cancelled; each is ended before the next begins."""
        next_broker = time.monotonic() + broker_every
        while True:
            await asyncio.sleep(chance.uniform(0.5, 1.5) * every)
            if time.monotonic() > next_broker:
                self.troubled["broker"] += 1
                await asyncio.to_thread(self.broker.kill)
                await asyncio.to_thread(self.broker.start)
                next_broker = time.monotonic() + broker_every
                continue
            fault, name = chance.choice(FAULTS), chance.choice(sorted(self.nodes))
            self.troubled[fault] += 1
            node, proxy = self.nodes[name], self.proxies[name]
            assert node.alive, f"{name} has ended by itself"
            match fault:
                case "kill":
                    await asyncio.to_thread(node.kill)
                    self.start(name)
                case "stop" | "long stop":
                    # Shorter, and longer, than the lease.
                    node.freeze()
                    try:
                        await asyncio.sleep(0.7 if fault == "stop" else 3.0)
                    finally:
                        node.thaw()
                case "drop":
                    proxy.trouble("drop")
                case "hang" | "long hang" | "half_open":
                    proxy.trouble("half_open" if fault == "half_open" else "hang")
                    try:
                        await asyncio.sleep(8.0 if fault == "long hang" else 1.0)
                    finally:
                        proxy.heal()


@dataclass
class History:
    """What clients have done: each one operation after the other, repeated until it was done, under the same key."""

    client: Entities
    chance: random.Random
    names: list[Name] = field(
        default_factory=lambda: [Name("tally", f"history {number}") for number in range(COUNTERS)]
    )
    done: list[Done] = field(default_factory=list)
    attempts: int = 0
    stopped: bool = False
    """Set it, and each client ends with the operation it is at."""

    async def run(self, operations: int) -> None:
        await asyncio.gather(*(self._one_client(operations // CLIENTS) for _ in range(CLIENTS)))

    async def _one_client(self, operations: int) -> None:
        for _ in range(operations):
            if self.stopped:
                return
            await self._one()
            await asyncio.sleep(self.chance.random() * PAUSE)

    async def _one(self) -> None:
        name, adds = self.chance.choice(self.names), int(self.chance.random() < 0.7)
        over_lane = adds == 1 and self.chance.random() < 0.3
        key = f"{self.chance.getrandbits(64):x}"
        began = time.monotonic()
        while True:
            self.attempts += 1
            try:
                # A read goes through the queue, too: over the lane it may be answered with what was true a moment ago.
                ask = self.client.call if over_lane else self.client.durable_call
                answer = await ask(name, 1 if adds else "value", key=key, timeout=PATIENCE)
                break
            except CallError:
                await asyncio.sleep(0.05)
        self.done.append(Done(name, adds, began, time.monotonic(), int(answer)))

    async def judge(self) -> None:
        """Nothing lost, nothing doubled, one order that everybody saw. Raises AssertionError."""
        stored = {name: int(await self.client.durable_call(name, "value", timeout=60.0)) for name in self.names}
        judge(self.done, stored)


@dataclass(frozen=True)
class Late:
    """Acts of owners that had a successor already: how many of all, and how long after its first act (seconds)."""

    acts: int
    late: int
    longest: float


def late_acts(folder: Path) -> Late:
    """What owners did that did not know of their successor yet. It is neither written nor answered, as
    `judge` shows, and ends within a lease."""
    newest: dict[str, tuple[int, float]] = {}
    late: list[float] = []
    lines = (folder / "acts").read_text().splitlines()
    for line in sorted(lines, key=lambda line: float(line.split()[3])):
        epoch, _, _, when, key = line.split(maxsplit=4)
        known, since = newest.get(key, (0, 0.0))
        if int(epoch) > known:
            newest[key] = int(epoch), float(when)
        elif int(epoch) < known:
            late.append(float(when) - since)
    return Late(len(lines), len(late), max(late, default=0.0))


@contextlib.asynccontextmanager
async def a_stage(folder: Path, broker: Broker, *names: str) -> AsyncIterator[Stage]:
    """Nodes of these names, whose processes do not outlive the block."""
    async with contextlib.AsyncExitStack() as open_:
        proxies = {f"{name}@host": await open_.enter_async_context(Proxy(("127.0.0.1", broker.port))) for name in names}
        node = await open_.enter_async_context(Node("client@host"))
        client = await open_.enter_async_context(entities_on(node, broker.url, folder, hosts=False))
        stage = Stage(folder, broker, client, proxies)
        try:
            for name in proxies:
                stage.start(name)
            await stage.all_owned()
            yield stage
        finally:
            for each in stage.nodes.values():
                each.kill()


async def try_out(stage: Stage, operations: int, seed: int, *, every: float, broker_every: float) -> History:
    """Let clients do so many operations under trouble, and judge them when it is over. Raises AssertionError."""
    history = History(stage.client, random.Random(f"operations {seed}"))
    trouble = asyncio.create_task(stage.trouble(random.Random(f"trouble {seed}"), every, broker_every))
    work = asyncio.create_task(history.run(operations))
    try:
        await asyncio.wait([trouble, work], return_when=asyncio.FIRST_COMPLETED)
    finally:
        ended = trouble.done()
        for task in (trouble, work) if ended else (trouble,):
            task.cancel()
        (result, _) = await asyncio.gather(trouble, work, return_exceptions=True)
    if isinstance(result, Exception):
        raise result
    await work
    await stage.all_owned()
    await history.judge()
    return history
