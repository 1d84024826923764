"""A call from end to end, on a whole node and a simulated switch: how it ends, and that no kill changes that."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from scenarios import SCENARIOS, VOICEMAIL, Scenario, Stage, strike
from scene import causes
from targets import TARGETS, Target
from world import World, a_world

DELAYS = (0.0, 0.002, 0.02)
"""Real seconds from a stage to the kill: before the node has heard of it, while it hears, and after."""


@pytest.fixture
async def a_small_world(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path) as world:
        yield world


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
async def test_a_call_ends_as_its_phones_have_it(a_small_world: World, scenario: Scenario) -> None:
    await _ends_well(a_small_world, scenario, 1)
    await a_small_world.is_whole()
    await a_small_world.is_quiet()
    a_small_world.nothing_broke()


async def test_a_message_that_was_left_can_be_fetched(a_small_world: World) -> None:
    await VOICEMAIL.run(a_small_world)
    (message,) = (await a_small_world.messages(of=1)).heard
    ((name, attachment),) = message["_attachments"].items()
    assert attachment["length"] > 1000
    assert message["metadata"]["folder"] == "new"
    assert message["metadata"]["length"] > 1000  # milliseconds
    assert name.endswith(".wav")


def _some(part: int, stage: int) -> list[Target]:
    """Every other kind of process: those of part 0 and of part 1 are all, at each stage."""
    return [target for index, target in enumerate(TARGETS) if (index + stage) % 2 == part]


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("part", "seed"),
    [(0, 1), *(pytest.param(part, seed, marks=pytest.mark.chaos) for part, seed in ((1, 1), (0, 2), (1, 2)))],
)
async def test_no_single_kill_at_any_stage_changes_how_a_call_ends(part: int, seed: int, tmp_path: Path) -> None:
    """Every kind of process, at every stage of every kind of call: six hundred calls with one kill each, in two parts.

    Each stage of a call has a world of its own, in which the kinds are killed one after the other; so no supervisor has
    more to bear than it must. The worlds run beside one another, as most of the time is spent on waiting.
    """
    work = [
        _one_kill_of_each_kind(scenario, stage, _some(part, number), tmp_path, seed)
        for scenario in SCENARIOS
        for number, stage in enumerate(scenario.stages)
    ]
    killed = Counter(hit for hits in await asyncio.gather(*work) for hit in hits)
    assert killed.keys() == {target.name for target in TARGETS}, "some kind was never there to be killed"


async def _one_kill_of_each_kind(
    scenario: Scenario, stage: Stage, targets: list[Target], folder: Path, seed: int
) -> list[str]:
    chance = random.Random(f"{seed}/{scenario}/{stage.name}")
    hits = []
    async with a_world(folder, name=f"{scenario}-{stage.name}") as world:
        for times, target in enumerate(targets, start=1):
            what = f"{target} killed at {scenario}/{stage.name}, seed {seed}"
            if await _with_one_kill(world, scenario, stage, target, times, chance, what):
                hits.append(target.name)
        await world.is_whole()
        await world.is_quiet()
        world.nothing_broke()
    return hits


async def _with_one_kill(
    world: World, scenario: Scenario, stage: Stage, target: Target, times: int, chance: random.Random, what: str
) -> int:
    """Run the scenario for the `times`-th time, and kill when it comes to the stage; how many were killed."""
    call_id = str(uuid.UUID(int=chance.getrandbits(128), version=4))
    killed: list[int] = []

    def blow() -> None:
        killed.append(target.kill(world.node, call_id))

    striking = asyncio.create_task(strike(world.switch, call_id, stage, blow, chance.choice(DELAYS)))
    await asyncio.sleep(0)  # it begins to watch
    await _ends_well(world, scenario, times, call_id, what)
    await striking
    return sum(killed)


async def _ends_well(world: World, scenario: Scenario, times: int, call_id: str | None = None, what: str = "") -> None:
    """Run the scenario for the `times`-th time; all records of all times must be there."""
    call, *_ = await scenario.run(world, call_id)
    assert call.cause == scenario.ends, what
    expected = Counter({leg: count * times for leg, count in scenario.expected.items()})
    cdrs = await world.cdrs(of=expected.total())
    assert causes(cdrs) == expected, what
    assert Counter(str(doc["call_id"]) for doc in cdrs) == Counter(world.switch.ended.keys()), what
    assert len((await world.messages(of=scenario.messages * times)).heard) == scenario.messages * times, what
