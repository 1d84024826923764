"""Carries the plans out: `mirliton chaos` as a program for what is outside of nodes, and over the control sockets
of the nodes for their processes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from mirliton.api.cli.client import Control
from mirliton.api.cli.errors import CommandError
from mirliton_run import MIRLITON
from trial.ground import NODES, Ground
from trial.schedule import Blow, actor_plan, blows, outer_plan

STREAM_TIMEOUT: Final = 30.0
FATES: Final = ("back", "lost", "gone", "unmoved")


@dataclass
class Done:
    """What was done, and what came of it."""

    outer: dict[str, Any] = field(default_factory=dict)
    """The report of `mirliton chaos`."""
    outer_said: str = ""
    actors: list[dict[str, Any]] = field(default_factory=list)
    """Hits on processes."""
    missed: int = 0
    """Plans for processes that nobody took: the node was away."""
    cut_short: int = 0
    """Those whose node ended before they were over."""
    failed: list[str] = field(default_factory=list)
    """What must have held for processes, and did not."""


async def make_trouble(ground: Ground, duration: float, seed: int) -> Done:
    """All of it, to the end."""
    done = Done()
    planned = blows(duration, seed)
    async with asyncio.TaskGroup() as group:
        group.create_task(_outside(ground, planned, duration, seed, done))
        group.create_task(_inside(ground, [blow for blow in planned if blow.kind == "actors"], seed, done))
    return done


async def _outside(ground: Ground, planned: list[Blow], duration: float, seed: int, done: Done) -> None:
    plan = ground.folder / "plan.toml"
    plan.write_text(outer_plan(planned, duration, seed, ground.folder))
    if all(blow.kind == "actors" for blow in planned):
        return
    process = await asyncio.create_subprocess_exec(
        *(*MIRLITON, "chaos", str(plan), "--host", "host.toml", "--json"),
        cwd=ground.folder,
        env=_environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), duration + 180.0)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    done.outer_said = err.decode()
    if process.returncode not in (0, 1) or not out.strip():
        raise RuntimeError(f"mirliton chaos ended with {process.returncode}: {done.outer_said[-2000:]}")
    done.outer = json.loads(out)


def _environment() -> dict[str, str]:
    support = str(Path(__file__).parents[1])
    path = os.pathsep.join([support, os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "MIRLITON_CHAOS_ENABLED": "true", "PYTHONPATH": path}


async def _inside(ground: Ground, planned: list[Blow], seed: int, done: Done) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    chance = random.Random(f"actors {seed}")
    for blow in planned:
        await asyncio.sleep(max(0.0, began + blow.at - loop.time()))
        others = [name for name in NODES if name != blow.target]
        draw = chance.randrange(2**32)
        for node in (blow.target, *chance.sample(others, len(others))):
            if await asyncio.to_thread(_strike, ground, node, draw, done):
                break
        else:
            done.missed += 1


def _strike(ground: Ground, node: str, seed: int, done: Done) -> bool:
    """Kill some processes of a node; false when it takes no such plan just now."""
    begun = False
    with contextlib.suppress(CommandError), Control(ground.var / f"{node}.sock", STREAM_TIMEOUT) as control:
        for event in control.stream("chaos", plan=actor_plan(seed)):
            begun = True
            if event["event"] in FATES:
                done.actors.append({"node": node, **event})
            elif event["event"] == "over":
                done.failed += [
                    f"{node}: {one['name']}: {one.get('failed')}"
                    for one in event["report"]["invariants"]
                    if not one["held"]
                ]
                return True
            elif event["event"] == "broken":
                done.failed.append(f"{node}: chaos itself broke off: {event['error']}")
                return True
    done.cut_short += begun
    return begun
