"""Which callflow a call takes: whose call it is, then exact number, then pattern, then `no_match`. Kazoo: cf_route_req.

A call belongs to an account because it comes from one of the account's phones (the realm of its From, the phone by its
SIP username), or because it goes to a number that is assigned to the account.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any, Final

from mirliton.actors.kapi.route import RouteReq
from mirliton.actors.store import DatabaseNotFound, Document, DocumentNotFound, Row, Store
from mirliton.actors.store.documents import is_deleted
from mirliton.actors.store.names import account_db
from mirliton.whapps.callflow import patterns

ACCOUNTS: Final = "accounts"
NO_MATCH: Final = "no_match"
_NUMBER: Final = re.compile(r"[0-9A-Za-z*#+._-]{1,128}")
_DIGITS: Final = re.compile(r"\+?[0-9]+")


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose call it is, and from which of the account's phones, if from one."""

    account_id: str
    realm: str
    device: Document | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """The callflow that takes the call, and what is noted on its channel."""

    flow_id: str
    custom_channel_vars: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Nobody takes the call: SIP status and text."""

    code: int
    text: str


async def decide(store: Store, request: RouteReq) -> Decision | Refusal:
    """Where the call goes. Raises StoreError when that cannot be known now."""
    number = (request.destination_number or "").strip()
    if not _NUMBER.fullmatch(number):
        return Refusal(404, "not a number")
    caller = await _caller(store, request, number)
    if caller is None:
        return Refusal(404, "unknown account")
    account = await _document(store, account_db(caller.account_id), caller.account_id)
    if account is None or is_deleted(account) or account.get("enabled") is False:
        return Refusal(403, "account disabled")
    found = await found_flow(store, caller.account_id, number, no_match=caller.device is not None)
    if found is None:
        return Refusal(404, "no callflow")
    flow_id, captured = found
    return Decision(flow_id, _channel_vars(request, caller, flow_id, captured))


async def found_flow(store: Store, account_id: str, number: str, *, no_match: bool) -> tuple[str, str] | None:
    """The id of the account's callflow for a number, and what its pattern captured; None where there is none.
    `no_match`: the one that takes all other numbers may take it."""
    if not _NUMBER.fullmatch(number):
        return None
    flow = await find_flow(store, account_id, number)
    captured = ""
    if flow is None:
        flow, captured = await _by_pattern(store, account_id, number)
    if flow is None and no_match and _DIGITS.fullmatch(number):
        flow = await find_flow(store, account_id, NO_MATCH)
    return None if flow is None else (str(flow["_id"]), captured)


async def find_flow(store: Store, account_id: str, number: str) -> Document | None:
    """The account's callflow of exactly this number."""
    return await _first(store, account_id, "callflows/listing_by_number", number)


async def _caller(store: Store, request: RouteReq, number: str) -> Caller | None:
    known = request.custom_channel_vars.get("Account-ID")
    user, _, host = (request.from_ or "").removeprefix("sip:").partition("@")
    realm = host.partition(":")[0].partition(";")[0].lower()
    if isinstance(known, str) and known:
        return Caller(known, realm, await _device(store, known, user))
    if realm:
        found = await _view(store, ACCOUNTS, "accounts/listing_by_realm", realm)
        if found:
            account_id = str(found[0].value.get("account_id"))
            device = await _device(store, account_id, user)
            if device is not None:
                return Caller(account_id, realm, device)
    return await _called(store, number)


async def _device(store: Store, account_id: str, user: str) -> Document | None:
    if not user:
        return None
    for row in await _view(store, account_db(account_id), "devices/sip_credentials", user.lower(), include_docs=True):
        if row.doc is not None and not is_deleted(row.doc) and row.doc.get("enabled") is not False:
            return row.doc
    return None


async def _called(store: Store, number: str) -> Caller | None:
    """The account that a number of the outside world is assigned to."""
    wanted = number if number.startswith("+") else f"+{number}"
    if not _DIGITS.fullmatch(wanted) or len(wanted) < 6:
        return None
    found = await _document(store, f"numbers/{wanted[:5]}", wanted)
    if found is None or is_deleted(found) or found.get("pvt_state") not in ("in_service", "port_in"):
        return None
    account_id = found.get("pvt_assigned_to")
    return Caller(account_id, "") if isinstance(account_id, str) and account_id else None


async def _by_pattern(store: Store, account_id: str, number: str) -> tuple[Document | None, str]:
    """The callflow one of whose patterns matches; the longest captured group wins (Kazoo)."""
    best: tuple[int, str, str] | None = None
    for row in await _view(store, account_db(account_id), "callflows/listing_by_pattern"):
        match = patterns.match(str(row.key), number)
        if match is None:
            continue
        captured = match.group(1) if match.re.groups and match.group(1) is not None else ""
        if best is None or len(captured) > best[0]:
            best = (len(captured), str(row.id), captured)
    if best is None:
        return None, ""
    return await _document(store, account_db(account_id), best[1]), best[2]


def _channel_vars(request: RouteReq, caller: Caller, flow_id: str, captured: str) -> dict[str, Any]:
    device = caller.device or {}
    sip = device.get("sip") if isinstance(device.get("sip"), dict) else {}
    assert isinstance(sip, dict)
    known = {
        **request.custom_channel_vars,
        "Account-ID": caller.account_id,
        "Account-Realm": caller.realm,
        "Authorizing-ID": device.get("_id"),
        "Authorizing-Type": "device" if device else None,
        "Owner-ID": device.get("owner_id"),
        "Username": sip.get("username"),
        "Realm": caller.realm if device else None,
        "Inception": None if device else request.request,
        "CallFlow-ID": flow_id,
        "Capture-Group": captured,
        "Call-Interaction-ID": request.custom_channel_vars.get("Call-Interaction-ID") or _interaction(request.call_id),
    }
    return {name: value for name, value in known.items() if value}


def _interaction(call_id: str) -> str:
    """One id for all legs of what began with this call."""
    return hashlib.sha256(call_id.encode()).hexdigest()[:32]


async def _first(store: Store, account_id: str, view: str, key: str) -> Document | None:
    for row in await _view(store, account_db(account_id), view, key, include_docs=True):
        if row.doc is not None and not is_deleted(row.doc):
            return row.doc
    return None


async def _view(store: Store, db: str, view: str, *key: str, include_docs: bool = False) -> list[Row]:
    try:
        if key:
            return (await store.view(db, view, key=key[0], include_docs=include_docs)).rows
        return (await store.view(db, view, include_docs=include_docs)).rows
    except DatabaseNotFound:
        return []


async def _document(store: Store, db: str, doc_id: str) -> Document | None:
    try:
        return await store.get(db, doc_id)
    except (DatabaseNotFound, DocumentNotFound):
        return None
