"""FreeSWITCH's events as Kazoo's call events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

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
from mirliton.actors.switching import CHECKPOINT_VARIABLE, COMMAND_VARIABLE, DONE_VARIABLE, HOLD_VARIABLE
from mirliton.ecallmgr.mapping import Headers, disposition_of, ending, first_of, leg_fields, text, whole

RESULT_VARIABLES: Final = (
    CHECKPOINT_VARIABLE,
    COMMAND_VARIABLE,
    DONE_VARIABLE,
    HOLD_VARIABLE,
    "bridge_hangup_cause",
    "collected_digits",
    "endpoint_disposition",
    "hangup_cause",
    "last_bridge_hangup_cause",
    "last_bridge_proto_specific_hangup_cause",
    "last_bridge_to",
    "originate_disposition",
    "originate_failed_cause",
    "originated_legs",
    "playback_ms",
    "playback_terminator_used",
    "record_ms",
    "record_seconds",
    "signal_bond",
    "uuid_bridge",
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
    "conference::maintenance",
    "sofia::expire",
    "sofia::register",
    "sofia::unregister",
)
"""What we ask a switch for, by name: `all` doubles what a call costs it."""

APPLICATION_NAMES: Final = {
    "playback": "play",
    "play_and_get_digits": "play_and_collect_digits",
    "speak": "tts",
    "record_session": "record_call",
    "ring_ready": "ring",
    "pre_answer": "progress",
}
"""FreeSWITCH's name of an application and Kazoo's, where they differ."""


def call_event(headers: Headers) -> CallEvent | None:
    """The Kazoo call event that a FreeSWITCH event is; None for one that Kazoo does not know or does not tell."""
    cls = _EVENTS.get(headers.get("Event-Name", ""))
    if cls is None or not headers.get("Unique-ID"):
        return None
    if cls is DtmfReceived and "variable_conference_name" in headers:
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
        value = headers.get(f"variable_{name}")
        if value and (value := text(value)):
            found[name] = value
    return found


def _destroyed(headers: Headers) -> dict[str, Any]:
    return {
        **ending(headers),
        "bridge_hangup_cause": first_of(headers, "variable_bridge_hangup_cause"),
        "endpoint_disposition": first_of(headers, "variable_endpoint_disposition"),
    }


def _executed(headers: Headers) -> dict[str, Any]:
    raw = text(headers.get("Application"))
    response = text(headers.get("Application-Response"))
    if raw == "bridge" or response in ("", "_none_"):
        response = disposition_of(headers) or "" if raw == "bridge" else ""
    return {
        "msg_id": first_of(headers, "Application-UUID"),
        "application_name": APPLICATION_NAMES.get(raw, raw) or None,
        "application_response": response or None,
        "raw_application_name": raw or None,
        "raw_application_data": first_of(headers, "Application-Data"),
        "disposition": disposition_of(headers),
        "bridge_hangup_cause": first_of(headers, "variable_bridge_hangup_cause", "variable_last_bridge_hangup_cause"),
        "endpoint_disposition": first_of(headers, "variable_endpoint_disposition"),
        "transfer_disposition": first_of(headers, "variable_transfer_disposition"),
    }


def _bridged(headers: Headers) -> dict[str, Any]:
    legs = (text(headers.get("Bridge-A-Unique-ID")), text(headers.get("Bridge-B-Unique-ID")))
    own = headers.get("Unique-ID")
    other = next((leg for leg in legs if leg and leg != own), None)
    return {"bridge_b_unique_id": legs[1] or None, **({"other_leg_call_id": other} if other else {})}


def _unbridged(headers: Headers) -> dict[str, Any]:
    disposition = disposition_of(headers)
    return {
        **_bridged(headers),
        "application_response": first_of(headers, "variable_originate_disposition") or "FAIL",
        "disposition": disposition,
    }


def _dtmf(headers: Headers) -> dict[str, Any]:
    return {
        "dtmf_digit": first_of(headers, "DTMF-Digit"),
        "dtmf_duration": whole(headers.get("DTMF-Duration")),
    }


def _recording(headers: Headers) -> dict[str, Any]:
    variables = {
        name.removeprefix("Recording-Variable-"): text(value)
        for name, value in headers.items()
        if name.startswith("Recording-Variable-")
    }
    return {
        "application_name": "record",
        "application_response": first_of(headers, "Record-File-Path"),
        "recording": variables or None,
    }


def _recorded(headers: Headers) -> dict[str, Any]:
    length = whole(headers.get("variable_record_ms"))
    exhausted = first_of(headers, "variable_silence_hits_exhausted")
    silent = first_of(headers, "variable_record_silence_hits")
    return {
        **_recording(headers),
        "length": length / 1000 if length is not None else None,
        "terminator": first_of(headers, "variable_playback_terminator_used"),
        "silence_terminated": exhausted == "true" if exhausted else silent == "0",
    }


_MORE: Final[dict[type[CallEvent], Callable[[Headers], dict[str, Any]]]] = {
    ChannelBridged: _bridged,
    ChannelDestroyed: _destroyed,
    ChannelExecuteCompleted: _executed,
    ChannelUnbridged: _unbridged,
    DtmfReceived: _dtmf,
    RecordStarted: _recording,
    RecordStopped: _recorded,
}
