"""Which callflow a call takes: whose call it is, then exact number, then pattern, then `no_match`. Kazoo: cf_route_req.

A call belongs to an account because it comes from one of the account's phones (the one that a proxy has let in, by its
header X-AUTH-Token; else by the realm of its From and its SIP username), or because it goes to a number that is
assigned to the account. A caller of the account's own who may not call the number takes a callflow of ours instead
(`built_in.py`); an account's `preflow` comes before the others.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from mirliton.actors.kapi.route import RouteReq
from mirliton.actors.store import DatabaseNotFound, Document, DocumentNotFound, InvalidName, Row, Store
from mirliton.actors.store.documents import is_deleted
from mirliton.actors.store.names import account_db
from mirliton.whapps.callflow import patterns
from mirliton.whapps.callflow.built_in import RESTRICTED, TRUNK_IN, TRUNK_OUT
from mirliton.whapps.callflow.fields import mapping, owner_of, text
from mirliton.whapps.callflow.restrictions import restriction
from mirliton.whapps.numbers.ownership import own_number
from mirliton.whapps.numbers.rules import NumberRules, number_rules

ACCOUNTS: Final = "accounts"
NO_MATCH: Final = "no_match"
LET_IN: Final = "x-auth-token"
"""The header by which a proxy says whom it has let in, in small letters."""
_LET_IN: Final = re.compile(r"([A-Za-z0-9_-]{1,128})@([0-9a-f]{32})")
_NUMBER: Final = re.compile(r"[0-9A-Za-z*#+._-]{1,128}")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2}(-[A-Za-z]{2})?")
_DIGITS: Final = re.compile(r"\+?[0-9]+")


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose call it is, and from which of the account's phones, if from one."""

    account_id: str
    realm: str
    device: Document | None = None
    """A device; a user, whose calls are forwarded; or the `sys_info` document of a PBX."""
    used_by: str | None = None
    """The application that takes the calls of the number that was called, where one is named."""


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


async def decide(store: Store, request: RouteReq, rules: NumberRules | None = None) -> Decision | Refusal:
    """Where the call goes. `rules`: how numbers are read, where that is known. Raises StoreError when where it goes
    cannot be known now."""
    number = (request.destination_number or "").strip()
    if not _NUMBER.fullmatch(number):
        return Refusal(404, "not a number")
    rules = rules or await number_rules(store)
    caller = await _caller(store, request, number, rules)
    if caller is None:
        return Refusal(404, "unknown account")
    account, owner = await _account_and_owner(store, caller)
    if account is None or is_deleted(account) or account.get("enabled") is False:
        return Refusal(403, "account disabled")
    trunk = _trunk(caller)
    if trunk is not None:
        return Decision(trunk, _channel_vars(request, caller, account, owner, trunk, ""))
    found = await found_flow(store, caller.account_id, number, no_match=caller.device is not None)
    if found is None and caller.device is None:
        # A carrier need not send numbers as we write them.
        found = await found_flow(store, caller.account_id, rules.e164(number), no_match=False)
    if found is None:
        return Refusal(404, "no callflow")
    flow_id, captured = found
    channel_vars = _channel_vars(request, caller, account, owner, flow_id, captured)
    if caller.device is not None:
        why = await restriction(store, account, caller.device, number, rules, flow_id)
        if why is not None:
            return Decision(RESTRICTED, {**channel_vars, "CallFlow-ID": RESTRICTED, "Denied-Call-Restriction": why})
    preflow = text(mapping(account, "preflow"), "always")
    return Decision(flow_id, {**channel_vars, **({"Preflow-ID": preflow} if preflow else {})})


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


async def _caller(store: Store, request: RouteReq, number: str, rules: NumberRules) -> Caller | None:
    known = request.custom_channel_vars.get("Account-ID")
    user, _, host = (request.from_ or "").removeprefix("sip:").partition("@")
    realm = host.partition(":")[0].partition(";")[0].lower()
    if isinstance(known, str) and known:
        if request.custom_channel_vars.get("Inception") and "Authorizing-ID" not in request.custom_channel_vars:
            # It came to the account from another.
            own = await own_number(store, number)
            return Caller(known, realm, used_by=own.used_by if own is not None else None)
        authorizing = request.custom_channel_vars.get("Authorizing-ID")
        if isinstance(authorizing, str) and authorizing:
            return Caller(known, realm, await _authorizing(store, known, authorizing))
        return Caller(known, realm, await _device(store, known, user))
    token = _token(request)
    if token is not None:
        let_in = await _authorizing(store, token[1], token[0])
        if let_in is not None:
            return Caller(token[1], realm, let_in)
    if realm:
        found = await _view(store, ACCOUNTS, "accounts/listing_by_realm", realm)
        if found:
            account_id = str(found[0].value.get("account_id"))
            device = await _device(store, account_id, user)
            if device is not None:
                return Caller(account_id, realm, device)
    own = await own_number(store, number) or await own_number(store, rules.e164(number))
    return None if own is None else Caller(own.account_id, "", used_by=own.used_by)


