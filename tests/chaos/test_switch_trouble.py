"""Calls go on while the switch, or the way to it, is in trouble, and processes are killed all the same."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from under_fire import Trouble, under_fire
from world import World

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(180)]


def again_and_again(every: float, act: Callable[[World], object]) -> Trouble:
    """Do it every so many real seconds."""

    async def trouble(world: World) -> None:
        while True:
            await asyncio.sleep(every)
            act(world)

    return trouble


def for_a_while(every: float, seconds: float, begin: Callable[[World], object]) -> Trouble:
    """Begin it every so many real seconds, and end it after some; it is ended in any case."""

    async def trouble(world: World) -> None:
        try:
            while True:
                await asyncio.sleep(every)
                begin(world)
                await asyncio.sleep(seconds)
                await world.switch.faults.clear()
        finally:
            await world.switch.faults.clear()

    return trouble


def _shut_the_door(world: World) -> None:
    world.switch.faults.refuse_connections()
    world.switch.faults.drop("all")


TROUBLES: dict[str, Trouble] = {
    "both connections drop": again_and_again(0.7, lambda world: world.switch.faults.drop("all")),
    "the events' connection drops": again_and_again(0.7, lambda world: world.switch.faults.drop("events")),
    "the commands' connection drops": again_and_again(0.7, lambda world: world.switch.faults.drop("commands")),
    "the switch stalls": for_a_while(1.0, 1.0, lambda world: world.switch.faults.stall("all")),
    "nobody can connect": for_a_while(1.0, 1.0, _shut_the_door),
    "answers come late": again_and_again(1.0, lambda world: world.switch.faults.delay_answers(1.0, 2)),
    "answers come twice": again_and_again(1.5, lambda world: world.switch.faults.answer_twice()),
    "events are garbage": again_and_again(0.7, lambda world: world.switch.faults.send_garbage(which="events")),
    "frames are cut": again_and_again(0.7, lambda world: world.switch.faults.send_truncated("events")),
    "events are lost": again_and_again(0.5, lambda world: world.switch.faults.lose_events(1)),
}


@pytest.mark.parametrize("name", TROUBLES)
async def test_calls_survive_when(name: str, tmp_path: Path, say: Callable[[str], None]) -> None:
    outcome = await under_fire(
        tmp_path,
        calls=64,
        kills=60,
        seed=1,
        placed_per_second=10,
        kills_per_second=10,
        trouble=TROUBLES[name],
        speed=5.0,
        patience=90.0,
    )
    say(f"{name}: {outcome}")
