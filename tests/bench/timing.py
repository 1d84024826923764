"""Timers that are set and, as most are, cancelled before they fire."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from mirliton.runtime import CoroutineProcess
from tests.bench.measuring import Figures, kept_short

BATCH: Final = 1_000
"""Timers set or cancelled between two looks at the mailbox: no handler should hold the loop for long."""


class Cautious(CoroutineProcess):
    async def init(self, count: int, done: asyncio.Future[Figures]) -> None:
        self.count, self.done = count, done

    async def run(self) -> None:
        began = time.perf_counter()
        timers = []
        for number in range(self.count):
            timers.append(self.start_timer(3600.0, "late"))
            if number % BATCH == 0:
                await self._let_others_run()
        half = time.perf_counter()
        for number, timer in enumerate(timers):
            self.cancel_timer(timer)
            if number % BATCH == 0:
                await self._let_others_run()
        ended = time.perf_counter()
        self.done.set_result({"set": self.count / (half - began), "cancel": self.count / (ended - half)})

    async def _let_others_run(self) -> None:
        self.send(self.pid, "go on")
        await self.receive(str)


async def timers(count: int) -> Figures:
    async with kept_short() as node:
        done = asyncio.get_running_loop().create_future()
        await node.start(Cautious, count, done)
        figures: Figures = await done
        return figures
