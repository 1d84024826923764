"""Counters under fire: whatever dies, stops or is cut off, nothing is lost, nothing doubled, and nobody sees two."""

from __future__ import annotations

import pytest

from entity_history import Done, judge, try_out
from entity_house import a_house
from mirliton.runtime import Name
from mirliton.supervisors.entities import Options

NODES = ["a@host", "b@host", "c@host"]
X = Name("counter", "x")


@pytest.mark.parametrize("seed", range(3))
async def test_no_effect_is_lost_or_doubled_and_all_see_one_order(seed: int) -> None:
    # A message that is under way when many owners in a row are lost is not at fault: here nothing is set aside.
    async with a_house(*NODES, seed=seed, options=Options(most_deaths=1000)) as house:
        clients = await try_out(house, NODES, seed, operations=300, seconds=60.0, every=2.0)
        assert clients.attempts > len(clients.history), "there was no trouble"


@pytest.mark.chaos
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(100, 110))
async def test_ten_thousand_operations_under_fire(seed: int) -> None:
    async with a_house(*NODES, seed=seed, options=Options(most_deaths=1000)) as house:
        clients = await try_out(house, NODES, seed, operations=10_000, seconds=600.0, every=2.0)
        assert len(clients.history) + sum(clients.casts.values()) == 10_000


def test_the_judge_finds_what_is_lost_doubled_or_out_of_order() -> None:
    fine = [Done(X, 1, 0, 1, 1), Done(X, 1, 2, 3, 2), Done(X, 0, 2, 4, 1)]
    judge(fine, {X: 2})
    for bad, stored in [
        (fine, 3),  # done twice, unseen
        ([Done(X, 1, 0, 1, 1), Done(X, 1, 2, 3, 1)], 1),  # lost
        ([Done(X, 1, 0, 1, 1), Done(X, 1, 2, 3, 3)], 2),  # doubled
        ([Done(X, 1, 0, 1, 2), Done(X, 1, 2, 3, 1)], 2),  # overtaken
        ([Done(X, 1, 0, 1, 1), Done(X, 0, 2, 3, 0)], 1),  # a stale read
        ([Done(X, 1, 2, 3, 1), Done(X, 0, 0, 1, 1)], 1),  # a read of what was not yet
        ([Done(X, 1, 0, 9, 1), Done(X, 0, 1, 2, 1), Done(X, 0, 3, 4, 0)], 1),  # seen, and gone again
        ([Done(X, 1, 0, 1, 1), Done(X, 1, 2, 9, 3), Done(X, 0, 3, 4, 2), Done(X, 1, 5, 6, 2)], 3),  # seen too early
    ]:
        with pytest.raises(AssertionError):
            judge(bad, {X: stored})
