"""`cdrs`: the records of legs that have ended, the newest first. Kazoo: cb_cdrs.

A list covers a range of time, at most 31 days and by default the last ones: created_from, created_to in gregorian
seconds. With `Accept: text/csv` (or `accept=csv`) it comes as a table.
"""

from __future__ import annotations

from typing import Any, Final

from mirliton.actors.store import DocumentNotFound, InvalidName, Month, Months, Row
from mirliton.actors.store.documents import gregorian, is_deleted
from mirliton.actors.store.names import months_between
from mirliton.api.context import Answer, Context, Page, Raw, parameter
from mirliton.api.documents import shown
from mirliton.api.errors import BadIdentifier
from mirliton.api.filters import filters_of
from mirliton.api.paging import Listing, page, wanted
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


def _answer(context: Context, found: tuple[list[Row], Page]) -> Answer | Raw:
    rows, place = found
    return listed(context, [row.value for row in rows], place, "cdrs", COLUMNS)


ROUTES: Final = (
    Route("accounts/{account_id}/cdrs", "cdrs", {"GET": _list}),
    Route("accounts/{account_id}/cdrs/{cdr_id}", "cdrs", {"GET": _read}),
    Route("accounts/{account_id}/users/{user_id}/cdrs", "cdrs", {"GET": _list_of_user}, plain={"GET": "own"}),
)
