"""A thousand processes that are sent messages all the while, from outside and by each other; real time."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import structlog

from mirliton.runtime import Node, Pid
from mirliton.supervisors import UpgradeFailed, downgrade, upgrade, which_children
from shop import ONE, THREE, TWO, Shop, changed, installed

PROCESSES = 1000
PAUSE = 2.0
"""Seconds: far above what is aimed at, which is 0.2 on a machine that does nothing else."""


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    async with Node("shop@localhost", strict=True) as started:
        started.log = structlog.wrap_logger(structlog.ReturnLogger())
        yield started


@pytest.fixture
def shop(node: Node, tmp_path: Path) -> Iterator[Shop]:
    with installed(tmp_path):
        yield Shop(node, tmp_path)


class Load:
    """Casts and calls to random stocks, each adding one, until it is stopped; what was sent is counted."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.sent: Counter[Pid] = Counter()
        self.answers = self._wanted = 0
        self._there = asyncio.Event()
        self._random = random.Random(1)
        self._tasks = [asyncio.create_task(self._cast()), *(asyncio.create_task(self._call()) for _ in range(5))]

    async def _cast(self) -> None:
        while True:
            for _ in range(20):
                pid = self._random.choice(self.shop.stocks)
                self.shop.add(pid, 1)
                self.sent[pid] += 1
            await asyncio.sleep(0)

    async def _call(self) -> None:
        while True:
            pid = self._random.choice(self.shop.stocks)
            self.sent[pid] += 1
            await self.shop.node.call(pid, self.shop.module("messages").Add(1), timeout=30.0)
            self.answers += 1
            if self.answers >= self._wanted:
                self._there.set()

    async def until_answers(self, more: int) -> None:
        """Wait until so many more calls have been answered."""
        self._wanted, self._there = self.answers + more, asyncio.Event()
        there = asyncio.create_task(self._there.wait())
        done, _ = await asyncio.wait({there, *self._tasks}, timeout=20.0, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()  # raises what ended it
        assert there in done, f"{self.answers} answers"

    async def stop(self) -> None:
        """No more; every call that is under way gets its answer first."""
        cast, *calls = self._tasks
        cast.cancel()
        for task in calls:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def test_nothing_is_lost_or_doubled_and_nobody_ends(shop: Shop, node: Node) -> None:
    await shop.start(ONE, PROCESSES)
    alive = {cell.pid for cell in node.processes()}
    load = Load(shop)
    await load.until_answers(200)
    reports = []
    for version in (TWO, THREE):
        shop.install(version)
        reports.append(await upgrade(node, "shop"))
        await load.until_answers(200)
    failing = changed(THREE, "stock", ('case "2":', 'case "3":\n                    assert self.key != "stock 777"'))
    shop.install(changed(failing, "app", ('version="3"', 'version="4"')))
    with pytest.raises(UpgradeFailed, match="code_change failed"):
        await upgrade(node, "shop")
    await load.until_answers(200)
    shop.install(TWO)
    reports.append(await downgrade(node, "shop"))
    await load.until_answers(200)
    await load.stop()
    totals = {pid: await shop.total(pid) for pid in shop.stocks}
    assert totals == {pid: load.sent[pid] for pid in shop.stocks}
    assert {cell.pid for cell in node.processes()} > alive  # the auditor is new
    assert sum(node.exited.values()) == 0
    assert [report.processes for report in reports] == [PROCESSES, PROCESSES + 1, PROCESSES + 1]
    assert max(report.pause for report in reports) < PAUSE
    assert {shop.actor(pid).version for pid in shop.stocks} == {"2"}


async def test_kills_during_upgrades_are_restarts_like_any_other(shop: Shop, node: Node) -> None:
    await shop.start(ONE, 200)
    stocks = node.find(shop.actor(shop.top).children.by_id("stocks").pid)
    assert stocks is not None
    killer = random.Random(2)

    async def kill() -> None:
        for _ in range(3):  # as many as the supervisor of version 1 allows
            await asyncio.sleep(0.001)
            node.exit(killer.choice([child.process for child in stocks.actor.children if child.process]), "kill")

    shop.install(TWO)
    _, report = await asyncio.gather(kill(), upgrade(node, "shop"))
    assert report.to_version == "2"
    await which_children(node, stocks.pid)  # it has dealt with every exit that came before
    assert {shop.actor(child.process).version for child in stocks.actor.children} == {"2"}
    assert len(stocks.actor.children) == 200
