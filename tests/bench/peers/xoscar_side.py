"""xoscar: actors as Tasks of one pool, here in the pool's main process; a message is a method called."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import xoscar

from tests.bench.measuring import Figures, resident, spread

TIMEOUT = 60.0


class Ponger(xoscar.Actor):
    async def ball(self, sender: Any) -> None:
        await sender.ball.tell()


class Pinger(xoscar.Actor):
    def __init__(self, other: Any, count: int, done: asyncio.Event) -> None:
        self.other, self.left, self.done = other, count, done

    async def ball(self) -> None:
        if self.left == 0:
            self.done.set()
            return
        self.left -= 1
        await self.other.ball.tell(self.ref())


async def ping_pong(count: int) -> Figures:
    done = asyncio.Event()
    async with _pool() as address:
        ponger = await xoscar.create_actor(Ponger, address=address)
        pinger = await xoscar.create_actor(Pinger, ponger, count, done, address=address)
        began = time.perf_counter()
        await pinger.ball.tell()
        await asyncio.wait_for(done.wait(), TIMEOUT)
        return {"rate": count / (time.perf_counter() - began)}


class Sink(xoscar.Actor):
    def __init__(self, count: int, done: asyncio.Event) -> None:
        self.left, self.done = count, done

    async def drop(self) -> None:
        self.left -= 1
        if self.left == 0:
            self.done.set()


class Source(xoscar.Actor):
    def __init__(self, sink: Any, burst: int) -> None:
        self.sink, self.burst = sink, burst

    async def go(self, bursts: int) -> None:
        for _ in range(self.burst):
            await self.sink.drop.tell()
        if bursts > 1:
            await self.ref().go.tell(bursts - 1)


async def one_way(count: int) -> Figures:
    return await _flood(1, count, 100)


async def fan_in(count: int) -> Figures:
    return await _flood(100, count, 10)


async def _flood(sources: int, count: int, burst: int) -> Figures:
    done = asyncio.Event()
    bursts = count // (sources * burst)
    messages = sources * bursts * burst
    async with _pool() as address:
        sink = await xoscar.create_actor(Sink, messages, done, address=address)
        ready = [await xoscar.create_actor(Source, sink, burst, address=address) for _ in range(sources)]
        began = time.perf_counter()
        for source in ready:
            await source.go.tell(bursts)
        await asyncio.wait_for(done.wait(), TIMEOUT)
        return {"rate": messages / (time.perf_counter() - began)}


class Answering(xoscar.Actor):
    async def answer(self, request: Any) -> Any:
        return request


async def calls(count: int) -> Figures:
    async with _pool() as address:
        server = await xoscar.create_actor(Answering, address=address)
        took = []
        for _ in range(count):
            began = time.perf_counter()
            await server.answer("request")
            took.append(time.perf_counter() - began)
        return {"rate": count / sum(took), **spread(took, 1e6)}


async def idle_servers(count: int) -> Figures:
    async with _pool() as address:
        before = resident()
        began = time.perf_counter()
        kept = [await xoscar.create_actor(Answering, address=address) for _ in range(count)]
        took = time.perf_counter() - began
        return {"bytes": (resident() - before) / len(kept), "rate": count / took}


@asynccontextmanager
async def _pool() -> AsyncIterator[str]:
    pool = await xoscar.create_actor_pool("127.0.0.1", n_process=0)
    async with pool:
        yield pool.external_address
