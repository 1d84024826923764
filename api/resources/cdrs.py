"""`cdrs`: the records of legs that have ended, the newest first. Kazoo: cb_cdrs.

A list covers a range of time, at most 31 days and by default the last ones: created_from, created_to in gregorian
seconds. With `Accept: text/csv` (or `accept=csv`) it comes as a table.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from typing import Any, Final

from mirliton.actors.store import DocumentNotFound, InvalidName, Month, Months, Row
from mirliton.actors.store.documents import gregorian, is_deleted, unix
from mirliton.actors.store.names import months_between
from mirliton.api.context import Answer, Context, Page, Raw, parameter
from mirliton.api.documents import shown
from mirliton.api.errors import BadIdentifier, InvalidData
from mirliton.api.filters import filters_of, gregorian_seconds
from mirliton.api.paging import Listing, page, wanted
from mirliton.api.routing import Route

MAXIMUM_RANGE: Final = 2_682_000
"""Seconds that a list may span (Kazoo: crossbar.cdrs maximum_range)."""

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
_RANGE: Final = frozenset({"created_from", "created_to"})
_NUMBER: Final = re.compile(r"[+-][0-9 ()./-]*")


async def _list(context: Context) -> Answer | Raw:
    first, last = _range(context)
    low, high = [gregorian(first)], [gregorian(last), {}]
    return await _answer(context, await _page(context, "cdrs/crossbar_listing", first, last, low, high))


async def _list_of_user(context: Context) -> Answer | Raw:
    owner = parameter(context, "user_id")
    first, last = _range(context)
    low, high = [owner, gregorian(first)], [owner, gregorian(last), {}]
    return await _answer(context, await _page(context, "cdrs/listing_by_owner", first, last, low, high))


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


def _range(context: Context) -> tuple[float, float]:
    """The moments between which records are asked for, in unix seconds. Raises InvalidData."""
    query = context.query
    now = gregorian(context.services.now())
    if "created_to" in query:
        last = gregorian_seconds("created_to", query["created_to"])
    elif "created_from" in query:
        last = min(gregorian_seconds("created_from", query["created_from"]) + MAXIMUM_RANGE, now)
    else:
        last = now
    first = (
        gregorian_seconds("created_from", query["created_from"]) if "created_from" in query else last - MAXIMUM_RANGE
    )
    if first > last:
        raise InvalidData.of("created_from", "date_range", "must not be later than created_to", value=first)
    if last - first > MAXIMUM_RANGE:
        message = f"created_from to created_to must span at most {MAXIMUM_RANGE} seconds"
        raise InvalidData.of("created_from", "date_range", message, target=MAXIMUM_RANGE, value=first)
    try:
        Month.at(unix(first)), Month.at(unix(last))
    except (ValueError, OverflowError, OSError):
        raise InvalidData.of("created_from", "date_range", "must be a moment of our time", value=first) from None
    return unix(first), unix(last)


async def _answer(context: Context, found: tuple[list[Row], Page]) -> Answer | Raw:
    rows, place = found
    if not _wants_csv(context):
        return Answer([row.value for row in rows], page=place)
    name = context.request.headers.get("X-File-Name") or context.query.get("file_name") or "cdrs.csv"
    return Raw(
        table([row.value for row in rows]), "text/csv; charset=utf-8", re.sub(r"[^A-Za-z0-9._-]", "_", name[:64])
    )


def _wants_csv(context: Context) -> bool:
    asked: str = context.query.get("accept") or context.request.headers.get("Accept") or ""
    return asked.strip().lower().partition(";")[0] in ("csv", "text/csv")


def table(rows: Sequence[dict[str, Any]]) -> bytes:
    """The rows as CSV (RFC 4180), with a line of headings."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([_cell(row.get(column)) for column in COLUMNS])
    return text.getvalue().encode()


def _cell(value: Any) -> str:
    """A value as a spreadsheet may read it: a name that a caller made up must not become a formula."""
    shown = "" if value is None else str(value)
    if shown[:1] in ("=", "@", "\t", "\r") or (shown[:1] in ("+", "-") and not _NUMBER.fullmatch(shown)):
        return f"'{shown}"
    return shown


ROUTES: Final = (
    Route("accounts/{account_id}/cdrs", "cdrs", {"GET": _list}),
    Route("accounts/{account_id}/cdrs/{cdr_id}", "cdrs", {"GET": _read}),
    Route("accounts/{account_id}/users/{user_id}/cdrs", "cdrs", {"GET": _list_of_user}, plain={"GET": "own"}),
)
