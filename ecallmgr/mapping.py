"""FreeSWITCH's headers in Kazoo's words. Kazoo keeps this table inside the switch (mod_kazoo); we keep it here.

Where several headers may hold a field the first that is present wins. Pure functions: an event in, kapi objects out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import unquote

from mirliton.actors.kapi.call import (
    CallEvent,
    ChannelAnswered,
    ChannelBridged,
    ChannelCreated,
    ChannelDestroyed,
    ChannelExecuteCompleted,
    ChannelHeld,
    ChannelProgressed,
    ChannelProgressedWithMedia,
    ChannelUnbridged,
    ChannelUnheld,
    DtmfReceived,
    RecordStarted,
    RecordStopped,
)
from mirliton.actors.kapi.cdr import CdrReport
from mirliton.actors.switching import CHECKPOINT_VARIABLE, COMMAND_VARIABLE, DONE_VARIABLE

GREGORIAN_EPOCH: Final = 62_167_219_200
"""Seconds from year 0 to 1970."""

Headers = Mapping[str, Any]

RESULT_VARIABLES: Final = (
    CHECKPOINT_VARIABLE,
    COMMAND_VARIABLE,
    DONE_VARIABLE,
    "bridge_hangup_cause",
    "collected_digits",
    "endpoint_disposition",
    "hangup_cause",
    "last_bridge_hangup_cause",
    "last_bridge_to",
    "originate_disposition",
    "originate_failed_cause",
    "originated_legs",
    "playback_ms",
    "playback_terminator_used",
    "record_ms",
    "record_seconds",
    "signal_bond",
)
"""The channel variables in which an application leaves its result."""

_EVENTS: Final[dict[str, type[CallEvent]]] = {
    "CHANNEL_ANSWER": ChannelAnswered,
    "CHANNEL_BRIDGE": ChannelBridged,
    "CHANNEL_CREATE": ChannelCreated,
    "CHANNEL_DESTROY": ChannelDestroyed,
    "CHANNEL_EXECUTE_COMPLETE": ChannelExecuteCompleted,
    "CHANNEL_HOLD": ChannelHeld,
    "CHANNEL_PROGRESS": ChannelProgressed,
    "CHANNEL_PROGRESS_MEDIA": ChannelProgressedWithMedia,
    "CHANNEL_UNBRIDGE": ChannelUnbridged,
    "CHANNEL_UNHOLD": ChannelUnheld,
    "DTMF": DtmfReceived,
    "RECORD_START": RecordStarted,
    "RECORD_STOP": RecordStopped,
}

SUBSCRIPTION: Final = (
    *_EVENTS,
    "BACKGROUND_JOB",
    "CHANNEL_PARK",
    "CHANNEL_UUID",
    "HEARTBEAT",
    "SHUTDOWN",
    "sofia::expire",
    "sofia::register",
    "sofia::unregister",
)
"""What we ask a switch for, by name: `all` doubles what a call costs it."""

_CCV_PREFIXES: Final = ("variable_ecallmgr_",)
"""Only variables that we set ourselves. Kazoo also takes SIP headers `X-ecallmgr_…`, trusting its proxy to strip what
phones send; whoever reaches the switch directly could name any account with one."""


def call_event(headers: Headers) -> CallEvent | None:
    """The Kazoo call event that a FreeSWITCH event is; None for one that Kazoo does not know."""
    cls = _EVENTS.get(headers.get("Event-Name", ""))
    if cls is None or not headers.get("Unique-ID"):
        return None
    fields = leg_fields(headers)
    more = _MORE.get(cls)
    if more is not None:
        fields.update(more(headers))
    return cls(**fields)


def described(headers: Headers) -> ChannelCreated:
    """A leg as any of its events, or a dump of it, describes it."""
    return ChannelCreated(**leg_fields(headers))


def result_variables(headers: Headers) -> dict[str, str]:
    """The channel variables that tell a command's result."""
    found = {}
    for name in RESULT_VARIABLES:
        value = _text(headers.get(f"variable_{name}"))
        if value:
            found[name] = value
    return found


