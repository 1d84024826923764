"""The same plan and seed strike at the same moments, with the same draws."""

from __future__ import annotations

import pytest

from mirliton.supervisors.chaos import Attack, Plan, Strike, repeated, schedule


def test_the_same_seed_gives_the_same_schedule() -> None:
    plan = Plan((Attack(rate=10.0), Attack(every=0.5), Attack(at=(3.0, 1.0))), duration=20.0)
    first, again, other = list(schedule(plan, 1)), list(schedule(plan, 1)), list(schedule(plan, 2))
    assert first == again
    assert first != other
    assert first == sorted(first)
    assert first[-1].at <= 20.0


def test_moments_come_at_their_rate() -> None:
    plan = Plan((Attack(rate=50.0),), duration=100.0)
    assert 4500 < len(list(schedule(plan, 1))) < 5500
    regular = [strike.at for strike in schedule(Plan((Attack(every=0.5),), duration=2.0), 1)]
    assert regular == [0.5, 1.0, 1.5, 2.0]
    told = [strike.at for strike in schedule(Plan((Attack(at=(3.0, 1.0, 9.0)),), duration=5.0), 1)]
    assert told == [1.0, 3.0]


def test_one_attack_draws_without_regard_to_the_others() -> None:
    alone = [strike.at for strike in schedule(Plan((Attack(rate=5.0),)), 3)]
    both = schedule(Plan((Attack(rate=5.0), Attack(rate=7.0))), 3)
    assert [strike.at for strike in both if strike.attack == 0] == alone


def test_hits_become_strikes_again() -> None:
    hits = [(0.5, 1, "b"), (0.25, 0, "a"), (0.5, 1, "c")]
    assert repeated(hits, 2) == [Strike(0.25, 0, 0, ("a",)), Strike(0.5, 1, 0, ("b", "c"))]
    with pytest.raises(ValueError, match="of another plan"):
        repeated(hits, 1)
