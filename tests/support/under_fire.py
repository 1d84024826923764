"""Calls under fire: a world, many calls at once, and a killer at work meanwhile; at the end nothing may be wrong."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from killing import Killer
from mirliton.supervisors import statistics
from mixture import MIXED, Mixture
from scenarios import Scenario
from scene import PATIENCE, SPEED
from world import World, a_world

Trouble = Callable[[World], Coroutine[Any, Any, None]]
"""What else goes wrong meanwhile; cancelled when the calls have ended."""


@dataclass(frozen=True)
class Outcome:
    """What a run has seen. Anything that was wrong is an AssertionError instead."""

    killed: Counter[str]
    """Kills by kind."""
    most_up: int
    """Calls that were up at the same time."""
    unfinished: int
    """Voicemail messages that are only fetched when somebody next looks into the mailbox."""

    def __str__(self) -> str:
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(self.killed.items()))
        return f"{self.most_up} calls at once, {self.killed.total()} kills ({kinds}), {self.unfinished} messages late"


async def under_fire(
    folder: Path,
    *,
    calls: int,
    kills: int,
    seed: int,
    placed_per_second: float,
    kills_per_second: float,
    kinds: Sequence[Scenario] = MIXED,
    trouble: Trouble | None = None,
    speed: float = SPEED,
    patience: float = PATIENCE,
) -> Outcome:
    """Run it: calls of these kinds in turn, within what supervisors bear."""
    gave_up = _gave_up()
    async with a_world(folder, speed=speed) as world:
        mixture = Mixture(world, calls, rate=placed_per_second, seed=seed, kinds=kinds, patience=patience)
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
        await world.is_quiet(patience)
        world.nothing_broke()
        assert _gave_up() == gave_up, "a supervisor that all calls share gave up"
        # What a call loses only when its executor and its actor die together at its very end.
        assert mixture.unfinished <= max(2, calls // 20), f"{mixture.unfinished} messages were left unfinished"
        return Outcome(killer.killed, mixture.most_up, mixture.unfinished)


def _gave_up() -> int:
    """How often supervisors with a name have given up: all but those of single calls and accounts."""
    return statistics().gave_up["supervisor"]
