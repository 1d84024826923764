"""`cdrs`: the records of legs that have ended, the newest first. Kazoo: cb_cdrs.

    GET cdrs                            the legs
    GET cdrs/interaction                the calls: of each the leg that it began with
    GET cdrs/legs/{interaction_id}      the legs of one call, or of the call that a record belongs to, in order
    GET cdrs/summary                    how many there were, and how long, by direction and by how they ended
    GET cdrs/{cdr_id}                   one record

A list covers a range of time, at most 31 days and by default the last ones: created_from, created_to in gregorian
seconds. With `Accept: text/csv` (or `accept=csv`) it comes as a table.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any, Final

from mirliton.actors.store import Document, DocumentNotFound, InvalidName, Month, Months, NotFound, Row
from mirliton.actors.store.collation import encode
from mirliton.actors.store.documents import gregorian, is_deleted, unix
from mirliton.actors.store.names import months_between
from mirliton.api.context import Answer, Context, Page, Raw, parameter
from mirliton.api.documents import shown
from mirliton.api.errors import BadIdentifier, RangeTooLarge
from mirliton.api.filters import filters_of
from mirliton.api.paging import MAX_PAGE, MAX_SCANNED, Listing, Wanted, page, start_key_of, wanted
from mirliton.api.routing import Route
from mirliton.api.tables import listed
from mirliton.api.time_range import time_range

COLUMNS: Final = (
    "id",
    "call_id",
    "caller_id_number",
    "caller_id_name",
    "callee_id_number",
    "callee_id_name",
    "duration_seconds",
    "billing_seconds",
    "timestamp",
    "hangup_cause",
    "other_leg_call_id",
    "owner_id",
    "to",
    "from",
    "direction",
    "request",
    "authorizing_id",
    "interaction_id",
)
MOST_LEGS: Final = 1000
MOST_SUMMARISED: Final = 100_000
"""Records that one summary goes through."""
_BEGAN: Final = re.compile(r"([0-9]{11})-")
_RANGE: Final = frozenset({"created_from", "created_to"})


async def _list(context: Context) -> Answer | Raw:
    first, last = time_range(context)
    low, high = [gregorian(first)], [gregorian(last), {}]
    return _answer(context, await _page(context, "cdrs/crossbar_listing", first, last, low, high))


async def _list_of_user(context: Context) -> Answer | Raw:
    owner = parameter(context, "user_id")
    first, last = time_range(context)
    low, high = [owner, gregorian(first)], [owner, gregorian(last), {}]
    return _answer(context, await _page(context, "cdrs/listing_by_owner", first, last, low, high))


async def _read(context: Context) -> Answer:
    id = parameter(context, "cdr_id")
    months = Months(context.store, context.account_id, clock=context.services.now)
    try:
        doc = await months.get(id)
    except (DocumentNotFound, InvalidName):
        raise BadIdentifier(id) from None
    if doc.get("pvt_type") != "cdr" or is_deleted(doc):
        raise BadIdentifier(id)
    return Answer(shown(doc), revision=doc["_rev"])


async def _page(
    context: Context, view: str, first: float, last: float, low: list[Any], high: list[Any]
) -> tuple[list[Row], Page]:
    asked = wanted(context.query, context.services.settings.page_size, newest_first=True)
    tests = filters_of(context.query.items(), skip=_RANGE)
    months = Months(context.store, context.account_id, clock=context.services.now)
    databases = [months.db(month) for month in months_between(Month.at(first), Month.at(last))]
    if asked.descending:
        databases.reverse()
    whole = bool(tests) and not context.plain
    return await page(
        context.store,
        Listing(databases, view, low, high),
        asked,
        keep=(lambda row: all(test((row.doc if whole else row.value) or {}) for test in tests)) if tests else None,
        include_docs=whole,
    )


async def _interactions(context: Context) -> Answer | Raw:
    """A page of calls. They are counted out by the index of their legs, which ends no page within a call."""
    first, last = time_range(context)
    asked = wanted(context.query, context.services.settings.page_size, newest_first=True)
    tests = filters_of(context.query.items(), skip=_RANGE)
    low, high = [gregorian(first)], [gregorian(last), {}]
    months = Months(context.store, context.account_id, clock=context.services.now)
    databases = [months.db(month) for month in months_between(Month.at(first), Month.at(last))]
    begin, end = (high, low) if asked.descending else (low, high)
    if asked.start is not None and isinstance(asked.start[0], list) and encode(low) <= encode(asked.start[0]):
        begin = [*asked.start[0], {}] if asked.descending else asked.start[0]
    found: list[dict[str, Any]] = []
    following: list[Any] | None = None
    looked_at = 0
    for db in reversed(databases) if asked.descending else databases:
        while following is None and (groups := await _groups(context, db, begin, end, asked)):
            for group in groups:
                if len(found) == asked.size or looked_at == MAX_SCANNED:
                    following = group
                    break
                looked_at += 1
                leg = await _first_leg(context, db, group)
                if leg is not None and all(test(leg) for test in tests):
                    found.append(leg)
            begin = [*groups[-1], {}] if not asked.descending else groups[-1]
            if len(groups) < asked.size + 1:
                break
    place = Page(len(found), asked.start_key, None if following is None else start_key_of(following))
    return listed(context, [_row(leg) for leg in found], place, "cdrs", COLUMNS)


async def _groups(context: Context, db: str, begin: Any, end: Any, asked: Wanted) -> list[list[Any]]:
    """Calls of a month, in order: time and key of each."""
    low, high = (end, begin) if asked.descending else (begin, end)
    if encode(low) > encode(high):
        return []
    try:
        view = await context.store.view(
            db,
            "interactions/interaction_listing",
            startkey=begin,
            endkey=end,
            descending=asked.descending,
            group_level=2,
            limit=asked.size + 1,
        )
    except NotFound:
        return []
    return [list(row.key) for row in view.rows]


async def _first_leg(context: Context, db: str, group: list[Any]) -> Document | None:
    rows = (
        await context.store.view(
            db,
            "interactions/interaction_listing",
            startkey=group,
            endkey=[*group, {}],
            reduce=False,
            limit=1,
            include_docs=True,
        )
    ).rows
    return rows[0].doc if rows else None


async def _legs(context: Context) -> Answer | Raw:
    given = parameter(context, "interaction_id")
    months = Months(context.store, context.account_id, clock=context.services.now)
    try:
        record = await months.get(given)
        given = str(record.get("interaction_id", given)) if record.get("pvt_type") == "cdr" else given
    except (NotFound, InvalidName):
        pass  # it is the id of a call, not of a record
    began = _BEGAN.match(given)
    # A call's id begins with its time; its legs lie in that month and perhaps, if it went on for so long, in the next.
    try:
        first = Month.at(unix(int(began[1]))) if began else Month.at(context.services.now()).previous
    except (ValueError, OverflowError, OSError):
        raise BadIdentifier(given) from None
    view = "cdrs/legs_by_interaction"
    rows = await months.view(
        view, first, first.next, startkey=[given], endkey=[given, {}], include_docs=True, limit=MOST_LEGS
    )
    if not rows:
        raise BadIdentifier(given)
    return listed(context, [_row(row.doc or {}) for row in rows], Page(len(rows), None, None), "cdrs", COLUMNS)


async def _summary(context: Context) -> Answer:
    first, last = time_range(context)
    months = Months(context.store, context.account_id, clock=context.services.now)
    total = _Sum()
    directions: dict[str, _Sum] = {}
    causes: dict[str, _Sum] = {}
    for month in months_between(Month.at(first), Month.at(last)):
        source = Listing((months.db(month),), "cdrs/crossbar_listing", [gregorian(first)], [gregorian(last), {}])
        asked = Wanted(MAX_PAGE, False, False, None, None)
        while True:
            rows, place = await page(context.store, source, asked)
            for row in rows:
                total.count(row.value)
                directions.setdefault(str(row.value.get("direction") or "unknown"), _Sum()).count(row.value)
                causes.setdefault(str(row.value.get("hangup_cause") or "unknown"), _Sum()).count(row.value)
            if place.next_start_key is None:
                break
            if total.calls > MOST_SUMMARISED:
                raise RangeTooLarge(MOST_SUMMARISED)
            asked = wanted({"start_key": place.next_start_key}, MAX_PAGE)
    return Answer(
        {
            **asdict(total),
            "direction": {name: asdict(sum) for name, sum in sorted(directions.items())},
            "hangup_cause": {name: asdict(sum) for name, sum in sorted(causes.items())},
        }
    )


@dataclass(slots=True)
class _Sum:
    """What some records come to."""

    calls: int = 0
    duration_seconds: int = 0
    billing_seconds: int = 0

    def count(self, record: dict[str, Any]) -> None:
        self.calls += 1
        self.duration_seconds += _seconds(record.get("duration_seconds"))
        self.billing_seconds += _seconds(record.get("billing_seconds"))


def _seconds(value: Any) -> int:
    """A Kazoo keeps them as numbers or as text."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:12])
    return value if type(value) is int else 0


