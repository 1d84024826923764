"""Churn: many processes live under supervisors while some are killed, started, and spoken to; how long the loop stops.

    python -m tests.bench.churn --seconds 600 --processes 100000

The pause meter is a timer of the event loop that is set again and again for the next millisecond: what it is late by is
what a socket or another timer would have waited. The garbage collector is kept as a node of that size would keep it
(`short_pauses`); with --default-gc it is left alone.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import logging
import random
import sys
import time
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

import structlog

from mirliton.runtime import GenServer, Node, Pid, garbage
from mirliton.supervisors import Supervisor, Tree, worker
from tests.bench.measuring import Figures, percentile

SECONDS: Final = 20.0
PER_SUPERVISOR: Final = 1_000
PAUSE: Final = 0.001
"""Seconds between two looks of the meter, and between two batches."""
KILLED, SPAWNED, SENT = 5, 20, 100
"""In each batch: children killed, which their supervisors restart; processes started, which live for a while; casts."""
VISITORS: Final = 5_000
"""Processes beside the supervised ones; the oldest are killed."""


class Resident(GenServer):
    """A child with the state of a small call."""

    def init(self, pids: list[Pid | None], place: int) -> None:
        pids[place] = self.pid
        self.place = place
        self.facts = {"caller": "1001", "callee": "1002", "steps": [place], "began": 0.0}

    def handle_cast(self, request: Any) -> None:
        self.facts["last"] = request


class Visitor(GenServer):
    """Comes and goes."""

    def init(self, number: int) -> None:
        self.facts = {"number": number, "heard": []}

    def handle_cast(self, request: Any) -> None:
        self.facts["heard"].append(request)


class PauseMeter:
    """How late a timer of the loop is, and how much CPU time went by between two of them, in seconds.

    The second does not count what other programs took of the machine.
    """

    def __init__(self) -> None:
        self.late: list[float] = []
        self.worked: list[float] = []
        self._before = 0.0
        self._loop = asyncio.get_running_loop()
        self._due = 0.0
        self._handle: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._before = time.thread_time()
        self._due = self._loop.time() + PAUSE
        self._handle = self._loop.call_at(self._due, self._tick)

    def stop(self) -> None:
        assert self._handle is not None
        self._handle.cancel()

    def _tick(self) -> None:
        self.late.append(self._loop.time() - self._due)
        self.worked.append(time.thread_time() - self._before)
        self.start()


async def churn(count: int, seconds: float = SECONDS, *, short_pauses: bool = True) -> Figures:
    pids: list[Pid | None] = [None] * count
    async with Node("bench", short_pauses=short_pauses) as node:
        for first in range(0, count, PER_SUPERVISOR):
            children = [
                worker(Resident, pids, place, id=place) for place in range(first, min(first + PER_SUPERVISOR, count))
            ]
            await node.start(Supervisor, Tree("one_for_one", children, intensity=1_000_000, period=1.0))
        if short_pauses:
            garbage.collect_all()  # boot has ended
        visitors: deque[Pid] = deque()
        meter = PauseMeter()
        batches = 0
        whole = garbage.short_pauses.whole_collections
        meter.start()
        began = time.perf_counter()
        while (spent := time.perf_counter() - began) < seconds:
            _batch(node, pids, visitors)
            batches += 1
            await asyncio.sleep(PAUSE)
        meter.stop()
        while visitors:
            node.exit(visitors.pop(), "kill")
        assert len(node) == count + -(-count // PER_SUPERVISOR), "each child that was killed is back"
        alive = len(node)
        gc.disable()  # what the end of so many collects is not what is measured
        for cell in reversed(list(node.processes())):
            node.exit(cell.pid, "kill")
        gc.enable()
    return {
        "longest": max(meter.late) * 1e3,
        "p999": percentile(meter.late, 99.9) * 1e3,
        "p50": percentile(meter.late, 50) * 1e3,
        "over_20": float(sum(late > 0.02 for late in meter.late)),
        "longest_cpu": max(meter.worked) * 1e3,
        "over_20_cpu": float(sum(worked > 0.02 for worked in meter.worked)),
        "whole_collections": float(garbage.short_pauses.whole_collections - whole),
        "alive": float(alive),
        "kills": batches * KILLED / spent,
        "spawns": batches * SPAWNED / spent,
        "casts": batches * SENT / spent,
    }


def _batch(node: Node, pids: Sequence[Pid | None], visitors: deque[Pid]) -> None:
    for _ in range(KILLED):
        pid = random.choice(pids)
        if pid is not None:
            node.exit(pid, "kill")
    for number in range(SPAWNED):
        visitors.append(node.spawn(Visitor, number))
    while len(visitors) > VISITORS:
        node.exit(visitors.popleft(), "kill")
    for number in range(SENT):
        pid = random.choice(pids)
        if pid is not None:
            node.cast(pid, number)
        node.cast(random.choice(visitors), number)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.churn", description="Measure pauses under churn.")
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--processes", type=int, default=100_000)
    parser.add_argument("--default-gc", action="store_true", help="leave the garbage collector alone")
    options = parser.parse_args(arguments)
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    figures = asyncio.run(churn(options.processes, options.seconds, short_pauses=not options.default_gc))
    print(json.dumps({name: round(value, 3) for name, value in figures.items()}, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
