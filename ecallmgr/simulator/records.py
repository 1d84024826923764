"""A leg's end in figures: the variables set when it is over, and its record as mod_json_cdr posts it.

The record's shape is mod_json_cdr's (as of FreeSWITCH 1.10 and later, with `encode-values` off): core-uuid,
switchname, channel_data, variables, app_log and callflow with the caller profile and the times, which are
microseconds in decimal text.
"""

from __future__ import annotations

import json
import time

import orjson

from mirliton.ecallmgr.simulator import causes
from mirliton.ecallmgr.simulator.channel import Leg
from mirliton.ecallmgr.simulator.profile import CallerProfile

_STAMPS = (
    ("start", "Channel-Created-Time"),
    ("profile_start", "Profile-Created-Time"),
    ("answer", "Channel-Answered-Time"),
    ("bridge", "Channel-Bridged-Time"),
    ("progress", "Channel-Progress-Time"),
    ("progress_media", "Channel-Progress-Media-Time"),
    ("end", "Channel-Hangup-Time"),
)
_EPOCHS = (
    ("start", "Channel-Created-Time"),
    ("profile_start", "Profile-Created-Time"),
    ("answer", "Channel-Answered-Time"),
    ("bridge", "Channel-Bridged-Time"),
    ("last_hold", "Channel-Last-Hold"),
    ("resurrect", "Channel-Resurrect-Time"),
    ("progress", "Channel-Progress-Time"),
    ("progress_media", "Channel-Progress-Media-Time"),
    ("end", "Channel-Hangup-Time"),
)
_RECORD_TIMES = (
    ("created_time", "Channel-Created-Time"),
    ("profile_created_time", "Profile-Created-Time"),
    ("progress_time", "Channel-Progress-Time"),
    ("progress_media_time", "Channel-Progress-Media-Time"),
    ("answered_time", "Channel-Answered-Time"),
    ("bridged_time", "Channel-Bridged-Time"),
    ("last_hold_time", "Channel-Last-Hold"),
    ("hold_accum_time", "Channel-Hold-Accum"),
    ("hangup_time", "Channel-Hangup-Time"),
    ("resurrect_time", "Channel-Resurrect-Time"),
    ("transfer_time", "Channel-Transfer-Time"),
)
_PROFILE_FIELDS = (
    ("username", "Username"),
    ("dialplan", "Dialplan"),
    ("caller_id_name", "Caller-ID-Name"),
    ("caller_id_number", "Caller-ID-Number"),
    ("callee_id_name", "Callee-ID-Name"),
    ("callee_id_number", "Callee-ID-Number"),
    ("ani", "ANI"),
    ("network_addr", "Network-Addr"),
    ("rdnis", "RDNIS"),
    ("destination_number", "Destination-Number"),
    ("uuid", "Unique-ID"),
    ("source", "Source"),
    ("context", "Context"),
    ("chan_name", "Channel-Name"),
)


def set_end_variables(leg: Leg) -> None:
    """Set what a leg's variables say once it is over: cause, stamps, durations, the last application."""
    times = leg.profile.times
    leg.set("hangup_cause", leg.cause)
    leg.set("hangup_cause_q850", str(causes.q850(leg.cause)))
    leg.set("digits_dialed", leg.digits_dialed or "none")
    for name, field in _STAMPS:
        if times[field]:
            leg.set(f"{name}_stamp", time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(times[field] // 1_000_000)))
    for name, field in _EPOCHS:
        leg.set(f"{name}_epoch", str(times[field] // 1_000_000))
        leg.set(f"{name}_uepoch", str(times[field]))
    held = times["Channel-Hold-Accum"]
    leg.set("hold_accum_seconds", str(held // 1_000_000))
    leg.set("hold_accum_usec", str(held))
    leg.set("hold_accum_ms", str(held // 1000))
    if leg.app_log:
        leg.set("last_app", leg.app_log[-1][0])
        leg.set("last_arg", leg.app_log[-1][1])
    name, number = leg.profile.get("Caller-ID-Name"), leg.profile.get("Caller-ID-Number")
    leg.set("caller_id", f'"{name}" <{number}>' if name else number)
    _set_durations(leg)


def _set_durations(leg: Leg) -> None:
    times = leg.profile.times
    start, end = times["Channel-Created-Time"], times["Channel-Hangup-Time"]
    answered = times["Channel-Answered-Time"]
    spans = {
        "": (start, end),
        "bill": (answered, end) if answered else (end, end),
        "progress": (start, times["Channel-Progress-Time"]),
        "answer": (start, answered),
        "wait": (start, times["Channel-Bridged-Time"]),
        "progress_media": (start, times["Channel-Progress-Media-Time"]),
        "flow_bill": (start, end if answered else 0),
    }
    for name, (begin, until) in spans.items():
        happened = until >= begin
        # Whole seconds are the difference of whole seconds, as the switch counts them.
        seconds = until // 1_000_000 - begin // 1_000_000 if happened else 0
        micros = until - begin if happened else 0
        leg.set(f"{name}sec" if name else "duration", str(seconds))
        leg.set(f"{name}msec" if name else "mduration", str(micros // 1000))
        leg.set(f"{name}usec" if name else "uduration", str(micros))


def record_of(leg: Leg) -> bytes:
    """The leg's record as JSON text."""
    callflow: dict[str, object] = {
        "dialplan": leg.profile.get("Dialplan"),
        "profile_index": str(leg.profile.index),
        "caller_profile": _caller_profile(leg),
        "times": {name: str(leg.profile.times[field]) for name, field in _RECORD_TIMES},
    }
    if leg.extension is not None:
        number, actions = leg.extension
        callflow["extension"] = {
            "name": number,
            "number": number,
            "applications": [{"app_name": name, "app_data": data or ""} for name, data in actions],
        }
    record: dict[str, object] = {
        "core-uuid": leg.switch.core_uuid,
        "switchname": leg.switch.name,
        "channel_data": {
            "state": leg.state.label,
            "direction": leg.direction,
            "state_number": str(leg.state.value),
        },
        "variables": leg.variables(),
        "callflow": [callflow],
    }
    if leg.app_log:
        record["app_log"] = {
            "applications": [
                {"app_name": name, "app_data": data, "app_stamp": str(stamp)} for name, data, stamp in leg.app_log
            ]
        }
    try:
        return orjson.dumps(record)
    except (orjson.JSONEncodeError, UnicodeEncodeError):
        return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogateescape")


def _caller_profile(leg: Leg) -> dict[str, object]:
    printed: dict[str, object] = dict(_profile(leg.profile))
    if leg.other is not None:
        role, profile = leg.other
        printed[role] = {f"{role}_caller_profiles": [_profile(profile)]}
    return printed


def _profile(profile: CallerProfile) -> dict[str, str]:
    return {name: profile.get(field) for name, field in _PROFILE_FIELDS}