def _row(doc: Document) -> dict[str, Any]:
    """A record as lists show it."""
    known = {column: doc.get(column) for column in COLUMNS if doc.get(column) is not None}
    channel_vars = doc.get("custom_channel_vars")
    own = channel_vars if isinstance(channel_vars, dict) else {}
    more = {
        "id": doc.get("_id"),
        "direction": doc.get("call_direction"),
        "to": doc.get("to_uri") or doc.get("to"),
        "from": doc.get("from_uri") or doc.get("from"),
        "owner_id": own.get("owner_id"),
        "authorizing_id": own.get("authorizing_id"),
    }
    return {**known, **{name: value for name, value in more.items() if value is not None}}


def _answer(context: Context, found: tuple[list[Row], Page]) -> Answer | Raw:
    rows, place = found
    return listed(context, [row.value for row in rows], place, "cdrs", COLUMNS)


ROUTES: Final = (
    Route("accounts/{account_id}/cdrs", "cdrs", {"GET": _list}),
    Route("accounts/{account_id}/cdrs/interaction", "cdrs", {"GET": _interactions}),
    Route("accounts/{account_id}/cdrs/summary", "cdrs", {"GET": _summary}),
    Route("accounts/{account_id}/cdrs/legs/{interaction_id}", "cdrs", {"GET": _legs}),
    Route("accounts/{account_id}/cdrs/{cdr_id}", "cdrs", {"GET": _read}),
    Route("accounts/{account_id}/users/{user_id}/cdrs", "cdrs", {"GET": _list_of_user}, plain={"GET": "own"}),
)