def leg_fields(headers: Headers) -> dict[str, Any]:
    """What every event says of its leg, as the fields of a kapi call event."""
    get = headers.get
    ccvs = channel_vars(headers)
    stamp = _whole(get("Event-Date-Timestamp"))
    return {
        "call_id": get("Unique-ID", ""),
        "timestamp": math.ceil(stamp / 1_000_000) + GREGORIAN_EPOCH if stamp else None,
        "call_direction": direction(headers),
        "caller_id_name": _first(
            headers,
            "variable_origination_caller_id_name",
            "variable_effective_caller_id_name",
            "Caller-Caller-ID-Name",
        ),
        "caller_id_number": _first(
            headers,
            "variable_origination_caller_id_number",
            "variable_effective_caller_id_number",
            "Caller-Caller-ID-Number",
        ),
        "callee_id_name": _first(
            headers,
            "variable_origination_callee_id_name",
            "variable_effective_callee_id_name",
            "Caller-Callee-ID-Name",
        ),
        "callee_id_number": _first(
            headers,
            "variable_origination_callee_id_number",
            "variable_effective_callee_id_number",
            "Caller-Callee-ID-Number",
        ),
        "caller_destination_number": _first(headers, "Caller-Destination-Number", "variable_sip_to_user"),
        "from_": _first(headers, "variable_sip_from_uri", "variable_channel_name"),
        "from_tag": _first(headers, "variable_sip_from_tag"),
        "to": _first(headers, "variable_sip_to_uri", "variable_sip_req_uri"),
        "to_tag": _first(headers, "variable_sip_to_tag"),
        "request": _first(headers, "variable_sip_req_uri", "variable_sip_to_uri"),
        "presence_id": _first(headers, "variable_presence_id"),
        "user_agent": _first(headers, "variable_sip_user_agent"),
        "interaction_id": _text(ccvs.get("Call-Interaction-ID")) or None,
        "custom_channel_vars": ccvs,
        "custom_application_vars": _prefixed(headers, ("variable_cav_",)),
        "custom_sip_headers": _prefixed(headers, ("variable_sip_h_",)),
        "channel_state": _text(get("Channel-State")).removeprefix("CS_") or None,
        "channel_call_state": _first(headers, "Channel-Call-State"),
        "channel_answer_state": _first(headers, "Answer-State"),
        "channel_name": _first(headers, "Channel-Name"),
        "channel_created_time": _whole(get("Caller-Channel-Created-Time")),
        "channel_is_loopback": _text(get("Channel-Name")).startswith("loopback/") or None,
        "switch_hostname": _first(headers, "FreeSWITCH-Hostname"),
        "switch_nodename": _first(headers, "FreeSWITCH-Switchname"),
        "other_leg_call_id": _first(headers, "Other-Leg-Unique-ID", "variable_signal_bond"),
        "other_leg_direction": _first(headers, "Other-Leg-Direction"),
        "other_leg_caller_id_name": _first(headers, "Other-Leg-Caller-ID-Name"),
        "other_leg_caller_id_number": _first(headers, "Other-Leg-Caller-ID-Number"),
        "other_leg_destination_number": _first(headers, "Other-Leg-Destination-Number"),
    }


def channel_vars(headers: Headers) -> dict[str, Any]:
    """Custom-Channel-Vars: the variables `ecallmgr_…`, under their own names."""
    found = _prefixed(headers, _CCV_PREFIXES)
    for name, header in (
        ("Fetch-ID", "variable_Fetch-UUID"),
        ("Presence-ID", "variable_presence_id"),
        ("Referred-To", "variable_sip_refer_to"),
        ("Referred-By", "variable_sip_h_Referred-By"),
    ):
        value = _text(headers.get(header))
        if value and name not in found:
            found[name] = value
    return found


def direction(headers: Headers) -> str | None:
    """`inbound` (the switch was called) or `outbound` (it calls)."""
    return _first(headers, "Call-Direction", "Caller-Direction", "variable_direction")


