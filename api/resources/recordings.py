"""`recordings`: what was recorded of calls, the newest first. Kazoo: cb_recordings.

    GET recordings                      a list, over a range of time as with cdrs; also /users/{user_id}/recordings
    GET recordings/{recording_id}       one; with `Accept: audio/mpeg` (or another kind of sound) its sound, also in
                                        part (Range)
    DELETE recordings/{recording_id}    hides it

A recording is listed from its beginning on; it has its sound when the switch has delivered it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from mirliton.actors.store import Document, DocumentNotFound, InvalidName, Month, Months
from mirliton.actors.store.documents import gregorian, is_deleted, soft_deleted
from mirliton.actors.store.names import months_between
from mirliton.api.context import Answer, Context, Raw, parameter
from mirliton.api.documents import check_precondition, shown
from mirliton.api.errors import BadIdentifier
from mirliton.api.filters import filters_of
from mirliton.api.paging import Listing, page, wanted
from mirliton.api.raw_files import raw_file
from mirliton.api.routing import Route
from mirliton.api.tables import listed
from mirliton.api.time_range import time_range

_RANGE: Final = frozenset({"created_from", "created_to"})


async def _list(context: Context) -> Answer | Raw:
    return await _listed(context, None)


async def _list_of_user(context: Context) -> Answer | Raw:
    return await _listed(context, parameter(context, "user_id"))


async def _listed(context: Context, owner: str | None) -> Answer | Raw:
    first, last = time_range(context)
    asked = wanted(context.query, context.services.settings.page_size, newest_first=True)
    tests: list[Callable[[dict[str, Any]], bool]] = list(filters_of(context.query.items(), skip=_RANGE))
    if owner is not None:
        tests.append(lambda value: value.get("owner_id") == owner)
    months = _months(context)
    databases = [months.db(month) for month in months_between(Month.at(first), Month.at(last))]
    if asked.descending:
        databases.reverse()
    low, high = [gregorian(first)], [gregorian(last), {}]
    rows, place = await page(
        context.store,
        Listing(databases, "recordings/crossbar_listing", low, high),
        asked,
        keep=(lambda row: all(test(row.value or {}) for test in tests)) if tests else None,
    )
    return listed(context, [row.value for row in rows], place, "recordings")


async def _read(context: Context) -> Answer | Raw:
    doc = await _load(context)
    if _wants_sound(context):
        name = min(doc.get("_attachments") or {}, default=None)
        if name is None:
            raise BadIdentifier("the recording has no sound yet")
        return await raw_file(context, _months(context).db_of(doc["_id"]), doc["_id"], name)
    return Answer(shown(doc), revision=doc["_rev"])


async def _delete(context: Context) -> Answer:
    doc = await _load(context)
    check_precondition(context, doc)
    gone = soft_deleted(doc, now=context.services.now())
    gone["_rev"] = await context.store.put(_months(context).db_of(doc["_id"]), gone)
    return Answer(shown(gone), revision=gone["_rev"])


async def _load(context: Context) -> Document:
    id = parameter(context, "recording_id")
    try:
        doc = await _months(context).get(id)
    except (DocumentNotFound, InvalidName):
        raise BadIdentifier(id) from None
    if doc.get("pvt_type") != "call_recording" or is_deleted(doc):
        raise BadIdentifier(id)
    return doc


def _months(context: Context) -> Months:
    return Months(context.store, context.account_id, clock=context.services.now)


def _wants_sound(context: Context) -> bool:
    accepted = context.query.get("accept") or context.request.headers.get("Accept") or ""
    return any(kind.strip().startswith("audio/") for kind in accepted.split(","))


ROUTES: Final = (
    Route("accounts/{account_id}/recordings", "recordings", {"GET": _list}),
    Route("accounts/{account_id}/recordings/{recording_id}", "recordings", {"GET": _read, "DELETE": _delete}),
    Route(
        "accounts/{account_id}/users/{user_id}/recordings", "recordings", {"GET": _list_of_user}, plain={"GET": "own"}
    ),
)
