"""Phone calls through the whole path: a call comes in, is routed, rings a phone, is answered and hung up, and the
record of each of its two legs is stored. The simulated switch runs in an OS process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from mirliton.actors.switching import CDR, switch_name
from mirliton.ecallmgr.simulator import SimulatorClient
from mirliton.runtime import Node
from mirliton.supervisors import Supervisor
from scene import CONTEXT, SWITCH, eventually, free_port, furnish
from tenants import ALICE, BOB, DEMO
from tests.bench.measuring import Figures
from world import house

AT_ONCE: Final = 40
"""Calls that are up at the same time."""
TIMEOUT: Final = 60.0
SPEED: Final = 20.0
CALLER: Final = [{"do": "await_answer"}, {"do": "hang_up", "after": 0.5}]
CALLEE: Final = [{"do": "ring"}, {"do": "answer"}]


async def through(count: int) -> Figures:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        await furnish(folder / "bench.db")
        async with _a_switch(folder) as (switch_port, http_port), Node("bench") as node:
            await node.start(Supervisor, house(folder / "bench.db", switch_port, http_port))
            await _connected(node)
            async with SimulatorClient("127.0.0.1", switch_port, "ClueCon") as caller:
                await _place(node, caller, min(count, 5))  # the first calls also make databases and accounts
                began, cpu = time.perf_counter(), time.process_time()
                await _place(node, caller, count)
                took, cpu = time.perf_counter() - began, time.process_time() - cpu
    return {"rate": count / took, "cpu": cpu * 1000 / count}


async def _place(node: Node, caller: SimulatorClient, count: int) -> None:
    """Have so many calls through, AT_ONCE at a time."""
    before = _records(node)
    placed = 0
    deadline = time.monotonic() + TIMEOUT
    while (stored := _records(node) - before) < 2 * count:
        if time.monotonic() > deadline:
            raise TimeoutError(f"only {stored} of {2 * count} records after {TIMEOUT:g} s")
        while placed < count and placed - stored // 2 < AT_ONCE:
            request = {
                "do": "call",
                "from": f"{ALICE.name}@{DEMO.realm}",
                "to": BOB.number,
                "context": CONTEXT,
                "script": CALLER,
            }
            await caller.steer(request)
            placed += 1
        await asyncio.sleep(0.002)


def _records(node: Node) -> int:
    """Records that have been stored, as their listener counts them."""
    cell = node.find(CDR)
    assert cell is not None
    return int(cell.actor.stored)


async def _connected(node: Node) -> None:
    async def is_connected() -> bool:
        cell = node.find(switch_name(SWITCH))
        return cell is not None and cell.actor.connects > 0

    if not await eventually(is_connected, TIMEOUT):
        raise TimeoutError("the node did not connect to the switch")


@contextlib.asynccontextmanager
async def _a_switch(folder: Path) -> AsyncIterator[tuple[int, int]]:
    """The simulator as a program: its port, and the port it posts records to."""
    port, http_port = free_port(), free_port()
    phones = folder / "phones.json"
    phones.write_text(
        json.dumps(
            [
                {"user": ALICE.name, "realm": DEMO.realm, "script": "manual"},
                {"user": BOB.name, "realm": DEMO.realm, "script": CALLEE},
            ]
        )
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "mirliton.ecallmgr.simulator", "--port", str(port), "--speed", str(SPEED)),
        *("--phones", str(phones), "--cdr-url", f"http://127.0.0.1:{http_port}/leg-records"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        await asyncio.wait_for(process.stdout.readline(), TIMEOUT)
        yield port, http_port
    finally:
        process.terminate()
        await process.wait()
