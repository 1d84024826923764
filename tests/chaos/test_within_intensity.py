"""Two hundred calls under a thousand kills that supervisors bear: no singleton more than five times in ten seconds."""

from __future__ import annotations

from pathlib import Path

import pytest

from targets import TARGETS
from under_fire import under_fire

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(300)]


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_two_hundred_calls_under_a_thousand_kills(seed: int, tmp_path: Path) -> None:
    killed = await under_fire(
        tmp_path, calls=200, kills=1000, seed=seed, placed_per_second=8, kills_per_second=40, speed=2.0
    )
    print(f"seed {seed}: {killed.total()} kills: {dict(killed)}")
    assert killed.total() == 1000
    assert killed.keys() == {target.name for target in TARGETS}, "some kind was not killed"
