"""`registrations`: where the account's phones are, as the switches tell it. Kazoo: cb_registrations."""

from __future__ import annotations

from typing import Any, Final

from mirliton.actors.kapi.registration import RegQuery, RegQueryResp
from mirliton.api.context import Answer, Context
from mirliton.api.errors import Unavailable
from mirliton.api.routing import Route
from mirliton.ecallmgr.registrations import REGISTRAR

_HIDDEN: Final = frozenset({"until"})
"""Not of interest to anybody but the registrar."""


async def _list(context: Context) -> Answer:
    realm = _realm(context)
    if realm is None:
        return Answer([])
    answer = await _ask(context, RegQuery(realm=realm))
    rows: Any = answer.fields or ()
    return Answer([_shown(row) for row in rows])


async def _count(context: Context) -> Answer:
    realm = _realm(context)
    if realm is None:
        return Answer({"count": 0})
    answer = await _ask(context, RegQuery(realm=realm, count_only=True))
    return Answer({"count": answer.count or 0})


async def _count_all(context: Context) -> Answer:
    answer = await _ask(context, RegQuery(count_only=True))
    return Answer({"count": answer.count or 0})


def _realm(context: Context) -> str | None:
    realm = (context.account or {}).get("realm")
    return realm.lower() if isinstance(realm, str) and realm else None


async def _ask(context: Context, query: RegQuery) -> RegQueryResp:
    answer = await context.services.call(REGISTRAR, query)
    if not isinstance(answer, RegQueryResp):
        raise Unavailable("the registrar does not answer", "service_unavailable")
    return answer


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key not in _HIDDEN}


ROUTES: Final = (
    Route("registrations/count", "registrations", {"GET": _count_all}, "master"),
    Route("accounts/{account_id}/registrations", "registrations", {"GET": _list}),
    Route("accounts/{account_id}/registrations/count", "registrations", {"GET": _count}),
)
