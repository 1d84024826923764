"""Hundreds of calls at once under a thousand kills that supervisors bear: no singleton more than five times in ten
seconds, and no supervisor that all calls share gives up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from scenarios import ANSWERED, BUSY, MENU, NO_ANSWER, RING_GROUP, VOICEMAIL
from targets import TARGETS
from under_fire import under_fire

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(300)]

KINDS = (ANSWERED, MENU, RING_GROUP, VOICEMAIL, ANSWERED, NO_ANSWER, MENU, BUSY)
"""Most of them last, so that they are all up together; a second of theirs is two real ones and a half."""


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_two_hundred_calls_under_a_thousand_kills(seed: int, tmp_path: Path, say: Callable[[str], None]) -> None:
    outcome = await under_fire(
        tmp_path,
        calls=260,
        kills=1000,
        seed=seed,
        placed_per_second=40,
        kills_per_second=45,
        kinds=KINDS,
        speed=0.4,
        patience=90.0,
    )
    say(f"seed {seed}: {outcome}")
    assert outcome.most_up >= 200
    assert outcome.killed.total() == 1000
    assert outcome.killed.keys() == {target.name for target in TARGETS}, "some kind was not killed"


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_many_short_calls_of_all_kinds_under_kills(seed: int, tmp_path: Path, say: Callable[[str], None]) -> None:
    outcome = await under_fire(
        tmp_path, calls=240, kills=1000, seed=seed, placed_per_second=10, kills_per_second=50, speed=4.0
    )
    say(f"seed {seed}: {outcome}")
    assert outcome.killed.total() >= 900


async def test_five_hundred_calls_of_all_kinds_under_twenty_kills_a_second(
    tmp_path: Path, say: Callable[[str], None]
) -> None:
    outcome = await under_fire(
        tmp_path, calls=500, kills=900, seed=5, placed_per_second=11, kills_per_second=20, speed=2.0, patience=90.0
    )
    say(str(outcome))
    assert outcome.killed.total() >= 800
