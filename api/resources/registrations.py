"""`registrations`: where the account's phones are, as switches and SIP proxies tell it. Kazoo: cb_registrations."""

from __future__ import annotations

from typing import Any, Final

from mirliton.actors.kapi.registration import RegFlush, RegQuery, RegQueryResp
from mirliton.api.context import Answer, Context
from mirliton.api.errors import Unavailable
from mirliton.api.routing import Route
from mirliton.ecallmgr.registration_rows import HIDDEN
from mirliton.ecallmgr.registrations import REGISTRAR, Flushed


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


async def _flush(context: Context) -> Answer:
    """Have switches and proxies forget the account's phones, or those of one username; they will register again."""
    realm = _realm(context)
    username = context.parameters.get("username")
    if realm is not None:
        answer = await context.services.call(REGISTRAR, RegFlush(realm, username and username.lower()))
        if not isinstance(answer, Flushed):
            raise Unavailable("the registrar does not answer", "service_unavailable")
    return Answer("ok")


def _realm(context: Context) -> str | None:
    realm = (context.account or {}).get("realm")
    return realm.lower() if isinstance(realm, str) and realm else None


async def _ask(context: Context, query: RegQuery) -> RegQueryResp:
    answer = await context.services.call(REGISTRAR, query)
    if not isinstance(answer, RegQueryResp):
        raise Unavailable("the registrar does not answer", "service_unavailable")
    return answer


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key not in HIDDEN}


ROUTES: Final = (
    Route("registrations/count", "registrations", {"GET": _count_all}, "master"),
    Route("accounts/{account_id}/registrations", "registrations", {"GET": _list, "DELETE": _flush}),
    Route("accounts/{account_id}/registrations/{username}", "registrations", {"DELETE": _flush}),
    Route("accounts/{account_id}/registrations/count", "registrations", {"GET": _count}),
)
