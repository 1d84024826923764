"""Calls under fire: a world, many calls at once, and chaos meanwhile; at the end nothing may be wrong."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mirliton.supervisors import Supervisor
from mirliton.supervisors.chaos import Attack, Guard, Invariants, Plan
from mirliton.supervisors.testing import chaos
from mixture import MIXED, Mixture
from scenarios import Scenario
from scene import PATIENCE, SPEED
from targets import TARGETS
from world import World, a_world

LONGEST: Final = 600.0
"""Seconds of a run."""
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
    plan = a_plan(kills, kills_per_second)
    async with a_world(folder, speed=speed) as world:
        mixture = Mixture(world, calls, rate=placed_per_second, seed=seed, kinds=kinds, patience=patience)
        async with chaos(world.node, plan, seed=seed) as run, _beside(trouble, world):
            await mixture.run()
        await mixture.check()
        await world.is_whole()
        await world.is_quiet(patience)
        world.nothing_broke()
        # What a call loses only when its executor and its actor die together at its very end.
        assert mixture.unfinished <= max(2, calls // 20), f"{mixture.unfinished} messages were left unfinished"
        return Outcome(Counter(hit.group for hit in run.report.hits), mixture.most_up, mixture.unfinished)


def a_plan(kills: int, rate: float) -> Plan:
    """All kinds of processes on a call's path, in turn by chance. Only what each call has of its own may give up."""
    return Plan(
        (Attack(among=tuple(target.pick for target in TARGETS), rate=rate, count=kills),),
        "calls under fire",
        duration=LONGEST,
        guard=Guard(at_once=kills),
        invariants=Invariants(returned_within=PATIENCE, may_give_up=(Supervisor.__qualname__,), settle=PATIENCE),
    )


@contextlib.asynccontextmanager
async def _beside(trouble: Trouble | None, world: World) -> AsyncIterator[None]:
    """What else goes wrong meanwhile, until the block's end."""
    if trouble is None:
        yield
        return
    task = asyncio.create_task(trouble(world))
    try:
        yield
    finally:
        task.cancel()
        (result,) = await asyncio.gather(task, return_exceptions=True)
    if isinstance(result, Exception):
        raise result
