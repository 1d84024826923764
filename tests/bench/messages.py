"""Messages between processes of one node."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from mirliton.runtime import CoroutineProcess, From, GenServer, Node, Pid, Reply
from tests.bench.measuring import Figures, spread


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
        return {"": count / (time.perf_counter() - began)}


class Sink(GenServer):
    def init(self, count: int, done: asyncio.Future[None]) -> None:
        self.left, self.done = count, done

    def handle_info(self, message: Any) -> None:
        self.left -= 1
        if self.left == 0:
            self.done.set_result(None)


class Source(GenServer):
    """Sends a hundred, then lets others run."""

    def init(self, sink: Pid, bursts: int) -> None:
        self.sink, self.bursts = sink, bursts

    def handle_info(self, message: Any) -> None:
        for _ in range(100):
            self.send(self.sink, "drop")
        self.bursts -= 1
        if self.bursts:
            self.send(self.pid, message)


async def one_way(count: int) -> Figures:
    async with Node("bench") as node:
        done = asyncio.get_running_loop().create_future()
        sink = await node.start(Sink, count, done)
        source = await node.start(Source, sink, count // 100)
        began = time.perf_counter()
        node.send(source, "go")
        await done
        return {"": count / (time.perf_counter() - began)}


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
