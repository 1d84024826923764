"""`allotments`: minutes by kind of number that an account may have in each cycle. Kazoo: cb_allotments.

    GET, POST allotments        {"outbound_tollfree_us": {"amount": 3600, "cycle": "monthly"}}, seconds
    GET allotments/consumed     what was used of each in its current cycle, and what is left

An account reads its own; only one above it changes them. They are a private part of the limits document.
"""

from __future__ import annotations

from typing import Any, Final

from mirliton.actors.allotments import FIELD, allotments_of, consumed
from mirliton.actors.store.documents import gregorian, stamp
from mirliton.actors.store.names import account_db
from mirliton.api.context import Answer, Context
from mirliton.api.documents import check_precondition, required_object
from mirliton.api.errors import InvalidData
from mirliton.api.resources.limits import LIMITS, must_be_reseller, reload_limits, stored_limits
from mirliton.api.routing import Route


async def _read(context: Context) -> Answer:
    stored = await stored_limits(context)
    return Answer({}) if stored is None else Answer(stored.get(FIELD, {}), revision=stored["_rev"])


async def _replace(context: Context) -> Answer:
    must_be_reseller(context)
    conformed = await context.conform("allotments", required_object(context))
    errors = list(conformed.errors)
    if not errors and len(allotments_of({FIELD: conformed.document})) != len(conformed.document):
        raise InvalidData.of("data", "invalid", "each must be named by letters, digits and _, with numbers in bounds")
    if errors:
        raise InvalidData(errors)
    services = context.services
    async with services.locks.hold(f"{context.account_id}/limits"):
        stored = await stored_limits(context)
        if stored is not None:
            check_precondition(context, stored)
        doc = stamp(
            {**(stored or {"_id": LIMITS}), FIELD: conformed.document},
            type="limits",
            account_id=context.account_id,
            now=services.now(),
            node=services.node.name,
        )
        revision = await context.store.put(account_db(context.account_id), doc)
    reload_limits(context, context.account_id)
    return Answer(conformed.document, revision=revision)


async def _consumed(context: Context) -> Answer:
    stored = await stored_limits(context)
    now = context.services.now()
    found: dict[str, Any] = {}
    for name, allotment in allotments_of(stored or {}).items():
        used = await consumed(context.store, context.account_id, allotment, now)
        found[name] = {
            "amount": allotment.amount,
            "consumed": used,
            "cycle": allotment.cycle,
            "remaining": max(0, allotment.amount - used),
            "since": gregorian(allotment.began(now)),
        }
    return Answer(found)


_ALLOTMENTS: Final = "accounts/{account_id}/allotments"

ROUTES: Final = (
    Route(_ALLOTMENTS, "allotments", {"GET": _read, "POST": _replace}, reserved={"POST": "above"}),
    Route(f"{_ALLOTMENTS}/consumed", "allotments", {"GET": _consumed}),
)
