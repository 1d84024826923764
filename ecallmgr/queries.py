"""Questions to the channel table, as Kazoo asks them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from mirliton.actors.kapi.channels import (
    ChannelStatusReq,
    ChannelStatusResp,
    QueryAccountChannelsReq,
    QueryAccountChannelsResp,
    QueryAuthIdReq,
    QueryAuthIdResp,
    QueryChannelsReq,
    QueryChannelsResp,
    QueryUserChannelsReq,
    QueryUserChannelsResp,
)
from mirliton.ecallmgr.row import Row
from mirliton.ecallmgr.table import Table

QUESTIONS: Final = (ChannelStatusReq, QueryAuthIdReq, QueryUserChannelsReq, QueryAccountChannelsReq, QueryChannelsReq)


def answer(table: Table, request: Any) -> Any:
    """The answer to a question; None for what is none."""
    match request:
        case ChannelStatusReq(call_id):
            return _status(call_id, table.get(call_id))
        case QueryAuthIdReq(auth_id):
            return QueryAuthIdResp(_shown(row for row in table.up() if _var(row, "Authorizing-ID") == auth_id))
        case QueryUserChannelsReq():
            return QueryUserChannelsResp(_shown(row for row in table.up() if _is_users(row, request)))
        case QueryAccountChannelsReq(account_id):
            names = _names(request.username, request.usernames)
            rows = table.of_account(account_id)
            return QueryAccountChannelsResp(_shown(row for row in rows if not names or _username(row) in names))
        case QueryChannelsReq(call_id):
            found = table.up() if call_id is None else filter(None, [table.get(call_id)])
            return QueryChannelsResp({row.uuid: _chosen(row, request.fields) for row in found if not row.ended})
    return None


def together(request: Any, answers: Sequence[Any]) -> Any:
    """The answers of several switches' tables to a question as one."""
    rows = tuple(row for each in answers if not isinstance(each, ChannelStatusResp) for row in each.channels)
    match request:
        case ChannelStatusReq(call_id):
            return next(filter(is_final, answers), None) or _status(call_id, None)
        case QueryAuthIdReq():
            return QueryAuthIdResp(rows)
        case QueryUserChannelsReq():
            return QueryUserChannelsResp(rows)
        case QueryAccountChannelsReq():
            return QueryAccountChannelsResp(rows)
        case QueryChannelsReq():
            return QueryChannelsResp({uuid: row for each in answers for uuid, row in each.channels.items()})
    raise TypeError(f"{request!r} is no question for channels")


def is_final(answer: Any) -> bool:
    """Whether no other table has more to say: a leg is on one switch."""
    return isinstance(answer, ChannelStatusResp) and answer.status != "terminated"


def _status(call_id: str, row: Row | None) -> ChannelStatusResp:
    if row is None or row.ended:
        return ChannelStatusResp(call_id=call_id, status="terminated")
    leg = row.leg
    return ChannelStatusResp(
        call_id=call_id,
        status="active" if row.reachable else "tmpdown",
        custom_channel_vars=leg.custom_channel_vars,
        custom_application_vars=leg.custom_application_vars,
        from_tag=leg.from_tag,
        to_tag=leg.to_tag,
        other_leg_call_id=row.other_leg,
        realm=_var(row, "Realm") or None,
        username=_var(row, "Username") or None,
        switch_hostname=leg.switch_hostname,
        switch_nodename=row.switch,
        switch_url=leg.switch_url,
    )


def _is_users(row: Row, request: QueryUserChannelsReq) -> bool:
    if _var(row, "Authorizing-ID") in request.authorizing_ids:
        return True
    names = _names(request.username, request.usernames)
    return request.realm is not None and _var(row, "Realm") == request.realm.lower() and _username(row) in names


def _names(username: str | None, usernames: Iterable[str]) -> set[str]:
    return {name.lower() for name in (username, *usernames) if name}


def _username(row: Row) -> str:
    return _var(row, "Username").lower()


def _var(row: Row, name: str) -> str:
    return str(row.leg.custom_channel_vars.get(name) or "")


def _shown(rows: Iterable[Row]) -> tuple[dict[str, Any], ...]:
    return tuple(row.as_channel() for row in rows)


def _chosen(row: Row, fields: Any) -> dict[str, Any]:
    """All fields of a row, or those that were asked for."""
    channel = row.as_channel()
    if not isinstance(fields, tuple | list):
        return channel
    return {name: channel[name] for name in fields if isinstance(name, str) and name in channel}
