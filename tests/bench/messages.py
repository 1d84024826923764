"""Messages between processes of one node."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any

from mirliton.runtime import CoroutineProcess, From, GenServer, Node, Pid, Reply
from tests.bench.measuring import PICKED, Figures, spread


class Ponger(GenServer):
    def init(self) -> None:
        self.other: Pid | None = None

    def handle_info(self, message: Any) -> None:
        if isinstance(message, Pid):
            self.other = message
        else:
            assert self.other is not None
            self.send(self.other, message)


class Pinger(GenServer):
    def init(self, other: Pid, count: int, done: asyncio.Future[None]) -> None:
        self.other, self.left, self.done = other, count, done

    def handle_info(self, message: Any) -> None:
        if self.left == 0:
            self.done.set_result(None)
            return
        self.left -= 1
        self.send(self.other, message)


async def ping_pong(count: int) -> Figures:
    async with Node("bench") as node:
        done = asyncio.get_running_loop().create_future()
        ponger = await node.start(Ponger)
        pinger = await node.start(Pinger, ponger, count, done)
        node.send(ponger, pinger)
        began = time.perf_counter()
        node.send(pinger, "ball")
        await done
        return {"rate": count / (time.perf_counter() - began)}


class Sink(GenServer):
    def init(self, count: int, done: asyncio.Future[None]) -> None:
        self.left, self.done = count, done

    def handle_info(self, message: Any) -> None:
        self.left -= 1
        if self.left == 0:
            self.done.set_result(None)


class Source(GenServer):
    """Sends a burst, then lets others run."""

    def init(self, sink: Pid, bursts: int, burst: int) -> None:
        self.sink, self.bursts, self.burst = sink, bursts, burst

    def handle_info(self, message: Any) -> None:
        for _ in range(self.burst):
            self.send(self.sink, "drop")
        self.bursts -= 1
        if self.bursts:
            self.send(self.pid, message)


async def one_way(count: int) -> Figures:
    return await _flood(1, count, 100)


async def fan_in(count: int) -> Figures:
    return await _flood(100, count, 10)


async def _flood(sources: int, count: int, burst: int) -> Figures:
    bursts = count // (sources * burst)
    async with Node("bench") as node:
        done = asyncio.get_running_loop().create_future()
        sink = await node.start(Sink, sources * bursts * burst, done)
        ready = [await node.start(Source, sink, bursts, burst) for _ in range(sources)]
        began = time.perf_counter()
        for source in ready:
            node.send(source, "go")
        await done
        return {"rate": sources * bursts * burst / (time.perf_counter() - began)}


class Server(GenServer):
    def handle_call(self, request: Any, sender: From) -> Any:
        return Reply(request)


class Client(CoroutineProcess):
    async def init(self, server: Pid, count: int, done: asyncio.Future[list[float]]) -> None:
        self.server, self.count, self.done = server, count, done

    async def run(self) -> None:
        took = []
        for _ in range(self.count):
            began = time.perf_counter()
            await self.call(self.server, "request")
            took.append(time.perf_counter() - began)
        self.done.set_result(took)


async def calls(count: int) -> Figures:
    async with Node("bench") as node:
        done = asyncio.get_running_loop().create_future()
        server = await node.start(Server)
        await node.start(Client, server, count, done)
        took = await done
        return {"rate": count / sum(took), **spread(took, 1e6)}


@dataclass(frozen=True, slots=True)
class Waiting:
    """What nobody asks for."""

    number: int


@dataclass(frozen=True, slots=True)
class Ball:
    sender: Pid


class Wall(GenServer):
    def handle_info(self, message: Any) -> None:
        self.send(message.sender, message)


class Choosy(CoroutineProcess):
    """Picks one answer after the other from behind mail that it does not want yet."""

    async def init(self, wall: Pid, waiting: int, done: asyncio.Future[float]) -> None:
        self.wall, self.waiting, self.done = wall, waiting, done

    async def run(self) -> None:
        for number in range(self.waiting):
            self.send(self.pid, Waiting(number))
        began = time.perf_counter()
        for _ in range(PICKED):
            self.send(self.wall, Ball(self.pid))
            await self.receive(Ball)
        self.done.set_result(PICKED / (time.perf_counter() - began))


async def selective(count: int) -> Figures:
    async with Node("bench") as node:
        done = asyncio.get_running_loop().create_future()
        wall = await node.start(Wall)
        await node.start(Choosy, wall, count, done)
        return {"rate": await done}
