"""FreeSWITCH's headers in Kazoo's words: what any event, dump or record says of its leg.

Kazoo keeps this table inside the switch (mod_kazoo); we keep it here. Where several headers may hold a field the first
that is present wins. Pure functions.

Where this differs from mod_kazoo's own table, on purpose:

Msg-ID               Kazoo's is the event's time in microseconds. Ours is the id of the command that ended, else none.
Custom-Channel-Vars  Kazoo also takes SIP headers `X-ecallmgr_…`, trusting its proxy to strip what phones send; whoever
                     reaches the switch directly could name any account with one. We take variables only.
Other-Leg-Call-ID    Kazoo falls back to `origination_uuid`, which is the leg's own id. We fall back to nothing.
Switch-Nodename      Kazoo's is an Erlang node's name. Ours is the switch's own (`switchname`).
Switch-URL, -URI     Kazoo sets variables for them in the switch. We make them of the SIP profile's URL, as it does.
CHANNEL_DESTROY      Kazoo does not tell of legs that end with CALL_REJECTED. We need the end of every leg.
Application-Response Kazoo passes FreeSWITCH's `_none_` on, and tells a bridge's result by an event of its own. Here a
                     bridge answers with its disposition, and `_none_` is no answer.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

GREGORIAN_EPOCH: Final = 62_167_219_200
"""Seconds from year 0 to 1970."""

Headers = Mapping[str, Any]
"""Headers by name. Values are text, or several texts (of which the first counts)."""

_CHANNEL_VARS: Final = "variable_ecallmgr_"
_APPLICATION_VARS: Final = "variable_cav_"
_SIP_HEADERS: Final = "variable_sip_h_"
_PREFIXES: Final = (_CHANNEL_VARS, _APPLICATION_VARS, _SIP_HEADERS)
_IN_ANGLES: Final = re.compile(r"<sips?:([^>]*)>")
_REASON: Final = re.compile(r"reason=(.*)")


def leg_fields(headers: Headers) -> dict[str, Any]:
    """What every event says of its leg, as the fields of a kapi call event."""

    def first(*names: str) -> str | None:
        for name in names:
            value = headers.get(name)
            if value:
                return value if type(value) is str else text(value) or None
        return None

    channel_vars, application_vars, sip_headers = _variables(headers)
    profile_url = first("variable_sofia_profile_url")
    name = first("Channel-Name")
    return {
        "call_id": text(headers.get("Unique-ID")),
        "timestamp": gregorian(headers.get("Event-Date-Timestamp")),
        "call_direction": first("Call-Direction", "Caller-Direction", "variable_direction"),
        "caller_id_name": first(
            "variable_origination_caller_id_name", "variable_effective_caller_id_name", "Caller-Caller-ID-Name"
        ),
        "caller_id_number": first(
            "variable_origination_caller_id_number", "variable_effective_caller_id_number", "Caller-Caller-ID-Number"
        ),
        "callee_id_name": first(
            "variable_origination_callee_id_name",
            "variable_effective_callee_id_name",
            "Caller-Callee-ID-Name",
            "Other-Leg-Caller-ID-Name",
        ),
        "callee_id_number": first(
            "variable_origination_callee_id_number",
            "variable_effective_callee_id_number",
            "Caller-Callee-ID-Number",
            "Other-Leg-Caller-ID-Number",
        ),
        "caller_destination_number": first("Caller-Destination-Number"),
        "from_": first("variable_sip_from_uri", "variable_presence_id", "variable_sip_loopback_from_uri"),
        "from_uri": first("variable_sip_from_uri"),
        "from_tag": first("variable_sip_from_tag"),
        "to": first("variable_sip_to_uri", "variable_sip_req_uri", "variable_sip_loopback_req_uri"),
        "to_uri": first("variable_sip_to_uri"),
        "to_tag": first("variable_sip_to_tag"),
        "request": first("variable_sip_req_uri", "variable_sip_loopback_req_uri", "variable_sip_to_uri"),
        "presence_id": first("variable_presence_id"),
        "user_agent": first("variable_sip_user_agent"),
        "interaction_id": _text_or_none(channel_vars.get("Call-Interaction-ID")),
        "origination_call_id": first("variable_sip_origination_call_uuid"),
        "custom_channel_vars": channel_vars,
        "custom_application_vars": application_vars,
        "custom_sip_headers": sip_headers,
        "channel_state": (first("Channel-State") or "").removeprefix("CS_") or None,
        "channel_call_state": first("Channel-Call-State"),
        "channel_answer_state": first("Answer-State"),
        "channel_name": name,
        "channel_created_time": whole(headers.get("Caller-Channel-Created-Time")),
        # The variable comes with the last events only, the name with all of them.
        "channel_is_loopback": (name or "").startswith("loopback/") or None,
        "channel_loopback_leg": first("variable_loopback_leg"),
        "channel_loopback_other_leg_id": first("variable_other_loopback_leg_uuid"),
        "switch_hostname": first("FreeSWITCH-Hostname"),
        "switch_nodename": first("FreeSWITCH-Switchname"),
        "switch_url": profile_url,
        "switch_uri": f"sip:{profile_url.rpartition('@')[2]}" if profile_url else None,
        "media_server": first("FreeSWITCH-Hostname"),
        "other_leg_call_id": first("Other-Leg-Unique-ID"),
        "other_leg_direction": first("Other-Leg-Direction"),
        "other_leg_caller_id_name": first("Other-Leg-Caller-ID-Name"),
        "other_leg_caller_id_number": first("Other-Leg-Caller-ID-Number"),
        "other_leg_destination_number": first("Other-Leg-Destination-Number"),
    }


def hangup_cause(headers: Headers) -> str:
    """Why the leg ended: what its last bridge failed with; else, if that bridge is the last thing it did, what that
    ended with; else its own cause."""
    causes = ("variable_hangup_cause", "variable_bridge_hangup_cause")
    if headers.get("variable_current_application") == "bridge":
        causes = ("variable_bridge_hangup_cause", "variable_hangup_cause")
    return first_of(headers, "variable_originate_failed_cause", *causes, "Hangup-Cause") or "NORMAL_UNSPECIFIED"


def ending(headers: Headers) -> dict[str, Any]:
    """What a leg's last event says of its end, as fields that ChannelDestroyed and CdrReport share."""
    billed = whole(headers.get("variable_billmsec"))
    return {
        "duration_seconds": whole(headers.get("variable_duration")),
        "billing_seconds": math.ceil(billed / 1000) if billed is not None else whole(headers.get("variable_billsec")),
        "ringing_seconds": whole(headers.get("variable_progresssec")),
        "hangup_cause": hangup_cause(headers),
        "hangup_code": first_of(
            headers, "variable_proto_specific_hangup_cause", "variable_last_bridge_proto_specific_hangup_cause"
        ),
        "disposition": disposition_of(headers),
        "remote_sdp": first_of(headers, "variable_switch_r_sdp"),
        "local_sdp": first_of(headers, "variable_rtp_local_sdp_str"),
    }


