"""Calls under fire: a world, many calls at once, and a killer at work meanwhile; at the end nothing may be wrong."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

from killing import Killer
from mixture import Mixture
from world import PATIENCE, World, a_world

Trouble = Callable[[World], Awaitable[None]]
"""What else goes wrong meanwhile; cancelled when the calls have ended."""


async def under_fire(
    folder: Path,
    *,
    calls: int,
    kills: int,
    seed: int,
    placed_per_second: float,
    kills_per_second: float,
    trouble: Trouble | None = None,
    speed: float = 20.0,
    patience: float = PATIENCE,
) -> Counter[str]:
    """Run it; which kinds were killed how often. Raises AssertionError with whatever is wrong afterwards."""
    async with a_world(folder, speed=speed) as world:
        mixture = Mixture(world, calls, rate=placed_per_second, seed=seed, patience=patience)
        killer = Killer(world.node, lambda: mixture.up, kills=kills, rate=kills_per_second, seed=seed)
        beside = [asyncio.create_task(killer.run())]
        if trouble is not None:
            beside.append(asyncio.create_task(trouble(world)))
        try:
            await mixture.run()
        finally:
            for task in beside:
                task.cancel()
            results = await asyncio.gather(*beside, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result
        await mixture.check()
        await world.is_whole()
        await world.is_quiet()
        world.nothing_broke()
        # What a call loses only when its executor and its actor die together at its very end.
        assert mixture.unfinished <= max(2, calls // 20), f"{mixture.unfinished} messages were left unfinished"
        return killer.killed
