"""Temporal rules: the same days as dateutil's recurrences, the same minutes as its time zones."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from dateutil import rrule, tz
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mirliton.actors.store.documents import gregorian
from mirliton.whapps.callflow.errors import InvalidFlow
from mirliton.whapps.callflow.temporal import Rule

WDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "last": -1}
FREQUENCIES = {"daily": rrule.DAILY, "weekly": rrule.WEEKLY, "monthly": rrule.MONTHLY, "yearly": rrule.YEARLY}

_STARTS = st.dates(date(1999, 1, 1), date(2031, 12, 31))
_SOME_WDAYS = st.sets(st.sampled_from(WDAYS), min_size=1, max_size=4)


@st.composite
def rules(draw: st.DrawFn) -> dict[str, Any]:
    """A document whose rule has days at all."""
    start = draw(_STARTS)
    cycle = draw(st.sampled_from(sorted(FREQUENCIES)))
    at = gregorian(datetime(start.year, start.month, start.day, tzinfo=UTC).timestamp())
    doc: dict[str, Any] = {"cycle": cycle, "start_date": at, "interval": draw(st.integers(1, 5))}
    if cycle == "yearly":
        doc["month"] = draw(st.integers(1, 12))
    if cycle == "weekly":
        doc["wdays"] = sorted(draw(_SOME_WDAYS))
    if cycle in ("monthly", "yearly"):
        if draw(st.booleans()):
            doc["days"] = sorted(draw(st.sets(st.integers(1, 31), min_size=1, max_size=4)))
        else:
            doc["wdays"] = sorted(draw(_SOME_WDAYS))
            doc["ordinal"] = draw(st.sampled_from(["every", *ORDINALS]))
    return doc


def _days(doc: dict[str, Any], start: date, last: date) -> set[date]:
    """The days of the same recurrence, as dateutil has them."""
    wishes: dict[str, Any] = {}
    if "days" in doc:
        wishes["bymonthday"] = doc["days"]
    elif "wdays" in doc:
        nth = ORDINALS.get(doc.get("ordinal", "every"))
        wdays = [rrule.weekday(WDAYS.index(day)) for day in doc["wdays"]]
        wishes["byweekday"] = [day(nth) for day in wdays] if nth is not None else wdays
    if "month" in doc:
        wishes["bymonth"] = doc["month"]
    recurrence = rrule.rrule(
        FREQUENCIES[doc["cycle"]],
        dtstart=datetime(start.year, start.month, start.day),
        until=datetime(last.year, last.month, last.day),
        interval=doc["interval"],
        wkst=rrule.MO,
        **wishes,
    )
    return {moment.date() for moment in recurrence}


@settings(max_examples=300, deadline=None)
@given(rules(), st.integers(0, 3000))
def test_a_rule_is_on_the_days_of_its_recurrence(doc: dict[str, Any], ahead: int) -> None:
    rule = Rule.of(doc)
    first = rule.start + timedelta(days=ahead - 20)
    last = first + timedelta(days=400)
    wanted = {day for day in _days(doc, rule.start, last) if day >= first}
    found = {day for number in range(401) if rule.on(day := first + timedelta(days=number))}
    assert found == wanted


ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/St_Johns", "UTC")
CHANGES = [
    datetime(2026, 3, 29, 1, tzinfo=UTC),
    datetime(2026, 10, 25, 1, tzinfo=UTC),
    datetime(2026, 3, 8, 7, tzinfo=UTC),
    datetime(2026, 11, 1, 6, tzinfo=UTC),
    datetime(2026, 4, 4, 15, tzinfo=UTC),
    datetime(2026, 10, 3, 15, 30, tzinfo=UTC),
]
"""Moments at which clocks change somewhere in ZONES."""


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(ZONES),
    st.one_of(
        st.tuples(st.sampled_from(CHANGES), st.integers(-180, 180)).map(lambda at: at[0] + timedelta(minutes=at[1])),
        st.integers(0, 60 * 24 * 800).map(
            lambda minutes: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
        ),
    ),
    st.integers(0, 24 * 60),
    st.integers(0, 24 * 60),
)
@example("Europe/Berlin", datetime(2026, 3, 29, 1, 0, tzinfo=UTC), 180, 240)
@example("Europe/Berlin", datetime(2026, 10, 25, 0, 59, tzinfo=UTC), 120, 179)
def test_a_window_is_told_by_the_clock_on_the_wall(zone: str, at: datetime, opens: int, closes: int) -> None:
    rule = Rule.of({"cycle": "weekly", "wdays": ["sunday", "wensday"], "time_window_start": opens * 60,
                    "time_window_stop": closes * 60})  # fmt: skip
    wall = at.astimezone(tz.gettz(zone))
    minutes = wall.hour * 60 + wall.minute
    wanted = wall.weekday() in (6, 2) and opens <= minutes <= closes
    assert rule.holds(at.astimezone(ZoneInfo(zone))) is wanted


@pytest.mark.parametrize(
    ("clock", "holds"),
    [("08:59:59", False), ("09:00:00", True), ("16:59:59", True), ("17:00:00", True), ("17:00:01", False)],
)
def test_both_ends_of_a_window_are_within(clock: str, holds: bool) -> None:
    rule = Rule.of({"cycle": "daily", "time_window_start": 9 * 3600, "time_window_stop": 17 * 3600})
    assert rule.holds(datetime.fromisoformat(f"2026-05-04T{clock}")) is holds


@pytest.mark.parametrize(
    ("doc", "holds"),
    [
        ({"cycle": "daily"}, True),
        ({"cycle": "daily", "enabled": False}, False),
        ({"cycle": "date", "enabled": True}, True),
        ({"cycle": "date", "start_date": gregorian(datetime(2026, 5, 4, tzinfo=UTC).timestamp())}, True),
        ({"cycle": "date", "start_date": gregorian(datetime(2026, 5, 5, tzinfo=UTC).timestamp())}, False),
        ({"cycle": "daily", "start_date": gregorian(datetime(2026, 5, 5, tzinfo=UTC).timestamp())}, False),
        ({"cycle": "daily", "time_window_start": 79_200, "time_window_stop": 21_600}, False),
        ({"cycle": "weekly"}, False),
        ({"cycle": "monthly"}, False),
        ({"cycle": "yearly", "days": [4]}, False),
        ({"cycle": "yearly", "days": [4], "month": 5}, True),
        ({"cycle": "daily", "interval": "x", "time_window_start": None, "days": 5, "wdays": {"a": 1}}, True),
    ],
    ids=str,
)
def test_what_a_document_says_and_does_not_say(doc: dict[str, Any], holds: bool) -> None:
    assert Rule.of(doc).holds(datetime.fromisoformat("2026-05-04T12:00:00")) is holds


@pytest.mark.parametrize("doc", [{}, {"cycle": "hourly"}, {"cycle": ["daily"]}, {"cycle": "daily", "ordinal": "sixth"}])
def test_what_is_no_rule_is_refused(doc: dict[str, Any]) -> None:
    with pytest.raises(InvalidFlow):
        Rule.of(doc)
