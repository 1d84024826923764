"""Devices and users as endpoints to ring."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from mirliton.actors.kapi.dialplan import Endpoint
from mirliton.actors.store import Document, DocumentNotFound
from mirliton.whapps.callflow.caller_id import shown
from mirliton.whapps.callflow.errors import InvalidFlow, NobodyToRing
from mirliton.whapps.callflow.script import Data, Script

ALERT_INFO: Final = "alert_info"
"""Kept by the action `set_alert_info`."""
HIDDEN: Final = "hidden"
"""Kept by the action `privacy`: whether the caller's name and number are hidden."""
AUTO_ANSWER: Final = "auto_answer"
"""Kept by an intercom: phones answer by themselves ("answer"), also those that are in use ("barge")."""
_ANSWER_HEADERS: Final = {
    "answer": {"Call-Info": "answer-after=0", "Alert-Info": "Auto Answer"},
    "barge": {"Call-Info": "answer-after=0", "Alert-Info": "Auto Answer", "Answer-Mode": "Auto; require"},
}


async def device_endpoint(
    call: Script,
    device: Document,
    *,
    timeout: float | None = None,
    delay: float | None = None,
    may_be_self: bool = False,
) -> Endpoint | None:
    """The endpoint of a device; None for one that is not to be rung: disabled, deleted, on do-not-disturb, or the
    calling one itself."""
    if device.get("pvt_type") != "device" or device.get("pvt_deleted") or device.get("enabled") is False:
        return None
    if _object(device, "do_not_disturb").get("enabled") is True:
        return None
    device_id = str(device["_id"])
    if not may_be_self and call.vars.get("Authorizing-ID") == device_id:
        return None
    sip = _object(device, "sip")
    caller = shown(call)
    hide_name, hide_number = call.kept(HIDDEN, (None, None))
    shared: dict[str, Any] = {
        "endpoint_id": device_id,
        "endpoint_timeout": timeout,
        "endpoint_delay": delay,
        "outbound_call_id": _leg_id(call, device_id),
        "presence_id": _text(device.get("presence_id")),
        "custom_channel_vars": _channel_vars(call, device),
        "custom_sip_headers": {**_headers(sip.get("custom_sip_headers")), **_ring_headers(call)},
        "privacy_hide_name": hide_name or None,
        "privacy_hide_number": hide_number or None,
        "caller_id_name": caller.name,
        "caller_id_number": caller.number,
        "callee_id_name": _text(device.get("name")),
    }
    route = _text(sip.get("static_route")) or (_text(sip.get("route")) if sip.get("invite_format") == "route" else None)
    if route:
        return Endpoint("route", route=route, **shared)
    username = _text(sip.get("username"))
    if not username:
        return None
    realm = _text(sip.get("realm")) or await _realm(call)
    return Endpoint("username", to_user=username, to_realm=realm, **shared)


async def user_endpoints(
    call: Script, user_id: str, *, timeout: float | None = None, delay: float | None = None, may_be_self: bool = False
) -> list[Endpoint]:
    """The endpoints of all devices that a user owns. None for a user who is disabled, deleted or on do-not-disturb."""
    try:
        user = await call.document(user_id)
    except DocumentNotFound:
        return []
    if (
        user.get("pvt_deleted")
        or user.get("enabled") is False
        or _object(user, "do_not_disturb").get("enabled") is True
    ):
        return []
    owned = await call.store.view(call.account_db, "attributes/owned", key=[user_id, "device"], include_docs=True)
    found = [
        await device_endpoint(call, row.doc, timeout=timeout, delay=delay, may_be_self=may_be_self)
        for row in owned.rows
        if row.doc is not None
    ]
    return distinct(endpoint for endpoint in found if endpoint is not None)


def distinct(endpoints: Iterable[Endpoint]) -> list[Endpoint]:
    """Each device once, in the order it first came."""
    return list({endpoint.endpoint_id: endpoint for endpoint in endpoints}.values())


def required_id(module: str, data: Data) -> str:
    """The `id` in an action's data. Raises InvalidFlow."""
    found = data.get("id")
    if not isinstance(found, str) or not found:
        raise InvalidFlow(module, "its data has no id")
    return found


def some(what: str, endpoints: list[Endpoint]) -> tuple[Endpoint, ...]:
    """The endpoints. Raises NobodyToRing when there are none."""
    if not endpoints:
        raise NobodyToRing(what)
    return tuple(endpoints)


async def _realm(call: Script) -> str:
    account = await call.document(call.account_id)
    return str(account.get("realm", ""))


def _leg_id(call: Script, device_id: str) -> str:
    """The same leg id whenever the action is run again, so that nobody is rung twice for one command."""
    digest = call.unique(f"leg/{len(call.checkpoint.results)}/{device_id}")
    return f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:]}"


def _channel_vars(call: Script, device: Document) -> dict[str, Any]:
    known = {
        "Account-ID": call.account_id,
        "Authorizing-ID": str(device["_id"]),
        "Authorizing-Type": "device",
        "Owner-ID": _text(device.get("owner_id")),
        "Call-Interaction-ID": call.vars.get("Call-Interaction-ID"),
    }
    return {name: value for name, value in known.items() if value}


def _headers(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        return {}
    # Kazoo's newer form keeps headers for calls to the device under "out".
    inner = value.get("out", value)
    return {name: text for name, text in inner.items() if isinstance(text, str)} if isinstance(inner, dict) else {}


def _ring_headers(call: Script) -> dict[str, Any]:
    """How the phone is to ring, or whether to ring at all, as actions before have said."""
    alert = call.kept(ALERT_INFO)
    return {**({"Alert-Info": alert} if alert else {}), **_ANSWER_HEADERS.get(call.kept(AUTO_ANSWER), {})}


def _object(document: Document, field: str) -> dict[str, Any]:
    value = document.get(field)
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
