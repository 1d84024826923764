"""The short form of the chaos runs, with fixed seeds, for every `make test`."""

from __future__ import annotations

from pathlib import Path

import pytest

from under_fire import under_fire


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_twenty_calls_under_sixty_kills(seed: int, tmp_path: Path) -> None:
    outcome = await under_fire(tmp_path, calls=20, kills=60, seed=seed, placed_per_second=20, kills_per_second=50)
    assert outcome.killed.total() >= 40, "the calls ended before there was much to bear"
