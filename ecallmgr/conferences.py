"""Kazoo's conference commands and events in mod_conference's terms."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from mirliton.actors.conferencing import ConferenceNews, Participant, Room
from mirliton.actors.kapi.conference import commands as kapi
from mirliton.actors.kapi.dialplan import Conference
from mirliton.ecallmgr.errors import SwitchNotUsable, Untranslatable
from mirliton.ecallmgr.mapping import Headers, leg_fields
from mirliton.ecallmgr.media import media, record_file
from mirliton.ecallmgr.plan import Application, Plan, Surroundings

SUBCLASS: Final = "conference::maintenance"
DEFAULT_PROFILE: Final = "default"
_ROOM: Final = re.compile(r"[A-Za-z0-9_-]{1,160}")
_PROFILE: Final = re.compile(r"[A-Za-z0-9_-]{1,160}")
_MOST_MEMBERS: Final = 1000
_LEVELS: Final = range(-4, 5)


def join(command: Conference, leg: str, around: Surroundings) -> Plan:
    """The plan for joining a conference: done when the leg is out of it again. Raises Untranslatable."""
    flags = [name for name in ("moderator", "mute", "deaf") if getattr(command, name)]
    profile = command.profile or DEFAULT_PROFILE
    if not _PROFILE.fullmatch(profile):
        raise Untranslatable("conference", f"{profile[:40]!r} is no profile")
    words = f"{room(command.conference_id)}@{profile}"
    return Plan(applications=(Application("conference", f"{words}+flags{{{'|'.join(flags)}}}" if flags else words),))


def room(name: str) -> str:
    """A room's name. Raises Untranslatable."""
    if not _ROOM.fullmatch(name):
        raise Untranslatable("conference", f"{name[:60]!r} is no name of a conference")
    return name


def api_for(name: str, command: Any, around: Surroundings) -> str:
    """The API command for one of kapi's to a room. Raises Untranslatable."""
    make = _COMMANDS.get(type(command))
    if make is None:
        raise Untranslatable(type(command).__qualname__, "no switch can do this to a conference")
    return f"conference {room(name)} {make(command, around)}"


def _of_one(verb: str) -> Callable[[Any, Surroundings], str]:
    return lambda command, around: f"{verb} {_number(command.participant_id)}"


def _number(participant_id: Any) -> str:
    text = str(participant_id)
    if not (text.isascii() and text.isdecimal() and len(text) <= 9):
        raise Untranslatable("conference", f"{text[:40]!r} is no participant's number")
    return text


def _play(command: kapi.Play, around: Surroundings) -> str:
    found = media(command.media_name, around)
    return f"play {found} {_number(command.participant_id)}" if command.participant_id else f"play {found}"


def _set(command: kapi.Set, around: Surroundings) -> str:
    value = str(command.value)
    if command.parameter != "Max-Members" or not value.isdecimal() or int(value) > _MOST_MEMBERS:
        raise Untranslatable("conference", f"{command.parameter} cannot be set to {value[:40]!r}")
    return f"set max_members {int(value)}"


def _level(verb: str, field: str) -> Callable[[Any, Surroundings], str]:
    def make(command: Any, around: Surroundings) -> str:
        level = getattr(command, field)
        if level not in _LEVELS:
            raise Untranslatable("conference", f"a volume is {_LEVELS[0]} to {_LEVELS[-1]}, not {str(level)[:20]}")
        return f"{verb} {_number(command.participant_id)} {int(level)}"

    return make


def _relate(command: kapi.RelateParticipants, around: Surroundings) -> str:
    words = {"deaf": "nohear", "mute": "nospeak"}.get(command.relationship or "clear", "clear")
    return f"relate {_number(command.participant_id)} {_number(command.other_participant)} {words}"


_COMMANDS: Final[dict[type, Callable[[Any, Surroundings], str]]] = {
    kapi.DeafParticipant: _of_one("deaf"),
    kapi.Kick: lambda command, around: f"kick {_number(command.participant_id) if command.participant_id else 'all'}",
    kapi.Lock: lambda command, around: "lock",
    kapi.MuteParticipant: _of_one("mute"),
    kapi.ParticipantVolumeIn: _level("volume_in", "volume_in_level"),
    kapi.ParticipantVolumeOut: _level("volume_out", "volume_out_level"),
    kapi.Play: _play,
    kapi.Record: lambda command, around: f"record {record_file('record', command.media_name)}",
    kapi.RecordStop: lambda command, around: f"norecord {record_file('recordstop', command.media_name)}",
    kapi.RelateParticipants: _relate,
    kapi.Set: _set,
    kapi.StopPlay: lambda command, around: f"stop {'all' if command.affects == 'all' else 'current'}",
    kapi.UndeafParticipant: _of_one("undeaf"),
    kapi.Unlock: lambda command, around: "unlock",
    kapi.UnmuteParticipant: _of_one("unmute"),
}


# What the switch says


def news(switch: str, headers: Headers) -> ConferenceNews | None:
    """An event of a room; None for one that is about none."""
    name, action = str(headers.get("Conference-Name", "")), str(headers.get("Action", ""))
    if not _ROOM.fullmatch(name) or not action:
        return None
    return ConferenceNews(switch, name, str(headers.get("Conference-Unique-ID", "")), action, _participant(headers))


def _participant(headers: Headers) -> Participant | None:
    number, call_id = str(headers.get("Member-ID", "")), headers.get("Unique-ID")
    if not (number.isascii() and number.isdecimal()) or not isinstance(call_id, str):
        return None
    leg = leg_fields(headers)
    return Participant(
        int(number),
        call_id,
        moderator=headers.get("Member-Type") == "moderator",
        hear=headers.get("Hear") == "true",
        speak=headers.get("Speak") == "true",
        talking=headers.get("Talking") == "true",
        floor=headers.get("Floor") == "true",
        caller_id_name=leg.get("caller_id_name") or "",
        caller_id_number=leg.get("caller_id_number") or "",
    )


def listed(name: str, told: str) -> Room:
    """A room by its `json_list`. Raises SwitchNotUsable for an answer that is none: it must not pass for *nobody*."""
    try:
        found = orjson.loads(told)
        facts = next(each for each in found if each["conference_name"] == name)
        members = tuple(_member(each) for each in facts["members"] if each.get("type") == "caller")
    except (orjson.JSONDecodeError, StopIteration, KeyError, TypeError, ValueError, AttributeError) as error:
        raise SwitchNotUsable(f"its answer about conference {name} is none ({type(error).__name__}: {error})") from None
    instance = str(facts.get("conference_uuid", ""))
    return Room(name, instance, facts.get("locked") is True, facts.get("recording") is True, members)


def _member(member: Mapping[str, Any]) -> Participant:
    flags = member["flags"]
    return Participant(
        int(member["id"]),
        str(member["uuid"]),
        moderator=flags.get("is_moderator") is True,
        hear=flags.get("can_hear") is True,
        speak=flags.get("can_speak") is True,
        talking=flags.get("talking") is True,
        floor=flags.get("has_floor") is True,
        caller_id_name=str(member.get("caller_id_name") or ""),
        caller_id_number=str(member.get("caller_id_number") or ""),
    )
