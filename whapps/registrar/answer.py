"""What a proxy is told of a device: its password, and what its calls and registrations shall carry."""

from __future__ import annotations

import ipaddress
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from mirliton.actors.kapi.authn import AuthnReq, AuthnResp
from mirliton.actors.store import Document
from mirliton.actors.store.documents import is_deleted
from mirliton.actors.store.sealing import is_sealed

Method = Literal["password", "ip", "a1-hash"]
A1_HASH: Final = re.compile(r"[0-9a-fA-F]{32}")
"""MD5 of `username:realm:password`, as RFC 2617 has it."""


@dataclass(frozen=True, slots=True)
class Found:
    """A device, with its account and its owner (None: it has none)."""

    account: Document
    device: Document
    owner: Document | None


@dataclass(frozen=True, slots=True)
class Nobody:
    """Nobody who may be told of. `why` is for our log: who asks learns no more than that there is nobody."""

    why: str


def answer(request: AuthnReq, found: Found) -> AuthnResp | Nobody:
    """What is told of a device; nothing where it, its account or its owner is disabled, or it cannot be let in."""
    for what, document in (("account", found.account), ("device", found.device), ("owner", found.owner)):
        if document is not None and _is_off(document):
            return Nobody(f"the {what} is disabled")
    sip = _mapping(found.device.get("sip"))
    method = _method(sip)
    if method is None:
        return Nobody(f"the method {str(sip.get('method'))[:40]!r} is none")
    password = sip.get("password")
    if method == "ip":
        if not _is_from(request.orig_ip, sip.get("ip")):
            return Nobody("it comes from another address")
        # The field must hold something: a proxy that heeds nothing but passwords lets nobody in by this.
        password = secrets.token_hex(16)
    elif not isinstance(password, str) or not password:
        return Nobody("it has no password")
    elif is_sealed(password):
        return Nobody("no key opens its password")
    elif method == "a1-hash" and not A1_HASH.fullmatch(password):
        return Nobody("its A1 hash is none")
    return AuthnResp(
        auth_method=method,
        auth_password=password,
        auth_nonce=request.auth_nonce,
        auth_username=request.auth_user,
        custom_channel_vars=_channel_vars(request, found),
        custom_sip_headers=_sip_headers(sip),
        register_overwrite_notify=found.device.get("register_overwrite_notify") is True,
        suppress_unregister_notifications=found.device.get("suppress_unregister_notifications") is True,
        # The address has been compared here, and there is no password to ask for.
        trusted_auth=True if method == "ip" else None,
    )


def _is_off(document: Document) -> bool:
    return is_deleted(document) or document.get("enabled") is False or document.get("pvt_enabled") is False


def _method(sip: Mapping[str, Any]) -> Method | None:
    told = sip.get("method", "password")
    method = told.lower() if isinstance(told, str) else ""
    return method if method in ("password", "ip", "a1-hash") else None  # type: ignore[return-value] # narrowed by `in`


def _is_from(address: str | None, wanted: Any) -> bool:
    """Whether an address is the one that a device names, however either is written."""
    try:
        return ipaddress.ip_address(address or "") == ipaddress.ip_address(wanted if isinstance(wanted, str) else "")
    except ValueError:
        return False


def _channel_vars(request: AuthnReq, found: Found) -> dict[str, Any]:
    device, account = found.device, found.account
    realm = request.auth_realm.lower()
    presence_id = device.get("presence_id") or (found.owner or {}).get("presence_id")
    known = {
        "Account-ID": device.get("pvt_account_id"),
        "Account-Name": account.get("name"),
        "Account-Realm": account.get("realm"),
        "Authorizing-ID": device.get("_id"),
        "Authorizing-Type": "mobile" if device.get("device_type") == "mobile" else device.get("pvt_type"),
        "Owner-ID": device.get("owner_id"),
        "Presence-ID": _at(presence_id, realm),
        "Realm": realm,
        "Username": _mapping(device.get("sip")).get("username"),
    }
    return {name: value for name, value in known.items() if isinstance(value, str) and value}


def _at(presence_id: Any, realm: str) -> str | None:
    """A presence id with its realm."""
    if not isinstance(presence_id, str) or not presence_id:
        return None
    return presence_id if "@" in presence_id else f"{presence_id}@{realm}"


def _sip_headers(sip: Mapping[str, Any]) -> dict[str, str]:
    """Headers for the calls that come from the device; Kazoo keeps those under `in`."""
    headers = _mapping(_mapping(sip.get("custom_sip_headers")).get("in"))
    return {name: value for name, value in headers.items() if isinstance(value, str)}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
