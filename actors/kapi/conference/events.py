"""What a conference reports: events, and answers to its commands."""

from __future__ import annotations

from dataclasses import field

from mirliton.actors.kapi._family import kapi
from mirliton.actors.kapi.routing import segment
from mirliton.actors.kapi.wire import Anything, Flag, Number, Vars


@kapi("conference.participants_resp", "conference")
class ParticipantsResp:
    """These are."""

    participants: Anything


@kapi("conference.dial_resp", "conference", name="command", application="dial_resp")
class DialResp:
    """What came of each."""

    endpoint_responses: Anything


def _event_key(event: Event | ParticipantEvent) -> str:
    account = event.custom_channel_vars.get("Account-ID")
    parts = (
        event.event,
        account if isinstance(account, str) and account else "*",
        event.conference_id,
        event.call_id or "*",
    )
    return "conference.event." + ".".join(map(segment, parts))


@kapi("conference.participant_event", "conference", "conference", _event_key, binding="conference.event.*.*.*.*")
class ParticipantEvent:
    """Something happened to a participant."""

    event: str
    call_id: str
    focus: str
    conference_id: str
    instance_id: str
    participant_id: str
    floor: Flag
    hear: Flag
    speak: Flag
    talking: Flag
    current_energy: Number
    energy_level: Number
    video: Flag
    mute_detect: Flag
    caller_id_name: str
    caller_id_number: str
    channel_presence_id: str
    custom_channel_vars: Vars


@kapi("conference.event", "conference", "conference", _event_key, binding="conference.event.*.*.*.*")
class Event:
    """Something happened in the conference."""

    event: str
    conference_id: str
    instance_id: str
    call_id: str | None = None
    participant_id: str | None = None
    caller_id_name: str | None = None
    caller_id_number: str | None = None
    channel_presence_id: str | None = None
    custom_channel_vars: Vars = field(default_factory=dict)
    conference_channel_vars: Vars = field(default_factory=dict)


@kapi("conference.conference_error", "conference", name="error")
class ConferenceError:
    """It cannot be."""

    error_message: str
    request: Anything
    conference_id: str
