"""A cluster of virtual nodes with entities, a broker and a store in memory, and everything that can go wrong."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, ClassVar, TypeVar

from mirliton.runtime import Name, NoReply, Reply, Stop, message
from mirliton.runtime.testing import Cluster, VirtualNode, virtual_cluster
from mirliton.runtime.transport import Hub, Limits
from mirliton.supervisors.entities import Entities, Entity, MemoryWorld, Options, ShardHub

T = TypeVar("T")

SHARDS = 8
CLIENT = "client@host"
"""Takes no shards, and nothing happens to it."""
BROKER_NOTICES = 6.0
"""Seconds after which the broker gives up a node that is silent; longer than a lease."""


@message("test.house.add")
class Add:
    """Add to the counter, and tell what it comes to."""

    amount: int = 1


@message("test.house.fail")
class Fail:
    """Add, save, and crash so many times before."""

    times: int


@message("test.house.tell")
class TellWhenSaved:
    """Add, and tell somebody."""

    to: Name


class Counter(Entity):
    """Counts. What it does is written down by its House."""

    restarts: ClassVar[tuple[int, float]] = (10, 1.0)
    failed: ClassVar[dict[str, int]] = {}

    def init(self, key: str, state: Any) -> None:
        self.value = state or 0
        self.started = self.node.clock.now()

    def handle_call(self, request: Any, sender: Any) -> Any:
        match request:
            case Add(amount):
                self.value += amount
                self.save(self.value)
            case Fail(times):
                self.value += 1
                self.save(self.value)
                if Counter.failed.setdefault(self.key, 0) < times:
                    Counter.failed[self.key] += 1
                    raise ValueError("told to")
            case "slow":
                return self.slowly()
            case "unanswered":
                return NoReply()
            case "end":
                return Stop("normal", reply=self.value)
            case "epoch":
                return Reply(self.stamp.epoch)
            case TellWhenSaved(to):
                self.value += 1
                self.save(self.value)
                self.tell(to, self.stamp)
        return Reply(self.value)

    async def slowly(self) -> Reply:
        self.value += 1
        self.save(self.value)
        await self.sleep(1.0)
        return Reply(self.value)

    def handle_cast(self, request: Any) -> None:
        self.value += request.amount
        self.save(self.value)

    def handle_info(self, received: Any) -> None:
        self.value += 1
        self.save(self.value)


class Idler(Counter):
    """Is passivated after ten quiet seconds."""

    idle_after: ClassVar[float | None] = 10.0


class House:
    """All of it, and the test's hands on it."""

    def __init__(self, cluster: Cluster, shards: int, options: Options) -> None:
        self.cluster = cluster
        self.hub = ShardHub(shards, delay=0.001)
        self.world = MemoryWorld(shards)
        self.options = options
        self.entities: dict[str, Entities] = {}

    async def furnish(self, node: VirtualNode) -> Entities:
        """Give a node its part."""
        hosts = node.name != CLIENT
        options = Options(**{**{f: getattr(self.options, f) for f in Options.__slots__}, "hosts": hosts})
        entities = Entities(
            node,
            node.distribution,
            self.hub.shards(),
            self.world.store(node, delay=0.002),
            {"counter": Counter, "idler": Idler},
            options,
        )
        self.entities[node.name] = entities
        await self.cluster.drive(entities.open())
        return entities

    async def start(self, name: str) -> Entities:
        return await self.furnish(await self.cluster.start(name))

    @property
    def client(self) -> Entities:
        return self.entities[CLIENT]

    def at(self, name: str) -> Entities:
        return self.entities[name]

    async def drive(self, work: Awaitable[T], limit: float = 120.0) -> T:
        return await self.cluster.drive(work, limit)

    async def until(self, condition: Callable[[], Any], limit: float = 60.0) -> float:
        """Let time pass until it is so; how much it took."""
        began = self.cluster.clock.now()
        while not condition():
            if self.cluster.clock.now() - began > limit:
                raise TimeoutError(f"not so within {limit:g} s: {[e.status() for e in self.entities.values()]}")
            await self.cluster.advance(0.05)
        return self.cluster.clock.now() - began

    def owner(self, name: Name) -> str | None:
        """Which node runs the entity now."""
        running = [at for at, e in self.entities.items() if (slot := e.slot(name)) is not None and slot.running]
        assert len(running) < 2, f"{name} runs on {running}"
        return running[0] if running else None

    def owned(self) -> dict[str, int]:
        return {name: len(each.owned()) for name, each in self.entities.items() if name != CLIENT}

    async def all_owned(self) -> float:
        return await self.until(lambda: sum(self.owned().values()) == self.hub.count)

    # What goes wrong

    async def kill(self, name: str) -> None:
        """kill -9."""
        self.hub.kill(name)
        del self.entities[name]
        await self.cluster.kill(name)

    def pause(self, name: str) -> None:
        """SIGSTOP; the broker notices in its time."""
        self.cluster.pause(name)
        self.at(CLIENT).node.after(BROKER_NOTICES, self._broker_notices, self.hub.end(name))

    def resume(self, name: str) -> None:
        self.cluster.resume(name)
        if name in self.entities:
            # A process that goes on finds out about its socket when it comes to that.
            self.at(name).node.after(0.05, lambda _: self.hub.heal(name))

    def cut(self, name: str) -> None:
        """Between this node and the broker, but not between it and the other nodes."""
        self.hub.cut(name)
        self.at(CLIENT).node.after(BROKER_NOTICES, self._broker_notices, self.hub.end(name))

    def _broker_notices(self, end: Any) -> None:
        if end is not None and (end.is_cut or end.node in self.cluster.paused):
            self.hub.lose_end(end)

    async def close(self) -> None:
        for name in list(self.entities):
            self.resume(name)
        for entities in list(self.entities.values()):
            await self.drive(entities.close())


@contextlib.asynccontextmanager
async def a_house(
    *names: str, shards: int = SHARDS, seed: int = 0, options: Options | None = None
) -> AsyncIterator[House]:
    """Nodes of these names, and a client."""
    limits = Limits(silence=2.0)
    async with virtual_cluster(CLIENT, *names, hub=Hub(seed), limits=limits) as cluster:
        house = House(cluster, shards, options or Options())
        for node in list(cluster.nodes):
            await house.furnish(node)
        yield house
        await house.close()


def begin(work: Awaitable[T]) -> asyncio.Future[T]:
    """Let it go on by itself."""
    return asyncio.ensure_future(work)
