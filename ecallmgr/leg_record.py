"""A leg's record (Kazoo: the CDR report), from its last event or from what mod_json_cdr posts about it.

Both ways give the same record of the same leg, so it does not matter which comes first. What one of the two does not
tell is left out of both or has one value in both:

channel_call_state, channel_answer_state    an ended leg's are HANGUP and hangup
switch_hostname, media_server               the switch's name, which is all that a posted record tells
Privacy-Hide-Name, -Number                  not in a posted record, so not in the channel variables of a record

One difference remains: a posted record does not tell the other leg's direction. It is taken from who called whom, which
is wrong where legs were joined later (`uuid_bridge`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

import orjson

from mirliton.actors.kapi.cdr import CdrReport
from mirliton.ecallmgr.errors import InvalidLegRecord
from mirliton.ecallmgr.mapping import Headers, ending, first_of, gregorian, leg_fields, text

MAX_UUID: Final = 255
_ARRAY: Final = "ARRAY::"
_INTERACTION: Final = re.compile(r"([0-9]{11,12})-(.+)")
_NOT_IN_A_RECORD: Final = (
    "channel_is_loopback",
    "channel_loopback_leg",
    "channel_loopback_other_leg_id",
    "interaction_id",
    "origination_call_id",
)
_PROFILE: Final = (
    ("Caller-Caller-ID-Name", "caller_id_name"),
    ("Caller-Caller-ID-Number", "caller_id_number"),
    ("Caller-Callee-ID-Name", "callee_id_name"),
    ("Caller-Callee-ID-Number", "callee_id_number"),
    ("Caller-Destination-Number", "destination_number"),
    ("Caller-Context", "context"),
    ("Caller-Dialplan", "dialplan"),
)
_OTHER: Final = (
    ("Other-Leg-Unique-ID", "uuid"),
    ("Other-Leg-Caller-ID-Name", "caller_id_name"),
    ("Other-Leg-Caller-ID-Number", "caller_id_number"),
    ("Other-Leg-Destination-Number", "destination_number"),
)


def cdr_report(headers: Headers) -> CdrReport:
    """The record of a leg from its last event. `account_id` is empty where the leg belongs to no account."""
    fields = leg_fields(headers)
    for name in _NOT_IN_A_RECORD:
        del fields[name]
    channel_vars = fields["custom_channel_vars"]
    for name in ("Privacy-Hide-Name", "Privacy-Hide-Number"):
        channel_vars.pop(name, None)
    fields["timestamp"] = (
        gregorian(headers.get("Caller-Channel-Hangup-Time"))
        or gregorian(headers.get("variable_end_uepoch"))
        or fields["timestamp"]
    )
    fields["channel_call_state"], fields["channel_answer_state"] = "HANGUP", "hangup"
    fields["switch_hostname"] = fields["media_server"] = fields["switch_nodename"]
    return CdrReport(
        **fields,
        **ending(headers),
        account_id=text(channel_vars.get("Account-ID")),
        call_interaction=interaction(text(channel_vars.get("Call-Interaction-ID"))),
        caller_profile=first_of(headers, "variable_sofia_profile_name"),
        caller_context=first_of(headers, "Caller-Context"),
        caller_dialplan=first_of(headers, "Caller-Dialplan"),
        originating_leg_uuid=first_of(headers, "variable_originating_leg_uuid"),
    )


def interaction(interaction_id: str) -> dict[str, Any]:
    """Call-Interaction. An id of Kazoo's own making holds a time and a key."""
    if not interaction_id:
        return {}
    parts = _INTERACTION.fullmatch(interaction_id)
    more = {"Timestamp": int(parts[1]), "Key": parts[2]} if parts else {}
    return {"Id": interaction_id, **more}


def posted_report(body: bytes) -> CdrReport:
    """The record of a leg from the JSON that mod_json_cdr posts. Raises InvalidLegRecord."""
    try:
        record = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidLegRecord(f"no JSON ({error})") from error
    if not isinstance(record, dict):
        raise InvalidLegRecord("the JSON is no object")
    headers = headers_of(record)
    uuid = headers["Unique-ID"]
    if not uuid or len(uuid) > MAX_UUID or not uuid.isprintable() or " " in uuid:
        raise InvalidLegRecord("variables.uuid names no leg")
    return cdr_report(headers)


def headers_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """A posted record as the headers of an event, so that one table serves both."""
    headers = {f"variable_{name}": value for name, value in _variables(record.get("variables")).items()}
    headers["Unique-ID"] = headers.get("variable_uuid", "")
    headers["FreeSWITCH-Switchname"] = text(record.get("switchname"))
    data = record.get("channel_data")
    if isinstance(data, Mapping):
        headers["Channel-State"] = text(data.get("state"))
        headers["Call-Direction"] = text(data.get("direction"))
    headers["Channel-Name"] = headers.get("variable_channel_name", "")
    headers["Caller-Channel-Created-Time"] = headers.get("variable_start_uepoch", "")
    profile = _caller_profile(record.get("callflow"))
    for header, name in _PROFILE:
        headers[header] = text(profile.get(name))
    direction, other = _other_profile(profile, called="variable_originating_leg_uuid" in headers)
    for header, name in _OTHER:
        headers[header] = text(other.get(name))
    if headers["Other-Leg-Unique-ID"]:
        headers["Other-Leg-Direction"] = direction
    return headers


def _variables(variables: Any) -> dict[str, str]:
    """The variables as the leg had them: percent-encoded only where mod_json_cdr's `encode-values` is on, which our
    configuration turns off. `start_stamp`, which each record has, holds a blank and so tells."""
    if not isinstance(variables, Mapping):
        return {}
    encoded = "%20" in text(variables.get("start_stamp"))
    found = {}
    for name, value in variables.items():
        plain = unquote(text(value)) if encoded else text(value)
        found[name] = plain.removeprefix(_ARRAY).partition("|:")[0] if plain.startswith(_ARRAY) else plain
    return found


def _caller_profile(callflow: Any) -> Mapping[str, Any]:
    # A list with the newest profile first; older versions write a single object.
    first = callflow[0] if isinstance(callflow, list) and callflow else callflow
    profile = first.get("caller_profile") if isinstance(first, Mapping) else None
    return profile if isinstance(profile, Mapping) else {}


def _other_profile(profile: Mapping[str, Any], *, called: bool) -> tuple[str, Mapping[str, Any]]:
    """The other leg's direction and profile. A leg that was called (it has an `originating_leg_uuid`) knows its caller,
    one that called knows the last leg it called."""
    roles = (("originator", "inbound"), ("originatee", "outbound"))
    for role, direction in roles if called else reversed(roles):
        section = profile.get(role)
        profiles = section.get(f"{role}_caller_profiles") if isinstance(section, Mapping) else None
        if isinstance(profiles, list) and profiles and isinstance(profiles[0], Mapping):
            return direction, profiles[0]
    return "", {}
