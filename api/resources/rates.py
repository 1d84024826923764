"""`rates`: what calls cost, by the beginning of the number. Kazoo: cb_rates, the database `ratedeck`.

rates/ratedecks          the rate decks there are
rates/number/{number}    the rates that a number falls under, the longest prefix first
"""

from __future__ import annotations

import re
from typing import Final

from mirliton.actors.store import NotFound
from mirliton.api.context import Answer, Context, parameter
from mirliton.api.documents import Documents, shown
from mirliton.api.errors import BadIdentifier
from mirliton.api.resource import Resource
from mirliton.api.routing import Route

RATEDECK: Final = "ratedeck"
_NUMBER: Final = re.compile(r"\+?([0-9]{1,20})")

RATES: Final = Resource("rates", id_name="rate_id", type="rate", database=RATEDECK)


async def _decks(context: Context) -> Answer:
    return Answer(await context.store.databases(RATEDECK))


async def _of_number(context: Context) -> Answer:
    number = parameter(context, "phone_number")
    found = _NUMBER.fullmatch(number)
    if found is None:
        raise BadIdentifier(number)
    digits = found[1]
    prefixes = [int(digits[:length]) for length in range(len(digits), 0, -1) if digits[0] != "0"]
    try:
        view = await context.store.view(RATEDECK, "rates/lookup", keys=prefixes, include_docs=True)
    except NotFound:
        return Answer([])
    return Answer([shown(row.doc) for row in view.rows if row.doc is not None])


ROUTES: Final = (
    *Documents(RATES).routes(),
    Route("rates/ratedecks", "rates", {"GET": _decks}, "master"),
    Route("rates/number/{phone_number}", "rates", {"GET": _of_number}, "master"),
)