def hangup_cause(headers: Headers) -> str:
    """Why the leg ended. When the last application was a bridge that failed, its cause comes first."""
    if headers.get("variable_current_application") == "bridge":
        bridged = _first(headers, "variable_bridge_hangup_cause", "variable_hangup_cause")
        if bridged:
            return bridged
    return (
        _first(headers, "variable_hangup_cause", "Hangup-Cause", "variable_bridge_hangup_cause") or "NORMAL_UNSPECIFIED"
    )


def cdr_report(headers: Headers) -> CdrReport:
    """The record of a leg from its last event, or from what the switch posts about it.

    Both ways give the same record of the same leg: `account_id` is empty where the leg belongs to no account.
    """
    fields = leg_fields(headers)
    ended = _whole(headers.get("Caller-Channel-Hangup-Time")) or _whole(headers.get("variable_end_uepoch"))
    if ended:
        fields["timestamp"] = math.ceil(ended / 1_000_000) + GREGORIAN_EPOCH
    for name in ("channel_is_loopback", "interaction_id"):
        fields.pop(name, None)
    account_id = _text(fields["custom_channel_vars"].get("Account-ID"))
    interaction = _text(fields["custom_channel_vars"].get("Call-Interaction-ID"))
    known: dict[str, Any] = {**fields, **_times(headers)}
    return CdrReport(
        **known,
        account_id=account_id,
        call_interaction={"Id": interaction} if interaction else {},
        caller_profile=_first(headers, "variable_sofia_profile_name"),
        caller_context=_first(headers, "Caller-Context"),
        caller_dialplan=_first(headers, "Caller-Dialplan"),
        hangup_cause=hangup_cause(headers),
        hangup_code=_first(
            headers, "variable_proto_specific_hangup_cause", "variable_last_bridge_proto_specific_hangup_cause"
        ),
        disposition=_first(headers, "variable_originate_disposition", "variable_endpoint_disposition"),
        originating_leg_uuid=_first(headers, "variable_originating_leg_uuid"),
        media_server=_first(headers, "FreeSWITCH-Hostname"),
    )


def _times(headers: Headers) -> dict[str, int | None]:
    billed = _whole(headers.get("variable_billmsec"))
    return {
        "duration_seconds": _whole(headers.get("variable_duration")),
        "billing_seconds": math.ceil(billed / 1000) if billed is not None else _whole(headers.get("variable_billsec")),
        "ringing_seconds": _whole(headers.get("variable_progresssec")),
    }


def _destroyed(headers: Headers) -> dict[str, Any]:
    return {
        **_times(headers),
        "hangup_cause": hangup_cause(headers),
        "hangup_code": _first(
            headers, "variable_proto_specific_hangup_cause", "variable_last_bridge_proto_specific_hangup_cause"
        ),
        "bridge_hangup_cause": _first(headers, "variable_bridge_hangup_cause"),
        "disposition": _first(headers, "variable_originate_disposition", "variable_endpoint_disposition"),
        "endpoint_disposition": _first(headers, "variable_endpoint_disposition"),
    }


def _executed(headers: Headers) -> dict[str, Any]:
    raw = _text(headers.get("Application"))
    return {
        "msg_id": _first(headers, "Application-UUID"),
        "application_name": APPLICATION_NAMES.get(raw, raw) or None,
        "application_response": _first(headers, "Application-Response"),
        "raw_application_name": raw or None,
    }


def _bridged(headers: Headers) -> dict[str, Any]:
    legs = (_text(headers.get("Bridge-A-Unique-ID")), _text(headers.get("Bridge-B-Unique-ID")))
    own = headers.get("Unique-ID")
    other = next((leg for leg in legs if leg and leg != own), None)
    return {"bridge_b_unique_id": legs[1] or None, **({"other_leg_call_id": other} if other else {})}


