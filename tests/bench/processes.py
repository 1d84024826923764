"""Processes: what one costs that does nothing, and how fast one that was killed is back."""

from __future__ import annotations

import time
from typing import Any, Final

from mirliton.runtime import From, GenServer, Name, Node, Reply
from mirliton.supervisors import Supervisor, Tree, worker
from tests.bench.measuring import Figures, resident, spread

NAME: Final = Name("service", "bench")


class Answering(GenServer):
    def handle_call(self, request: Any, sender: From) -> Any:
        return Reply(request)


async def idle(count: int) -> Figures:
    async with Node("bench") as node:
        before = resident()
        began = time.perf_counter()
        for _ in range(count):
            node.spawn(Answering)
        last = node.spawn(Answering)
        await node.call(last, "are all there?")
        took = time.perf_counter() - began
        size = (resident() - before) / count
        for cell in list(node.processes()):
            node.exit(cell.pid, "kill")
        return {"bytes": size, "rate": count / took}


async def restarts(count: int) -> Figures:
    tree = Tree("one_for_one", [worker(Answering, name=NAME, keep_mail=True)], intensity=count, period=60.0)
    async with Node("bench") as node:
        await node.start(Supervisor, tree)
        took = []
        for _ in range(count):
            pid = node.whereis(NAME)
            assert pid is not None
            began = time.perf_counter()
            node.exit(pid, "kill")
            await node.call(NAME, "are you there?")
            took.append(time.perf_counter() - began)
        return spread(took, 1e6)
