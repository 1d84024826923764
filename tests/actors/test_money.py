"""Units and the cost of calls."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirliton.actors.money import MOST, UNITS, NoAmount, Rate, cost, currency, rate_of_vars, units


@pytest.mark.parametrize(
    ("amount", "expected"), [(1, 10_000), (0.02, 200), ("0.00005", 1), (0.00004, 0), (-1.5, -15_000), (1e-9, 0)]
)
def test_an_amount_of_the_currency_is_whole_units(amount: Any, expected: int) -> None:
    assert units(amount) == expected


@pytest.mark.parametrize("amount", [True, None, "much", float("nan"), float("inf"), "1e99", "9e999999", MOST, [1], {}])
def test_what_is_no_amount_is_refused(amount: Any) -> None:
    with pytest.raises(NoAmount):
        units(amount)


def test_a_number_that_is_too_long_to_be_told_is_refused() -> None:
    with pytest.raises(NoAmount, match="so many digits"):
        units(10**5000)


@given(st.integers(-(10**11), 10**11))
def test_units_and_currency_turn_into_each_other(amount: int) -> None:
    assert units(currency(amount)) == amount


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, 0), (-1, 0), (1, 100), (30, 100), (30.5, 120), (36, 120), (36.001, 140), (60, 200), (3600, 12_000)],
)
def test_the_minimum_and_then_each_increment_that_is_begun_are_charged(seconds: float, expected: int) -> None:
    assert cost(Rate(per_minute=0.02 * UNITS, increment=6, minimum=30), seconds) == expected


def test_a_surcharge_comes_once_and_a_short_call_may_be_free() -> None:
    rate = Rate(per_minute=200, increment=60, minimum=60, surcharge=50, nocharge_time=5)
    assert [cost(rate, seconds) for seconds in (5, 6, 60, 61)] == [0, 250, 250, 450]


RATES = st.builds(
    Rate,
    per_minute=st.floats(0, 1e6, allow_nan=False),
    increment=st.integers(1, 600),
    minimum=st.integers(0, 600),
    surcharge=st.integers(0, 100_000),
    nocharge_time=st.integers(0, 100),
)


@given(RATES, st.floats(0.001, 100_000), st.floats(0, 100_000))
def test_a_longer_call_never_costs_less_and_nobody_pays_for_more_than_a_slice_too_much(
    rate: Rate, seconds: float, more: float
) -> None:
    assert cost(rate, seconds) <= cost(rate, seconds + more)
    if seconds > rate.nocharge_time:
        longest = max(Fraction(seconds) + rate.increment, Fraction(rate.minimum))
        assert cost(rate, seconds) <= rate.surcharge + Fraction(rate.per_minute) * longest / 60 + 1
        assert cost(rate, seconds) >= rate.surcharge + Fraction(rate.per_minute) * Fraction(seconds) / 60


def test_a_rate_is_read_from_a_leg_as_kazoo_notes_it() -> None:
    noted = {"Rate": "0.02", "Rate-Increment": "6", "Rate-Minimum": "30", "Surcharge": "0.005", "Rate-Name": "US"}
    assert rate_of_vars(noted) == Rate(200.0, 6, 30, 50, 0, "US")
    assert rate_of_vars({}) is None


@pytest.mark.parametrize(
    "noted",
    [
        *({"Rate": text} for text in ("x", "NaN", "Infinity", "9e999999", "-1")),
        {"Rate": "1", "Rate-Increment": "y"},
        {"Rate": "1", "Rate-Minimum": None},
        {"Rate": "1", "Rate-Minimum": "9" * 30},
        {"Rate": "1", "Surcharge": []},
        {"Rate": "1", "Surcharge": "-1"},
    ],
)
def test_a_malformed_rate_is_none(noted: dict[str, Any]) -> None:
    assert rate_of_vars(noted) is None
