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
from typing import Any, Final

from mirliton.actors.switching import CDR, ROUTER, switch_name
from mirliton.ecallmgr.simulator import SimulatorClient
from mirliton.runtime import Node
from mirliton.supervisors import Supervisor
from mirliton.whapps.callflow.listener import Listener
from mirliton.whapps.callflow.overload import Bounds
from scene import CONTEXT, SWITCH, eventually, free_port, furnish
from tenants import ALICE, BOB, DEMO
from tests.bench.measuring import Figures, resident, spread
from world import PATIENT, house

AT_ONCE: Final = 40
"""Calls that are up at the same time."""
TIMEOUT: Final = 60.0
SPEED: Final = 20.0
SETTLED: Final = 2.0
"""Seconds after which the last calls that were placed are connected."""
CALLER: Final = [{"do": "await_answer"}, {"do": "hang_up", "after": 0.5}]
STAYS: Final = [{"do": "await_answer"}]
CALLEE: Final = [{"do": "ring"}, {"do": "answer"}]


async def through(count: int) -> Figures:
    async with _a_house(PATIENT) as (node, caller):
        await _place(node, caller, min(count, 5))  # the first calls also make databases and accounts
        began, cpu = time.perf_counter(), time.process_time()
        await _place(node, caller, count)
        took, cpu = time.perf_counter() - began, time.process_time() - cpu
    return {"rate": count / took, "cpu": cpu * 1000 / count}


async def idle(count: int) -> Figures:
    """Calls that have been answered, and then say nothing: two legs each."""
    async with _a_house(PATIENT) as (node, caller):
        await _place(node, caller, min(count, 5))
        before = resident()
        for placed in range(count):
            await _call(caller, STAYS)
            await _up(node, placed + 1 - AT_ONCE)
        await _up(node, count)
        await asyncio.sleep(SETTLED)
        return {"bytes": (resident() - before) / count}


async def overload(count: int) -> Figures:
    """Twice as many new calls as a core can take, by what each cost just before: what is let in, what is refused, and
    how late events are meanwhile, as the channel table answers."""
    async with _a_house(Bounds()) as (node, caller):
        await _place(node, caller, min(count, 5))
        cpu = time.process_time()
        await _place(node, caller, count)
        pause = (time.process_time() - cpu) / count / 2
        router = _router(node)
        asked, before = router.decided, router.won
        delays, began = [], time.perf_counter()
        async with asyncio.TaskGroup() as placed:
            for number in range(4 * count):
                placed.create_task(_call(caller, CALLER))
                delays.append(router.gate.delay)
                await asyncio.sleep(max(0.0, began + number * pause - time.perf_counter()))
        lasted = time.perf_counter() - began
    return {
        "asked": (router.decided - asked) / lasted,
        "admitted": (router.won - before) / lasted,
        **spread(delays, 1e3),
    }


@contextlib.asynccontextmanager
async def _a_house(bounds: Bounds) -> AsyncIterator[tuple[Node, SimulatorClient]]:
    """A node with a switch in an OS process of its own, and who places calls there."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        await furnish(folder / "bench.db")
        async with _a_switch(folder) as (switch_port, http_port), Node("bench") as node:
            await node.start(Supervisor, house(folder / "bench.db", switch_port, http_port, bounds))
            await _connected(node)
            async with SimulatorClient("127.0.0.1", switch_port, "ClueCon") as caller:
                yield node, caller


async def _up(node: Node, calls: int) -> None:
    """Wait until so many calls have actors."""

    async def are_up() -> bool:
        return len(node.registry.names("call")) >= calls

    if not await eventually(are_up, TIMEOUT):
        raise TimeoutError(f"only {len(node.registry.names('call'))} of {calls} calls are up")


def _router(node: Node) -> Listener:
    cell = node.find(ROUTER)
    assert cell is not None
    assert isinstance(cell.actor, Listener)
    return cell.actor


async def _call(caller: SimulatorClient, script: Any) -> None:
    await caller.steer(
        {"do": "call", "from": f"{ALICE.name}@{DEMO.realm}", "to": BOB.number, "context": CONTEXT, "script": script}
    )


async def _place(node: Node, caller: SimulatorClient, count: int) -> None:
    """Have so many calls through, AT_ONCE at a time."""
    before = _records(node)
    placed = 0
    deadline = time.monotonic() + TIMEOUT
    while (stored := _records(node) - before) < 2 * count:
        if time.monotonic() > deadline:
            raise TimeoutError(f"only {stored} of {2 * count} records after {TIMEOUT:g} s")
        while placed < count and placed - stored // 2 < AT_ONCE:
            await _call(caller, CALLER)
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
