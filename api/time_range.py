"""Which span of time a list covers: `created_from` and `created_to` of the query, in gregorian seconds."""

from __future__ import annotations

from typing import Final

from mirliton.actors.store import Month
from mirliton.actors.store.documents import gregorian, unix
from mirliton.api.context import Context
from mirliton.api.errors import InvalidData
from mirliton.api.filters import gregorian_seconds

MAXIMUM_RANGE: Final = 2_682_000
"""Seconds that a list may span (Kazoo: crossbar.cdrs maximum_range)."""


def time_range(context: Context) -> tuple[float, float]:
    """The moments between which what is listed was made, in unix seconds; by default the last 31 days.

    Raises InvalidData.
    """
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
