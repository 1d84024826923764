"""Commands that play something, or change what is heard.

`terminators` are the keys that end what plays: None leaves the switch's, () lets none.
"""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, Literal

from mirliton.actors.kapi._family import command, part
from mirliton.actors.kapi.dialplan._command import Command, InsertAt, Leg
from mirliton.actors.kapi.wire import Anything, Header, Keys, Number, Positive, Required, Seconds, TextMillis, Vars


@command("play")
class Play(Command):
    """Play a medium, to the end or to a terminator; on a bridged call to one `leg` or both."""

    media_name: str
    terminators: Keys | None = None
    leg: Leg | None = None
    endless_playback: bool | None = None
    loop_count: Positive | None = None
    group_id: str | None = None
    """Commands of one group are dropped together."""
    format: str | None = None
    language: str | None = None
    voice: str | None = None


@command("playstop")
class PlayStop(Command):
    """Stop what plays, and all that the switch has queued behind it."""

    insert_at: Literal["now"] = field(default="now", kw_only=True)


@command("playseek")
class PlaySeek(Command):
    """Go forward or back in what plays, by `duration` seconds."""

    direction: str
    """`fastforward` or `rewind`."""
    duration: TextMillis
    insert_at: Literal["now"] = field(default="now", kw_only=True)


@command("play_macro")
class PlayMacro(Command):
    """Play media, sentences and tones, one after the other, now."""

    media_macro: Anything
    """What to play: objects, each with one of a medium, a text and tones."""
    insert_at: Literal["now"] = field(default="now", kw_only=True)


@command("media_macro")
class MediaMacro(Command):
    """Play these by name."""

    media_macros: Vars
    insert_at: Literal["now"] = field(default="now", kw_only=True)


@command("break")
class Break(Command):
    """Stop the application that runs."""

    insert_at: Literal["now"] = field(default="now", kw_only=True)


@command("say")
class Say(Command):
    """Say a number, a date and the like from recorded pieces."""

    say_text: str
    type: Literal[
        "number",
        "items",
        "persons",
        "messages",
        "currency",
        "time_measurement",
        "current_date",
        "current_time",
        "current_date_time",
        "telephone_number",
        "telephone_extension",
        "url",
        "ip_address",
        "e-mail_address",
        "postal_address",
        "account_number",
        "name_spelled",
        "name_phonetic",
        "short_date_time",
    ]
    method: Required[Literal["none", "pronounced", "iterated", "counted"]] = "pronounced"
    language: Required[str] = "en"
    gender: Literal["masculine", "feminine", "neuter"] | None = None
    group_id: str | None = None


@command("tts")
class Tts(Command):
    """Speak a text with a synthetic voice."""

    text: str
    voice: Literal["male", "female"] | None = None
    language: str | None = None
    engine: str | None = None
    terminators: Keys | None = None
    leg: str | None = None
    endless_playback: bool | None = None
    loop_count: Positive | None = None
    group_id: str | None = None
    conference_id: str | None = None


@part("dialplan.tone")
class Tone:
    """One tone: these frequencies (Hz) at once, on and off for so many seconds, `repeat` times."""

    frequencies: tuple[Number, ...]
    duration_on: Annotated[TextMillis, Header("Duration-ON")]
    duration_off: Annotated[TextMillis, Header("Duration-OFF")]
    repeat: Number | None = None
    volume: Number | None = None


@command("tones")
class Tones(Command):
    """Play tones, one after the other."""

    tones: tuple[Tone, ...]
    terminators: Keys | None = None
    group_id: str | None = None
    conference_id: str | None = None


@command("tone_detect")
class ToneDetect(Command):
    """Listen for a tone, and report that it was heard."""

    tone_detect_name: str
    frequencies: tuple[Number, ...]
    sniff_direction: Literal["read", "write"] | None = None
    hits_needed: Number | None = None
    """How often it must be heard."""
    timeout: Seconds | None = None
    on_success: tuple[str, ...] = ()


@command("sound_touch")
class SoundTouch(Command):
    """Change how a party sounds."""

    action: Literal["start", "stop"]
    insert_at: Required[InsertAt] = field(default="tail", kw_only=True)
    sending_leg: bool | None = None
    hook_dtmf: bool | None = None
    adjust_in_semitones: str | None = None
    adjust_in_octaves: str | None = None
    pitch: str | None = None
    rate: str | None = None
    tempo: str | None = None


@command("audio_level")
class AudioLevel(Command):
    """Make a party louder or softer, or mute it."""

    action: str
    level: str
    mode: str
    """`read`, `write` or both."""
    insert_at: Required[InsertAt] = field(default="tail", kw_only=True)