def gregorian(microseconds: Any) -> int | None:
    """Kazoo's whole seconds, rounded up, of a FreeSWITCH time."""
    time = whole(microseconds)
    return -(-time // 1_000_000) + GREGORIAN_EPOCH if time else None


def first_of(headers: Headers, *names: str) -> str | None:
    """The first of these headers that is there."""
    for name in names:
        value = text(headers.get(name))
        if value:
            return value
    return None


def text(value: Any) -> str:
    """A header's value as text: of several the first, of anything else nothing."""
    if isinstance(value, str):
        return value
    if isinstance(value, tuple | list) and value:
        value = value[0]
    return str(value) if isinstance(value, str | int | float) else ""


def whole(value: Any) -> int | None:
    """A number of FreeSWITCH, or None for what is none."""
    digits = text(value)
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 18 else None


def _text_or_none(value: Any) -> str | None:
    return text(value) or None


def _variables(headers: Headers) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Custom-Channel-Vars, Custom-Application-Vars and Custom-SIP-Headers."""
    channel_vars: dict[str, Any] = {}
    application_vars: dict[str, Any] = {}
    sip_headers: dict[str, Any] = {}
    for header in headers:
        if header.startswith(_PREFIXES):
            value = text(headers[header])
            if not value:
                continue
            if header.startswith(_CHANNEL_VARS):
                channel_vars[header[len(_CHANNEL_VARS) :]] = value
            elif header.startswith(_APPLICATION_VARS):
                application_vars[header[len(_APPLICATION_VARS) :]] = value
            else:
                sip_headers[header[len(_SIP_HEADERS) :]] = value
    for name, value in _derived_vars(headers).items():
        channel_vars.setdefault(name, value)
    return channel_vars, application_vars, sip_headers


def _derived_vars(headers: Headers) -> dict[str, Any]:
    """The Custom-Channel-Vars that Kazoo makes of FreeSWITCH's own headers."""
    found: dict[str, Any] = {}
    for name, header in (
        ("Fetch-ID", "variable_Fetch-UUID"),
        ("Presence-ID", "variable_presence_id"),
        ("Referred-By", "variable_sip_h_Referred-By"),
    ):
        if headers.get(header):
            found[name] = text(headers[header])
    if headers.get("variable_sip_refer_to"):
        found["Referred-To"] = _without_angles(unquote(text(headers["variable_sip_refer_to"])))
    if headers.get("variable_sip_redirected_by"):
        redirected = text(headers["variable_sip_redirected_by"])
        found["Redirected-By"] = _without_angles(redirected)
        reason = _REASON.search(redirected)
        if reason is not None:
            found["Redirected-Reason"] = reason[1]
    for part in ("Number", "Name"):
        hidden = headers.get(f"Caller-Privacy-Hide-{part}")
        if hidden in ("true", "false"):
            found[f"Privacy-Hide-{part}"] = hidden == "true"
    return found


def _without_angles(value: str) -> str:
    found = _IN_ANGLES.search(value)
    return f"sip:{found[1]}" if found else value


def disposition_of(headers: Headers) -> str | None:
    """How calling out ended, or being called."""
    return first_of(headers, "variable_originate_disposition", "variable_endpoint_disposition")