def _dtmf(headers: Headers) -> dict[str, Any]:
    return {
        "dtmf_digit": _first(headers, "DTMF-Digit"),
        "dtmf_duration": _whole(headers.get("DTMF-Duration")),
    }


def _recorded(headers: Headers) -> dict[str, Any]:
    length = _whole(headers.get("variable_record_ms"))
    return {
        "length": length / 1000 if length is not None else None,
        "terminator": _first(headers, "variable_playback_terminator_used"),
        "recording": {"File-Path": headers["Record-File-Path"]} if headers.get("Record-File-Path") else {},
    }


_MORE: Final[dict[type[CallEvent], Callable[[Headers], dict[str, Any]]]] = {
    ChannelBridged: _bridged,
    ChannelDestroyed: _destroyed,
    ChannelExecuteCompleted: _executed,
    ChannelUnbridged: _bridged,
    DtmfReceived: _dtmf,
    RecordStopped: _recorded,
}

APPLICATION_NAMES: Final = {
    "playback": "play",
    "play_and_get_digits": "play_and_collect_digits",
    "speak": "tts",
    "record_session": "record_call",
    "ring_ready": "ring",
    "pre_answer": "progress",
}
"""FreeSWITCH's name of an application and Kazoo's, where they differ."""


def _prefixed(headers: Headers, prefixes: tuple[str, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for header, value in headers.items():
        if header.startswith(prefixes):
            for prefix in prefixes:
                if header.startswith(prefix):
                    text = _text(value)
                    if text:
                        found.setdefault(header[len(prefix) :], text)
                    break
    return found


def _first(headers: Headers, *names: str) -> str | None:
    for name in names:
        value = _text(headers.get(name))
        if value and value != "_undef_":
            return value
    return None


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, tuple | list) and value:
        return _text(value[0])
    return "" if value is None or isinstance(value, dict) else str(value)


def _whole(value: Any) -> int | None:
    text = _text(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def from_record(record: Mapping[str, Any]) -> dict[str, Any]:
    """The record that mod_json_cdr posts, as the headers of an event, so that one table serves both.

    Its variables are percent-encoded where the switch's configuration says so; the names of its sections are fixed.
    """
    variables = record.get("variables")
    headers: dict[str, Any] = {}
    if isinstance(variables, Mapping):
        for name, value in variables.items():
            headers[f"variable_{name}"] = unquote(value) if isinstance(value, str) else value
    headers["Unique-ID"] = _text(headers.get("variable_uuid"))
    headers["FreeSWITCH-Hostname"] = headers["FreeSWITCH-Switchname"] = _text(record.get("hostname")) or _text(
        record.get("switchname")
    )
    data = record.get("channel_data")
    if isinstance(data, Mapping):
        headers["Channel-State"] = _text(data.get("state"))
        headers["Call-Direction"] = _text(data.get("direction"))
    headers["Channel-Name"] = _text(headers.get("variable_channel_name"))
    profile = _caller_profile(record.get("callflow"))
    for header, name in (
        ("Caller-Caller-ID-Name", "caller_id_name"),
        ("Caller-Caller-ID-Number", "caller_id_number"),
        ("Caller-Callee-ID-Name", "callee_id_name"),
        ("Caller-Callee-ID-Number", "callee_id_number"),
        ("Caller-Destination-Number", "destination_number"),
        ("Caller-Context", "context"),
        ("Caller-Dialplan", "dialplan"),
    ):
        headers[header] = unquote(_text(profile.get(name)))
    for header, name in (
        ("Caller-Channel-Created-Time", "variable_start_uepoch"),
        ("Caller-Channel-Hangup-Time", "variable_end_uepoch"),
    ):
        headers[header] = _text(headers.get(name))
    return headers


def _caller_profile(callflow: Any) -> Mapping[str, Any]:
    # A list with the newest profile first; older versions write a single object.
    first = callflow[0] if isinstance(callflow, list) and callflow else callflow
    profile = first.get("caller_profile") if isinstance(first, Mapping) else None
    return profile if isinstance(profile, Mapping) else {}
