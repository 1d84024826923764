"""A device as the endpoint of its phone: where it is, what it is shown, how it rings, what it can play."""

from __future__ import annotations

from typing import Any, Final

from mirliton.actors.kapi.dialplan import Endpoint
from mirliton.actors.store import Document
from mirliton.whapps.callflow.attributes import Attributes
from mirliton.whapps.callflow.caller_id import hidden, shown
from mirliton.whapps.callflow.calling import dialled
from mirliton.whapps.callflow.errors import InvalidFlow
from mirliton.whapps.callflow.fields import flag, mapping, owner_of, text
from mirliton.whapps.callflow.media import media_name
from mirliton.whapps.callflow.script import Script
from mirliton.whapps.callflow.wishes import Wishes
from mirliton.whapps.numbers.rules import formatted

ALERT_INFO: Final = "alert_info"
"""Kept by the action `set_alert_info`."""
AUTO_ANSWER: Final = "auto_answer"
"""Kept by an intercom: phones answer by themselves ("answer"), also those that are in use ("barge")."""
_ANSWER_HEADERS: Final = {
    "answer": {"Call-Info": "answer-after=0", "Alert-Info": "Auto Answer"},
    "barge": {"Call-Info": "answer-after=0", "Alert-Info": "Auto Answer", "Answer-Mode": "Auto; require"},
}
_BY_NUMBER: Final = frozenset({"e164", "npan", "1npan", "strip_plus"})
_TRANSPORTS: Final = frozenset({"udp", "tcp", "tls"})


async def sip_endpoint(
    call: Script, device: Document, attributes: Attributes, wishes: Wishes, failover: Any = None
) -> Endpoint | None:
    """The endpoint; None for a device that says nowhere where it is. `failover`: where it is registered nowhere."""
    sip = mapping(device, "sip")
    shared = await _shared(call, device, attributes, wishes)
    route = text(sip, "static_route") or (text(sip, "route") if sip.get("invite_format") == "route" else None)
    if route:
        return Endpoint("route", route=route, **shared)
    number = dialled(call)
    if text(sip, "ip") and sip.get("invite_format") in _BY_NUMBER and number:
        number = text(sip, "number") or number
        return Endpoint(sip["invite_format"], to_did=formatted(number, sip["invite_format"]), to_ip=sip["ip"], **shared)
    username = text(sip, "username")
    if not username:
        return None
    invited = wishes.static_invite or text(sip, "static_invite") or username
    realm = text(sip, "realm") or text(attributes.account, "realm") or ""
    return Endpoint("username", to_user=invited, to_username=username, to_realm=realm, failover=failover, **shared)


def busy_endpoint(call: Script, device: Document) -> Endpoint:
    """A phone whose user talks already and does not want to know of other calls."""
    return Endpoint("route", route="error/USER_BUSY", endpoint_id=str(device["_id"]), endpoint_type="sip")


def leg_id(call: Script, what: str) -> str:
    """The same leg id whenever the action is run again, so that nobody is rung twice for one command."""
    digest = call.unique(f"leg/{len(call.checkpoint.results)}/{what}")
    return f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:]}"


