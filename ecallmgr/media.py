"""Media names: what the switch can play, what it may record to."""

from __future__ import annotations

import hashlib
import re
from typing import Any, Final

from mirliton.actors.kapi.dialplan import Tts
from mirliton.actors.kapi.media import MediaReq
from mirliton.config.prompts import DEFAULT, spoken_language
from mirliton.ecallmgr.errors import Untranslatable
from mirliton.ecallmgr.plan import Surroundings

MAX_LOOPS: Final = 100
FLITE: Final = "flite"
"""The engine that is a module of the switch."""
_MEDIA_FIELDS: Final = ("media_name", "failed_media_name", "hold_media", "ringback", "confirm_file")
_MAX_STRING: Final = 16_000
_PROMPT: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
_STREAM: Final = re.compile(r"(tone_stream|silence_stream|local_stream)://(?!path=)[A-Za-z0-9_.,;%()=:+*/-]{1,512}")
"""Not `path=`: it would read a tone from any file."""
_URL: Final = re.compile(r"https?://[A-Za-z0-9_.:/%?&=~+@-]{1,1024}")
_OWN_FILE: Final = re.compile(r"(/[A-Za-z0-9_.-]{1,128}){0,16}/mirliton-[A-Za-z0-9_.-]{1,200}")
"""Files that we had the switch record: their names cannot be guessed. No other path on the switch is a medium."""
_FILE: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,199}")
_TONE: Final = re.compile(r"(v=-?[0-9]{1,3};)?%\([0-9,.]{1,60}\)(;%\([0-9,.]{1,60}\)){0,8}")


def media(name: str, around: Surroundings) -> str:
    """A medium as the switch finds it: a prompt in our folder of its language, a tone, a stream, a URL, or a file that
    it recorded.

    Raises Untranslatable.
    """
    found = around.media.get(name)
    if found is not None and _URL.fullmatch(found):
        return found
    if name.startswith("prompt://"):
        # prompt://{account}/{prompt id}/{language}
        parts = name.removeprefix("prompt://").split("/")
        prompt = parts[1] if len(parts) > 1 else parts[0]
        if not _PROMPT.fullmatch(prompt):
            raise Untranslatable("media", f"{name[:80]!r} names no prompt")
        return f"{_folder(around.sounds, prompt, parts[2] if len(parts) > 2 else DEFAULT)}/{prompt}.wav"
    # `::` would make an application of it (uuid_broadcast), `@@` an offset (playback).
    if "::" not in name and "@@" not in name and (_STREAM.fullmatch(name) or _URL.fullmatch(name) or _is_file(name)):
        return name
    raise Untranslatable("media", f"{name[:80]!r} is nothing a switch can play")


def needed_media(command: Any) -> tuple[MediaReq, ...]:
    """The media of a command of which media_mgr may know: prompts that somebody has recorded, and texts to speak."""
    parts = (command, *getattr(command, "endpoints", ()))
    names = [value for part in parts for name in _MEDIA_FIELDS if isinstance(value := getattr(part, name, None), str)]
    found = [MediaReq(name) for name in dict.fromkeys(names) if name.startswith("prompt://")]
    if isinstance(command, Tts) and command.engine != FLITE:
        name, engine = spoken_name(command), command.engine
        found.append(MediaReq(name, text=command.text, voice=command.voice, language=command.language, engine=engine))
    return tuple(found)


def spoken_name(command: Tts) -> str:
    """The name of a text as a medium."""
    words = "\0".join((command.text, command.voice or "", command.language or ""))
    return f"tts://{hashlib.sha256(words.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _folder(sounds: str, prompt: str, language: str) -> str:
    """The folder of the prompt's language, beside that of the default one."""
    spoken = spoken_language(prompt, language) or DEFAULT
    return f"{sounds.removesuffix(DEFAULT)}{spoken}" if sounds.endswith(f"/{DEFAULT}") else sounds


def looped(medium: str, times: int) -> str:
    """A medium so many times over, as one medium. Raises Untranslatable."""
    if times == 1:
        return medium
    made = "file_string://" + "!".join([medium] * min(times, MAX_LOOPS + 1))
    if times > MAX_LOOPS or len(made) > _MAX_STRING or medium.startswith("file_string://"):
        raise Untranslatable("play", f"{times} times is more than can be played at a stretch ({MAX_LOOPS})")
    return made


def ringback(name: str, around: Surroundings) -> str:
    """What a waiting caller hears: a tone such as `%(2000,4000,440,480)`, or a medium. Raises Untranslatable."""
    return name if _TONE.fullmatch(name) else media(name, around)


def record_file(command: str, name: str) -> str:
    """A file that may be recorded to: one of ours by its whole name, or a bare name in the switch's own folder.

    Raises Untranslatable.
    """
    if _is_file(name):
        return name
    raise Untranslatable(command, f"{name[:80]!r} is no file to record to")


def _is_file(name: str) -> bool:
    return ".." not in name and bool(_OWN_FILE.fullmatch(name) or _FILE.fullmatch(name))
