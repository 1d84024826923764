"""Temporal rules: on which days a rule holds, and from when to when. Kazoo: the rules of cf_temporal_route.

A rule is a calendar's recurrence. Days are those of the rule's time zone, and a window is told by the clock on the wall
there, so a rule that opens at nine does so on the days on which clocks change as well.

    rule = Rule.of({"cycle": "weekly", "wdays": ["monday", "friday"], "time_window_start": 32400, …})
    rule.holds(datetime.now(ZoneInfo("Europe/Paris")))
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, Literal, get_args

from mirliton.actors.store.documents import GREGORIAN_OFFSET
from mirliton.whapps.callflow.errors import InvalidFlow
from mirliton.whapps.callflow.fields import number

Cycle = Literal["date", "daily", "weekly", "monthly", "yearly"]
Ordinal = Literal["every", "first", "second", "third", "fourth", "fifth", "last"]
_CYCLES: Final[dict[str, Cycle]] = {cycle: cycle for cycle in get_args(Cycle)}
START: Final = 62586115200
"""The start of a rule that names none, in Kazoo's seconds (1983)."""
DAY: Final = 86_400
_ORDINALS: Final = {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5}
_WDAYS: Final = {
    "monday": 0,
    "tuesday": 1,
    "wednesday": 2,
    "wensday": 2,  # Kazoo's old spelling
    "thursday": 3,
    "friday": 4,
    "saturday": 5,
    "sunday": 6,
}


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `window` is in seconds of the day, both ends within; one that ends before it begins is never open, as
    in Kazoo. `enabled` forces the rule on or off, None leaves it to the calendar. Weekdays count from Monday, 0."""

    cycle: Cycle
    interval: int = 1
    start: date = date(1983, 4, 11)
    days: frozenset[int] = frozenset()
    wdays: frozenset[int] = frozenset()
    ordinal: Ordinal = "every"
    month: int | None = None
    window: tuple[int, int] = (0, DAY)
    enabled: bool | None = None

    @classmethod
    def of(cls, doc: Mapping[str, Any]) -> Rule:
        """What a document says. Raises InvalidFlow for one that is no rule."""
        cycle, ordinal = doc.get("cycle"), doc.get("ordinal", "every")
        if not isinstance(cycle, str) or cycle not in _CYCLES or ordinal not in get_args(Ordinal):
            raise InvalidFlow(f"temporal rule {doc.get('_id')}", f"its cycle is {cycle!r}, its ordinal {ordinal!r}")
        month = number(doc, "month", 0, 0, 12)
        enabled = doc.get("enabled")
        return cls(
            cycle=_CYCLES[cycle],
            interval=number(doc, "interval", 1, 1, 10_000),
            start=_day(number(doc, "start_date", START, GREGORIAN_OFFSET, GREGORIAN_OFFSET + 36_000 * DAY)),
            days=frozenset(day for day in _items(doc, "days") if type(day) is int),
            wdays=frozenset(_WDAYS[day] for day in _items(doc, "wdays") if isinstance(day, str) and day in _WDAYS),
            ordinal=ordinal,
            month=month or None,
            window=(
                number(doc, "time_window_start", 0, 0, DAY),
                number(doc, "time_window_stop", DAY, 0, DAY),
            ),
            enabled=enabled if isinstance(enabled, bool) else None,
        )

    def holds(self, at: datetime) -> bool:
        """Whether the rule holds at a moment of its time zone: forced, or on its days and within its window."""
        if self.enabled is not None:
            return self.enabled
        clock = at.hour * 3600 + at.minute * 60 + at.second
        return self.window[0] <= clock <= self.window[1] and self.on(at.date())

    def on(self, day: date) -> bool:
        """Whether the rule's days include this one."""
        if self.cycle == "date":
            return day == self.start
        if day < self.start:
            return False
        match self.cycle:
            case "daily":
                return (day - self.start).days % self.interval == 0
            case "weekly":
                weeks = (_monday(day) - _monday(self.start)).days // 7
                return weeks % self.interval == 0 and day.weekday() in self.wdays
            case "monthly":
                months = (day.year - self.start.year) * 12 + day.month - self.start.month
                return months % self.interval == 0 and self._in_month(day)
            case _:
                years = day.year - self.start.year
                return years % self.interval == 0 and day.month == self.month and self._in_month(day)

    def _in_month(self, day: date) -> bool:
        if self.days:
            return day.day in self.days
        if day.weekday() not in self.wdays:
            return False
        match self.ordinal:
            case "every":
                return True
            case "last":
                return (day + timedelta(days=7)).month != day.month
            case nth:
                return (day.day + 6) // 7 == _ORDINALS[nth]


def _items(doc: Mapping[str, Any], name: str) -> list[Any]:
    value = doc.get(name)
    return value if isinstance(value, list) else []


def _day(gregorian: int) -> date:
    """The day that Kazoo's seconds name; whoever wrote them meant the day, in no time zone."""
    return datetime.fromtimestamp(gregorian - GREGORIAN_OFFSET, UTC).date()


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())
