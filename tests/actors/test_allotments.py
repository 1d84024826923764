"""Allotments: when a cycle begins, what a call uses up, and what a document that is malformed allots."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from dateutil.relativedelta import MO, relativedelta
from hypothesis import given
from hypothesis import strategies as st

from mirliton.actors.allotments import (
    CYCLES,
    FIELD,
    Allotment,
    allotment_for,
    allotments_of,
    consumed,
    consumption,
)
from mirliton.actors.store import Month, SqliteStore
from mirliton.actors.store.names import modb

ACCOUNT = "ab" * 16
NOON = datetime(2026, 11, 25, 12, 34, 56, tzinfo=UTC).timestamp()  # a Wednesday
START_OF: dict[str, relativedelta] = {
    "minutely": relativedelta(second=0, microsecond=0),
    "hourly": relativedelta(minute=0, second=0, microsecond=0),
    "daily": relativedelta(hour=0, minute=0, second=0, microsecond=0),
    "weekly": relativedelta(weekday=MO(-1), hour=0, minute=0, second=0, microsecond=0),
    "monthly": relativedelta(day=1, hour=0, minute=0, second=0, microsecond=0),
}


@given(st.sampled_from(sorted(CYCLES)), st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)))
def test_a_cycle_begins_where_the_calendar_says(cycle: Any, when: datetime) -> None:
    moment = when.replace(tzinfo=UTC)
    expected = moment + START_OF[cycle]
    assert Allotment("toll", 60, cycle).began(moment.timestamp()) == pytest.approx(expected.timestamp(), abs=1e-3)


@pytest.mark.parametrize(
    ("seconds", "used"), [(0, 0), (5, 0), (5.5, 30), (29, 30), (30, 30), (30.2, 36), (36, 36), (37, 42)]
)
def test_a_call_uses_its_minimum_and_each_slice_that_is_begun(seconds: float, used: int) -> None:
    assert Allotment("toll", 60, "daily", increment=6, minimum=30, no_consume_time=5).consumes(seconds) == used


@given(st.floats(0, 10_000), st.integers(1, 120), st.integers(0, 120), st.integers(0, 60))
def test_no_call_uses_less_than_it_lasted_nor_a_slice_more(
    seconds: float, increment: int, minimum: int, free: int
) -> None:
    used = Allotment("toll", 60, "daily", increment, minimum, free).consumes(seconds)
    if seconds <= free or seconds == 0:
        assert used == 0
    else:
        assert max(seconds, minimum) <= used < max(seconds + 1 + increment, minimum + 1)


@pytest.mark.parametrize(
    "told",
    [
        None,
        [],
        {"toll": 3},
        {"toll": {"amount": 60}},
        {"toll": {"amount": 60, "cycle": "yearly"}},
        {"toll": {"amount": True, "cycle": "daily"}},
        {"toll": {"amount": -1, "cycle": "daily"}},
        {"toll": {"amount": 10**12, "cycle": "daily"}},
        {"to ll": {"amount": 60, "cycle": "daily"}},
    ],
)
def test_what_is_malformed_allots_nothing(told: Any) -> None:
    assert allotments_of({FIELD: told}) == {}


def test_one_for_the_direction_comes_before_one_for_both() -> None:
    found = allotments_of(
        {FIELD: {"toll": {"amount": 1, "cycle": "daily"}, "outbound_toll": {"amount": 2, "cycle": "daily"}}}
    )
    assert allotment_for(found, "outbound", "toll") == found["outbound_toll"]
    assert allotment_for(found, "inbound", "toll") == found["toll"]
    assert allotment_for(found, "inbound", "other") is None
    assert allotment_for(found, "inbound", "") is None


async def test_what_was_used_in_this_cycle_counts_once_with_what_it_counts_in(tmp_path) -> None:
    week = Allotment("toll", 100, "weekly", group_consume=("emergency",))
    store = SqliteStore(tmp_path / "store.db")
    await store.open()
    assert await consumed(store, ACCOUNT, week, NOON) == 0
    day = 86400.0
    month = Month.at(NOON)
    await store.create_database(modb(ACCOUNT, month.year, month.month))
    for name, seconds, call_id, start in (
        ("toll", 30, "a", NOON - day),
        ("emergency", 7, "b", NOON),
        ("other", 500, "c", NOON),
        ("toll", 1000, "before this week", NOON - 3 * day),
    ):
        doc = consumption(ACCOUNT, name, seconds, call_id, start, NOON)
        await store.put(modb(ACCOUNT, month.year, month.month), doc)
    assert await consumed(store, ACCOUNT, week, NOON) == 37
    again = consumption(ACCOUNT, "toll", 30, "a", NOON - day, NOON + 5)
    assert again["_id"] == consumption(ACCOUNT, "toll", 30, "a", NOON - day, NOON)["_id"]
    await store.close()