async def _device(store: Store, account_id: str, user: str) -> Document | None:
    if not user:
        return None
    for row in await _view(store, account_db(account_id), "devices/sip_credentials", user.lower(), include_docs=True):
        if row.doc is not None and not is_deleted(row.doc) and row.doc.get("enabled") is not False:
            return row.doc
    return None


def _token(request: RouteReq) -> tuple[str, str] | None:
    """Device and account, as a proxy says (`device@account`) who has shown a password or is known by its address. It
    takes such a header out of what phones say; a switch without a directory must take calls from proxies alone."""
    for name, value in request.custom_sip_headers.items():
        if name.lower() == LET_IN and isinstance(value, str):
            found = _LET_IN.fullmatch(value.strip())
            return (found[1], found[2]) if found is not None else None
    return None


def _user(request: RouteReq) -> str:
    return (request.from_ or "").removeprefix("sip:").partition("@")[0]


def _trunk(caller: Caller) -> str | None:
    """The callflow of ours that takes a call to, or from, a customer's PBX."""
    if caller.device is not None and caller.device.get("pvt_type") == "sys_info":
        return TRUNK_OUT
    return TRUNK_IN if caller.used_by == "trunkstore" else None


async def _authorizing(store: Store, account_id: str, doc_id: str) -> Document | None:
    """The device or user that a call is known to be from."""
    try:
        doc = await _document(store, account_db(account_id), doc_id)
    except InvalidName:
        return None
    usable = doc is not None and not is_deleted(doc) and doc.get("enabled") is not False
    return doc if usable and doc is not None and doc.get("pvt_type") in ("device", "user", "sys_info") else None


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


def _channel_vars(
    request: RouteReq, caller: Caller, account: Document, owner: Document, flow_id: str, captured: str
) -> dict[str, Any]:
    device = caller.device or {}
    kind = str(device.get("pvt_type") or "device")
    sip = mapping(device, "sip")
    inception = request.custom_channel_vars.get("Inception")
    # Who is known by a token may say any realm.
    realm = (text(account, "realm") or caller.realm).lower() if device else caller.realm
    known = {
        **request.custom_channel_vars,
        "Account-ID": caller.account_id,
        "Account-Realm": realm,
        "Authorizing-ID": device.get("_id"),
        "Authorizing-Type": kind if device else None,
        "Owner-ID": device.get("_id") if kind == "user" else owner_of(device),
        "Username": sip.get("username") or (_user(request) if kind == "sys_info" else None),
        "Realm": realm if device else None,
        "Presence-ID": _presence_id(device, owner, realm),
        "Inception": inception if device else inception or request.request,
        "CallFlow-ID": flow_id,
        "Capture-Group": captured,
        "Default-Language": _language(device, account),
        "Call-Interaction-ID": request.custom_channel_vars.get("Call-Interaction-ID") or _interaction(request.call_id),
    }
    return {name: value for name, value in known.items() if value}


def _presence_id(device: Mapping[str, Any], owner: Document, realm: str) -> str | None:
    """What lamps watch the caller's phone by, where its documents say."""
    found = text(device, "presence_id") or text(owner, "presence_id")
    if found is None or "@" in found:
        return found
    return f"{found}@{realm}" if realm else None


def _language(*documents: Mapping[str, Any]) -> str | None:
    """The language that the caller's phone, or the account, is spoken to in."""
    for doc in documents:
        language = text(doc, "language")
        if language is not None and _LANGUAGE.fullmatch(language):
            return language.lower()
    return None


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


async def _account_and_owner(store: Store, caller: Caller) -> tuple[Document | None, Document]:
    """The account, and who owns the caller's phone; an empty document where nobody does."""
    device = caller.device or {}
    owner_id = owner_of(device) if device.get("pvt_type") == "device" else None
    try:
        found = await store.get_many(
            account_db(caller.account_id), [caller.account_id, *([owner_id] if owner_id else [])]
        )
    except (DatabaseNotFound, InvalidName):
        return None, {}
    account, owner = found[0], found[1] if len(found) > 1 else None
    return account, {} if owner is None or is_deleted(owner) else owner


async def _document(store: Store, db: str, doc_id: str) -> Document | None:
    try:
        return await store.get(db, doc_id)
    except (DatabaseNotFound, DocumentNotFound):
        return None
