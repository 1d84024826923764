"""Lists of login attempts, for `security/attempts` and `multi_factor/attempts`: the newest first, 31 days at most."""

from __future__ import annotations

from typing import Final

from mirliton.actors.store import DocumentNotFound, InvalidName, Month, Months
from mirliton.actors.store.documents import gregorian, is_deleted
from mirliton.actors.store.names import months_between
from mirliton.api.attempts import TYPE
from mirliton.api.context import Answer, Context, Raw, parameter
from mirliton.api.documents import shown
from mirliton.api.errors import BadIdentifier
from mirliton.api.filters import filters_of
from mirliton.api.paging import Listing, page, wanted
from mirliton.api.tables import listed
from mirliton.api.time_range import time_range

_RANGE: Final = frozenset({"created_from", "created_to"})


async def attempts(context: Context, kind: str | None = None) -> Answer | Raw:
    """Those of the account in the URL; of one kind of authentication where that is given."""
    first, last = time_range(context)
    asked = wanted(context.query, context.services.settings.page_size, newest_first=True)
    tests = filters_of(context.query.items(), skip=_RANGE)
    months = Months(context.store, context.account_id, clock=context.services.now)
    databases = [months.db(month) for month in months_between(Month.at(first), Month.at(last))]
    if asked.descending:
        databases.reverse()
    view = "auth/login_attempt_by_time" if kind is None else "auth/login_attempt_by_auth_type"
    of = [] if kind is None else [kind]
    source = Listing(databases, view, [*of, gregorian(first)], [*of, gregorian(last), {}])
    keep = (lambda row: all(test(row.value) for test in tests)) if tests else None
    rows, place = await page(context.store, source, asked, keep=keep)
    return listed(context, [row.value for row in rows], place, "attempts")


async def attempt(context: Context, kind: str | None = None) -> Answer:
    """The one in the URL. Raises BadIdentifier, StoreError."""
    id = parameter(context, "attempt_id")
    try:
        doc = await Months(context.store, context.account_id, clock=context.services.now).get(id)
    except (DocumentNotFound, InvalidName):
        raise BadIdentifier(id) from None
    if doc.get("pvt_type") != TYPE or is_deleted(doc) or kind not in (None, doc.get("auth_type")):
        raise BadIdentifier(id)
    return Answer(shown(doc), revision=doc["_rev"])
