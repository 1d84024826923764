"""Commands that change how a party sounds, is shown or is held, in FreeSWITCH's terms.

What would let its sender run any application or API command of the switch has no translation: `event_actions`,
`tone_detect` with what to do on success, `execute_extension` and `transfer` to any context. Nor has `sound_touch`: a
switch without mod_soundtouch ends the call at it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from mirliton.actors.kapi import dialplan
from mirliton.ecallmgr.errors import Untranslatable
from mirliton.ecallmgr.esl.commands import identifier
from mirliton.ecallmgr.esl.quoting import arguments
from mirliton.ecallmgr.media import looped, media
from mirliton.ecallmgr.plan import Application, Plan, Surroundings, milliseconds

MOST_MEDIA: Final = 50
"""Of a macro."""
_LEVEL: Final = re.compile(r"-?[0-4]")
_KEY: Final = re.compile(r"[0-9*#]")
_HOLD: Final[Mapping[str, str]] = {"hold": "", "unhold": "off ", "toggle": "toggle "}
_PRIVACY: Final[Mapping[str | None, str]] = {
    "full": "full",
    "name": "name",
    "number": "number",
    "none": "off",
    None: "on",
}
_SEEK: Final[Mapping[str, str]] = {"fastforward": "+", "rewind": "-"}


def hold_control(command: dialplan.HoldControl, leg: str, around: Surroundings) -> Plan:
    word = _HOLD.get(command.action)
    if word is None:
        raise Untranslatable("hold_control", f"{str(command.action)[:40]!r} is neither hold, unhold nor toggle")
    return Plan(apis=(f"uuid_hold {word}{leg}",))


def soft_hold(command: dialplan.SoftHold, leg: str, around: Surroundings) -> Plan:
    if not _KEY.fullmatch(command.unhold_key):
        raise Untranslatable("soft_hold", "the unhold_key is no single key")
    heard = [media(name, around) for name in (command.a_moh, command.b_moh) if name]
    return Plan(applications=(Application("soft_hold", arguments(command.unhold_key, *heard)),))


def echo(command: dialplan.Echo, leg: str, around: Surroundings) -> Plan:
    # It ends with the call, or is broken off.
    return Plan(applications=(Application("echo"),))


def privacy(command: dialplan.Privacy, leg: str, around: Surroundings) -> Plan:
    mode = _PRIVACY.get(command.privacy_mode)
    if mode is None:
        raise Untranslatable("privacy", f"{str(command.privacy_mode)[:40]!r} is no privacy mode")
    return Plan(applications=(Application("privacy", mode),))


def audio_level(command: dialplan.AudioLevel, leg: str, around: Surroundings) -> Plan:
    if command.action == "stop":
        return Plan(apis=(f"uuid_audio {leg} stop",))
    if command.action != "start" or command.mode not in ("read", "write"):
        raise Untranslatable("audio_level", "it is to start or stop, of what a leg reads or writes")
    if command.level == "mute":
        return Plan(apis=(f"uuid_audio {leg} start {command.mode} mute 1",))
    if not _LEVEL.fullmatch(str(command.level)):
        raise Untranslatable("audio_level", f"{str(command.level)[:40]!r} is no level; -4 to 4 are, and mute")
    return Plan(apis=(f"uuid_audio {leg} start {command.mode} level {command.level}",))


def play_seek(command: dialplan.PlaySeek, leg: str, around: Surroundings) -> Plan:
    sign = _SEEK.get(command.direction)
    if sign is None:
        raise Untranslatable("playseek", f"{command.direction[:40]!r} is neither fastforward nor rewind")
    return Plan(apis=(f"uuid_fileman {leg} seek:{sign}{milliseconds(command.duration)}",))


def play_macro(command: dialplan.PlayMacro, leg: str, around: Surroundings) -> Plan:
    """Media one after the other: names, or objects with a `Media-Name`."""
    listed = command.media_macro if isinstance(command.media_macro, list | tuple) else ()
    names = [each.get("Media-Name") if isinstance(each, Mapping) else each for each in listed]
    if not names or len(names) > MOST_MEDIA or not all(isinstance(name, str) for name in names):
        raise Untranslatable("play_macro", f"it takes 1 to {MOST_MEDIA} names of media")
    found = [media(str(name), around) for name in names]
    if any("!" in each or each.startswith("file_string://") for each in found):
        raise Untranslatable("play_macro", "a medium with ! in its name cannot be played with others")
    joined = looped(found[0], 1) if len(found) == 1 else "file_string://" + "!".join(found)
    return Plan(applications=(Application("playback", joined),))


def connect_leg(command: dialplan.ConnectLeg, leg: str, around: Surroundings) -> Plan:
    if command.move_channel_if_necessary:
        raise Untranslatable("connect_leg", "a leg cannot be moved from one switch to another")
    target = identifier(command.target_call_id, "target_call_id")
    parks = command.park_after_pickup is True
    wishes = {
        "park_after_bridge": "true" if parks else "",
        "hangup_after_bridge": "" if parks else "true",
        "uuid_bridge": "",
    }
    return Plan(variables=wishes, apis=(f"uuid_bridge {leg} {target}",))


TRANSLATIONS: Final[dict[type, Any]] = {
    dialplan.AudioLevel: audio_level,
    dialplan.ConnectLeg: connect_leg,
    dialplan.Echo: echo,
    dialplan.HoldControl: hold_control,
    dialplan.PlayMacro: play_macro,
    dialplan.PlaySeek: play_seek,
    dialplan.Privacy: privacy,
    dialplan.SoftHold: soft_hold,
}