async def _shared(call: Script, device: Document, attributes: Attributes, wishes: Wishes) -> dict[str, Any]:
    sip, media = mapping(device, "sip"), mapping(device, "media")
    device_id = str(device["_id"])
    caller = await shown(call)
    hide_name, hide_number = await hidden(call)
    progress = attributes.value("media", "progress_timeout")
    early, bypass = attributes.value("media", "ignore_early_media"), attributes.value("media", "bypass_media")
    fax = media.get("fax_option") is True or None
    return {
        "endpoint_id": device_id,
        "endpoint_timeout": wishes.timeout,
        "endpoint_delay": wishes.delay,
        "endpoint_progress_timeout": float(progress) if type(progress) is int and progress > 0 else None,
        "outbound_call_id": leg_id(call, device_id),
        "presence_id": presence_id(attributes),
        "custom_channel_vars": {**_channel_vars(call, device, attributes), **_security(attributes)},
        "custom_sip_headers": {
            **headers_out(sip.get("custom_sip_headers")),
            **wishes.headers,
            **_ring_headers(call, attributes, wishes),
        },
        "privacy_hide_name": hide_name or None,
        "privacy_hide_number": hide_number or None,
        "caller_id_name": caller.name if wishes.show_caller else None,
        "caller_id_number": caller.number if wishes.show_caller else None,
        "callee_id_name": attributes.caller_id("internal")[0] or text(device, "name"),
        "callee_id_number": attributes.caller_id("internal")[1],
        "codecs": codecs(attributes),
        "ignore_early_media": early if isinstance(early, bool) else None,
        "bypass_media": True if bypass in (True, "true") else None,
        "hold_media": await _music(call, attributes),
        "ignore_completed_elsewhere": flag(sip, "ignore_completed_elsewhere", True) or None,
        "enable_t38_fax": fax,
        "enable_t38_fax_request": fax,
        "enable_t38_passthrough": fax,
        "sip_transport": transport if (transport := str(sip.get("transport")).lower()) in _TRANSPORTS else None,
        "sip_interface": text(sip, "custom_sip_interface"),
        "proxy_ip": text(sip, "proxy"),
    }


def presence_id(attributes: Attributes) -> str | None:
    """What lamps watch the endpoint by."""
    found = text(attributes.device, "presence_id") or text(attributes.user, "presence_id")
    if found is None or "@" in found:
        return found
    realm = text(attributes.account, "realm")
    return f"{found}@{realm}" if realm else None


def codecs(attributes: Attributes) -> tuple[str, ...]:
    """What the endpoint may speak, in order of preference; nothing: whatever the switch offers."""
    found: list[str] = []
    for kind in ("audio", "video"):
        listed = attributes.value("media", kind, "codecs")
        found += [codec for codec in listed if isinstance(codec, str)] if isinstance(listed, list) else []
    return tuple(dict.fromkeys(found))


def headers_out(value: Any) -> dict[str, Any]:
    """Custom SIP headers for calls to an endpoint."""
    if not isinstance(value, dict):
        return {}
    # Kazoo's newer form keeps headers for calls to the device under "out", and those of its own calls under "in".
    inner = value.get("out", {}) if "in" in value or "out" in value else value
    return {name: text for name, text in inner.items() if isinstance(text, str)} if isinstance(inner, dict) else {}


def _channel_vars(call: Script, device: Document, attributes: Attributes) -> dict[str, Any]:
    known = {
        "Account-ID": call.account_id,
        "Authorizing-ID": str(device["_id"]),
        "Authorizing-Type": "device",
        "Owner-ID": attributes.user.get("_id") or owner_of(device),
        "Call-Interaction-ID": call.vars.get("Call-Interaction-ID"),
    }
    return {name: value for name, value in known.items() if value}


def _security(attributes: Attributes) -> dict[str, Any]:
    """How the phone's audio is enciphered, in Kazoo's words."""
    encryption = attributes.value("media", "encryption")
    methods = encryption.get("methods") if isinstance(encryption, dict) else None
    if not isinstance(methods, list):
        return {}
    enforced = flag(encryption, "enforce_security", False)
    found: dict[str, Any] = {}
    if "srtp" in methods:
        found["RTP-Secure-Media"] = "mandatory" if enforced else "optional"
    if "zrtp" in methods:
        found["ZRTP-Secure-Media"] = "true"
    return found


def _ring_headers(call: Script, attributes: Attributes, wishes: Wishes) -> dict[str, Any]:
    """How the phone is to ring, or whether to ring at all: as actions before have said, else as its documents do."""
    kind = "external" if call.vars.get("Inception") else "internal"
    alert = call.kept(ALERT_INFO) or wishes.ringtones.get(kind) or attributes.text("ringtones", kind)
    return {**({"Alert-Info": alert} if alert else {}), **_ANSWER_HEADERS.get(call.kept(AUTO_ANSWER), {})}


async def _music(call: Script, attributes: Attributes) -> str | None:
    """What the caller hears while this endpoint has put it on hold."""
    medium = attributes.text("music_on_hold", "media_id")
    if medium is None:
        return None
    try:
        return await media_name(call, medium)
    except InvalidFlow as error:
        call.log.info("music_on_hold_missing", error=str(error))
        return None
