"""Allotments: seconds of calls of one kind that an account may have in a minute, an hour, a day, a week or a month.

They are told by the account's limits document (`pvt_allotments`), by kind of number: the classifier's name, before
which `inbound_` or `outbound_` may stand. What a call used is one document of the month that it began in. Kazoo:
j5_allotments.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, cast, get_args

from mirliton.actors.store import DatabaseNotFound, Document, Month, Store
from mirliton.actors.store.documents import gregorian, stamp
from mirliton.actors.store.names import modb, month_id, months_between

Cycle = Literal["minutely", "hourly", "daily", "weekly", "monthly"]
CYCLES: Final = frozenset(get_args(Cycle))
TYPE: Final = "allotment_consumption"
VIEW: Final = "allotments/consumed"
FIELD: Final = "pvt_allotments"
CHANNEL_VAR: Final = "Account-Allotment"
"""The Custom-Channel-Var of a leg whose Account-Billing is `allotment`: which one."""
_NAME: Final = re.compile(r"\w+")
_LONGEST: Final = 10**9


@dataclass(frozen=True, slots=True)
class Allotment:
    """`amount` seconds in each cycle (UTC; a week begins on Monday)."""

    name: str
    amount: int
    cycle: Cycle
    increment: int = 1
    """A slice of seconds that is begun counts whole."""
    minimum: int = 0
    """The seconds that the shortest call counts for, and what must be left for one to begin."""
    no_consume_time: int = 0
    """A call that is no longer counts for nothing."""
    group_consume: tuple[str, ...] = ()
    """Other allotments: what was used of them counts as used of this one too."""

    def began(self, now: float) -> float:
        """When the cycle that holds this moment began (unix seconds)."""
        moment = datetime.fromtimestamp(now, UTC).replace(second=0, microsecond=0)
        if self.cycle != "minutely":
            moment = moment.replace(minute=0)
        if self.cycle in ("daily", "weekly", "monthly"):
            moment = moment.replace(hour=0)
        if self.cycle == "weekly":
            moment -= timedelta(days=moment.weekday())
        if self.cycle == "monthly":
            moment = moment.replace(day=1)
        return moment.timestamp()

    def consumes(self, seconds: float) -> int:
        """The seconds that a call of this length uses up."""
        if seconds <= 0 or seconds <= self.no_consume_time:
            return 0
        return max(self.minimum, -(-int(-(-seconds // 1)) // self.increment) * self.increment)


def allotments_of(document: Mapping[str, Any]) -> dict[str, Allotment]:
    """What a limits document allots. One that is malformed allots nothing."""
    found = document.get(FIELD)
    read = (_read(str(name), told) for name, told in found.items()) if isinstance(found, Mapping) else ()
    return {each.name: each for each in read if each is not None}


def allotment_for(allotments: Mapping[str, Allotment], direction: str, classification: str) -> Allotment | None:
    """The one that a leg in this direction, with a number of this kind at its other end, uses."""
    if not classification:
        return None
    return allotments.get(f"{direction}_{classification}") or allotments.get(classification)


async def consumed(store: Store, account_id: str, allotment: Allotment, now: float) -> int:
    """The seconds that are booked of it (and of those it counts in) in the cycle of this moment. Raises StoreError."""
    began = allotment.began(now)
    total = 0
    for month in months_between(Month.at(began), Month.at(now)):
        db = modb(account_id, month.year, month.month)
        for name in dict.fromkeys((allotment.name, *allotment.group_consume)):
            try:
                view = await store.view(db, VIEW, startkey=[name, gregorian(began)], endkey=[name, {}], reduce=True)
            except DatabaseNotFound:
                break
            total += sum(int(row.value) for row in view.rows)
    return total


def consumption(account_id: str, allotment: str, seconds: int, call_id: str, start: float, now: float) -> Document:
    """The document of what a leg used; the same leg makes the same id. `start`: unix seconds of when it began."""
    month = Month.at(start)
    doc = {
        "_id": month_id(month, f"{_digest(call_id)}-allotment"),
        "allotment": allotment,
        "call_id": call_id,
        "seconds": seconds,
        "timestamp": gregorian(start),
    }
    return stamp(doc, type=TYPE, account_id=account_id, db=modb(account_id, month.year, month.month), now=now)


def _read(name: str, told: Any) -> Allotment | None:
    if not isinstance(told, Mapping) or told.get("cycle") not in CYCLES or not _NAME.fullmatch(name):
        return None
    amount = _seconds(told.get("amount"))
    if amount is None:
        return None
    group = told.get("group_consume")
    return Allotment(
        name,
        amount,
        cast(Cycle, told["cycle"]),
        _seconds(told.get("increment")) or 1,
        _seconds(told.get("minimum")) or 0,
        _seconds(told.get("no_consume_time")) or 0,
        tuple(one for one in group if isinstance(one, str)) if isinstance(group, list) else (),
    )


def _seconds(value: Any) -> int | None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and 0 <= value <= _LONGEST else None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
