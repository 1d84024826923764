"""conference.conf: how rooms sound, and which keys do what in them. Kazoo: the settings `conferences.profiles` and
`conferences.controls`, and what a conference's document has of its own.

The switch asks by the name of the profile, each time somebody opens a room. A name that nobody has set is that of the
profile `default`: a room is never refused for it. Where a conference of an account has a `profile` of its own it is
asked for as `{conference id}_{account id}`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from xml.etree.ElementTree import Element

import structlog

from mirliton.actors.store import NotFound, Store
from mirliton.actors.store.documents import is_deleted
from mirliton.actors.store.errors import InvalidName
from mirliton.actors.store.names import account_db
from mirliton.actors.system_config import config_of, merged
from mirliton.ecallmgr.errors import Untranslatable
from mirliton.ecallmgr.media import media
from mirliton.ecallmgr.plan import Surroundings
from mirliton.ecallmgr.xml_curl.document import Global, element, params
from mirliton.ecallmgr.xml_curl.request import Lookup

_ENTRY: Final = "tone_stream://v=-7;%(300,0,523,659);v=-7;%(800,0,659,783)"
_EXIT: Final = "tone_stream://v=-7;%(300,0,523,440);v=-7;%(800,0,349,440)"
PROFILES: Final[dict[str, dict[str, Any]]] = {
    "default": {
        "sound-prefix": Global("sounds_dir"),
        "alone-sound": "prompt://system_media/conf-alone/en-us",
        "caller-controls": "default",
        "comfort-noise": 1000,
        "energy-level": 20,
        "enter-sound": _ENTRY,
        "exit-sound": _EXIT,
        "interval": 20,
        "locked-sound": "prompt://system_media/conf-max_participants/en-us",
        "max-members-sound": "prompt://system_media/conf-max_participants/en-us",
        "moderator-controls": "default",
        "moh-sound": Global("hold_music"),
        "muted-sound": "prompt://system_media/conf-muted/en-us",
        "rate": 8000,
        "unmuted-sound": "prompt://system_media/conf-unmuted/en-us",
    },
    "page": {
        "caller-controls": "paging",
        "comfort-noise": 1000,
        "energy-level": 20,
        "enter-sound": "silence_stream://1",
        "exit-sound": "silence_stream://1",
        "interval": 20,
        "moh-sound": "silence_stream://1",
        "rate": 8000,
    },
}
"""Kazoo's, but for the rate: 16 kHz is resampled for each caller with G.711."""
CONTROLS: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "default": (("vol talk dn", "1"), ("vol talk zero", "2"), ("vol talk up", "3"), ("vol listen dn", "4"),
                ("vol listen zero", "5"), ("vol listen up", "6"), ("energy dn", "7"), ("energy equ", "8"),
                ("energy up", "9"), ("mute", "0"), ("deaf mute", "*"), ("hangup", "#")),
    "paging": (("mute", "0"),),
}  # fmt: skip
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,160}")
_OF_ACCOUNT: Final = re.compile(r"([A-Za-z0-9_.-]{1,64})_([0-9a-f]{32})")
_ACTION: Final = re.compile(
    r"vol (talk|listen) (up|dn|zero)|energy (up|dn|equ)|(deaf )?mute( on| off)?|hangup|lock|event"
)
"""Not `execute_application` and `transfer`: whoever sets them would have the switch do anything."""
_DIGITS: Final = re.compile(r"[0-9*#]{1,8}")
_PARAMETER: Final = re.compile(r"[a-z][a-z0-9-]{0,63}")
log = structlog.get_logger()


async def conferences(store: Store, lookup: Lookup, around: Surroundings) -> list[Element]:
    """The profile that is asked for, and the keys that it names. Raises StoreError."""
    config = await config_of(store, "conferences")
    name = lookup.get("profile_name") or "default"
    profiles = merged(PROFILES, _object(config.get("profiles")))
    wanted = profiles if not lookup.get("profile_name") else {name: await _profile(store, name, profiles)}
    controls = {**CONTROLS, **dict(_controls(_object(config.get("controls"))))}
    made = [
        element("profile", *params(_parameters(_object(profile), around)), name=each)
        for each, profile in wanted.items()
        if _NAME.fullmatch(each)
    ]
    groups = [
        element("group", *(element("control", action=action, digits=keys) for action, keys in bound), name=group)
        for group, bound in controls.items()
    ]
    return [element("caller-controls", *groups), element("profiles", *made)] if made else []


async def _profile(store: Store, name: str, profiles: Mapping[str, Any]) -> dict[str, Any]:
    own = _OF_ACCOUNT.fullmatch(name)
    if name in profiles or own is None:
        return _object(profiles.get(name)) or _object(profiles.get("default"))
    try:
        doc = await store.get(account_db(own[2]), own[1])
    except (InvalidName, NotFound):
        doc = {"pvt_deleted": True}
    mine = {} if is_deleted(doc) or doc.get("pvt_type") != "conference" else _object(doc.get("profile"))
    return merged(_object(profiles.get("default")), mine)


def _parameters(profile: Mapping[str, Any], around: Surroundings) -> Iterator[tuple[str, str]]:
    for name, value in profile.items():
        if not _PARAMETER.fullmatch(name) or isinstance(value, bool) or not isinstance(value, str | int):
            log.warning("conference_parameter_not_usable", name=name[:80])
        elif name.endswith("-sound") and not isinstance(value, Global):
            try:
                yield name, media(str(value), around)
            except Untranslatable as error:
                log.warning("conference_sound_not_usable", name=name, error=str(error))
        else:
            yield name, value if isinstance(value, Global) else str(value)


def _controls(given: Mapping[str, Any]) -> Iterator[tuple[str, tuple[tuple[str, str], ...]]]:
    for name, rows in given.items():
        if not _NAME.fullmatch(name) or not isinstance(rows, list):
            continue
        pairs = [(row.get("action"), row.get("digits")) for row in rows[:64] if isinstance(row, dict)]
        good = [(str(action), str(keys)) for action, keys in pairs if _is_control(action, keys)]
        if len(good) < len(rows):
            log.warning("conference_controls_not_usable", name=name, rows=len(rows) - len(good))
        yield name, tuple(good)


def _is_control(action: Any, keys: Any) -> bool:
    if not isinstance(action, str) or not isinstance(keys, str):
        return False
    return bool(_ACTION.fullmatch(action) and _DIGITS.fullmatch(keys))


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
