"""Processes: what one costs that does nothing, and how fast one that was killed is back."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final

from mirliton.runtime import IGNORE, CoroutineProcess, From, GenServer, Name, Node, Pid, Process, Reply, Stop
from mirliton.supervisors import Supervisor, Tree, count_children, start_child, worker
from tests.bench.measuring import Figures, kept_short, resident, spread

NAME: Final = Name("service", "bench")


class Answering(GenServer):
    """Has some state and all handlers, as a server that is of use."""

    def init(self) -> None:
        self.served = 0

    def handle_call(self, request: Any, sender: From) -> Any:
        self.served += 1
        return Reply(request)

    def handle_cast(self, request: Any) -> None:
        """Nothing to do."""

    def handle_info(self, message: Any) -> None:
        """Nothing to do."""


class Script(CoroutineProcess):
    """Waits for mail where it stands."""

    async def run(self) -> None:
        while True:
            await self.receive()


async def idle_servers(count: int) -> Figures:
    return await _idle(Answering, count)


async def idle_scripts(count: int) -> Figures:
    return await _idle(Script, count)


async def _idle(cls: type[Process], count: int) -> Figures:
    """Started a hundred at a time, each hundred done with its init before the next."""
    async with kept_short() as node:
        before = resident()
        began = time.perf_counter()
        for _ in range(count // 100):
            for _ in range(99):
                node.spawn(cls)
            await node.start(cls)
        took = time.perf_counter() - began
        size = (resident() - before) / count
        for cell in list(node.processes()):
            node.exit(cell.pid, "kill")
        return {"bytes": size, "rate": count / took}


class Killer(CoroutineProcess):
    """Kills a named server, as often as it is told, and asks its successor: what waits for an answer is a process, as
    in Erlang."""

    async def init(self, count: int, done: asyncio.Future[list[float]]) -> None:
        self.count, self.done = count, done

    async def run(self) -> None:
        took = []
        for _ in range(self.count):
            pid = self.whereis(NAME)
            assert pid is not None
            began = time.perf_counter()
            self.exit(pid, "kill")
            await self.call(NAME, "are you there?")
            took.append(time.perf_counter() - began)
        self.done.set_result(took)


async def restarts(count: int) -> Figures:
    """Of a child that keeps its mail: the question waits for the successor."""
    tree = Tree("one_for_one", [worker(Answering, name=NAME, keep_mail=True)], intensity=count, period=60.0)
    async with Node("bench") as node:
        done = asyncio.get_running_loop().create_future()
        await node.start(Supervisor, tree)
        await node.start(Killer, count, done)
        return spread(await done, 1e6)


class Skynet(GenServer):
    """Starts ten more, each with a tenth of the numbers, and tells its asker the sum of what they tell."""

    def init(self, asker: Pid | asyncio.Future[int], number: int, size: int) -> Any:
        self.asker, self.left, self.sum = asker, 10, 0
        if size == 1:
            self.tell(number)
            return IGNORE
        part = size // 10
        for child in range(10):
            self.spawn(Skynet, self.pid, number + child * part, part)
        return None

    def handle_info(self, message: Any) -> Any:
        self.sum += message
        self.left -= 1
        if self.left:
            return None
        self.tell(self.sum)
        return Stop()

    def tell(self, number: int) -> None:
        if isinstance(self.asker, Pid):
            self.send(self.asker, number)
        else:
            self.asker.set_result(number)


async def skynet(count: int) -> Figures:
    async with kept_short() as node:
        done = asyncio.get_running_loop().create_future()
        began = time.perf_counter()
        node.spawn(Skynet, done, 0, count)
        assert await done == count * (count - 1) // 2
        return {"seconds": time.perf_counter() - began}


class Starter(CoroutineProcess):
    """Has a supervisor start one child after the other."""

    async def init(self, keeper: Pid, count: int, done: asyncio.Future[float]) -> None:
        self.keeper, self.count, self.done = keeper, count, done

    async def run(self) -> None:
        began = time.perf_counter()
        for _ in range(self.count):
            await start_child(self, self.keeper, ())
        self.done.set_result(time.perf_counter() - began)


async def supervised(count: int) -> Figures:
    async with kept_short() as node:
        done = asyncio.get_running_loop().create_future()
        keeper = await node.start(Supervisor, Tree("simple_one_for_one", [worker(Answering)]))
        await node.start(Starter, keeper, count, done)
        took = await done
        assert (await count_children(node, keeper)).active == count
        return {"seconds": took}
