"""More than supervisors bear: they give up, level by level, the node ends, its supervisor starts another, and the
calls, which are on the switch all the while, end as they would have."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from mixture import Mixture
from os_world import OsWorld, an_os_world

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(240)]

SPEED = 2.0


async def _end_as_scripted(world: OsWorld, calls: Mixture) -> None:
    await calls.check()
    await world.is_whole_and_quiet()
    assert not world.switch.failures


@pytest.mark.parametrize("seed", [1, 2])
async def test_escalation_up_to_a_restart_of_the_node(seed: int, tmp_path: Path, say: Callable[[str], None]) -> None:
    """Each storm kills one process until the root gives up; the one of a connection has three levels to climb."""
    async with an_os_world(tmp_path, speed=SPEED) as world:
        calls = Mixture(world, 100, rate=6, seed=seed, patience=90)
        placing = asyncio.create_task(calls.run())
        for name in ("service:store", "service:cdr", "switch:sim"):
            await asyncio.sleep(2.0)
            kills = await world.storm(name)
            await world.is_up()
            say(f"seed {seed}: {kills} kills of {name} ended the node")
        await placing
        await _end_as_scripted(world, calls)
        assert world.log.count("root_gave_up") == 3
        assert len(world.node_pids()) == 4


@pytest.mark.parametrize("seed", [1, 2])
async def test_kill_9_of_the_node_during_a_hundred_calls(seed: int, tmp_path: Path) -> None:
    async with an_os_world(tmp_path, speed=SPEED) as world:
        calls = Mixture(world, 100, rate=6, seed=seed, patience=90)
        placing = asyncio.create_task(calls.run())
        for _ in range(4):
            await asyncio.sleep(4.0)
            world.kill_node()
        await placing
        await world.is_up()
        await _end_as_scripted(world, calls)
        assert len(world.node_pids()) == 5
