"""Commands to a conference, for the node that has it. Key `conference.command.{conference}`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import field
from typing import Literal, TypeVar, dataclass_transform

from mirliton.actors.kapi._family import kapi
from mirliton.actors.kapi.endpoint import Endpoint
from mirliton.actors.kapi.wire import Anything, Number, Seconds, Vars

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field,))
def _command(application: str, tag: str = "") -> Callable[[type[T]], type[T]]:
    """The command with this Application-Name."""
    key = "conference.command.{conference_id}"
    name = f"conference.{tag or application}"
    return kapi(name, "conference", "conference", key, name="command", application=application)


@_command("deaf_participant")
class DeafParticipant:
    """The participant hears nothing."""

    conference_id: str
    participant_id: str


@_command("participant_energy")
class ParticipantEnergy:
    """How loud the participant must be to be heard."""

    conference_id: str
    participant_id: str
    energy_level: Number


@_command("kick")
class Kick:
    """Put a participant, or all of them, out."""

    conference_id: str
    participant_id: str | None = None


@_command("participants", "participants_req")
class ParticipantsReq:
    """Who is in?"""

    conference_id: str


@_command("lock")
class Lock:
    """Nobody else gets in."""

    conference_id: str


@_command("mute_participant")
class MuteParticipant:
    """The participant is not heard."""

    conference_id: str
    participant_id: str


@_command("play")
class Play:
    """Play a medium to one, or to all."""

    conference_id: str
    media_name: str
    participant_id: str | None = None
    call_id: str | None = None


@_command("record")
class Record:
    """Record the conference."""

    conference_id: str
    media_name: str
    call_id: str | None = None


@_command("recordstop")
class RecordStop:
    """Stop recording it."""

    conference_id: str
    media_name: str
    call_id: str | None = None


@_command("relate_participants")
class RelateParticipants:
    """What one participant hears of another."""

    conference_id: str
    other_participant: str
    participant_id: str
    relationship: Literal["deaf", "mute", "clear"] | None = None


@_command("set")
class Set:
    """Set a parameter of the conference."""

    conference_id: str
    parameter: Literal["Max-Members", "Caller-ID-Name", "Caller-ID-Number"]
    value: Anything


@_command("stop_play")
class StopPlay:
    """Stop what plays."""

    conference_id: str
    participant_id: str | None = None
    affects: Literal["current", "all"] | None = None


@_command("undeaf_participant")
class UndeafParticipant:
    """The participant hears again."""

    conference_id: str
    participant_id: str


@_command("unlock")
class Unlock:
    """Others get in again."""

    conference_id: str


@_command("unmute_participant")
class UnmuteParticipant:
    """The participant is heard again."""

    conference_id: str
    participant_id: str


@_command("participant_volume_in")
class ParticipantVolumeIn:
    """How loud the participant is to others."""

    conference_id: str
    participant_id: str
    volume_in_level: Number


@_command("participant_volume_out")
class ParticipantVolumeOut:
    """How loud others are to the participant."""

    conference_id: str
    participant_id: str
    volume_out_level: Number


@_command("dial")
class Dial:
    """Call these and bring them in."""

    endpoints: tuple[Endpoint, ...]
    conference_id: str
    account_id: str | None = None
    caller_id_name: str | None = None
    caller_id_number: str | None = None
    custom_channel_vars: Vars = field(default_factory=dict)
    custom_application_vars: Vars = field(default_factory=dict)
    outbound_call_id: str | None = None
    participant_flags: Anything = None
    profile_name: str | None = None
    target_call_id: str | None = None
    timeout: Seconds | None = None


@_command("play_macro", "play_macro_req")
class PlayMacro:
    """Play media, sentences and tones, one after the other."""

    conference_id: str
    media_macro: Anything
