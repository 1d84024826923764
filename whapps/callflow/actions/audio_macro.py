"""audio_macro: several things to be heard, one after the other. Kazoo: cf_audio_macro."""

from __future__ import annotations

from typing import Any, Final

from mirliton.actors.kapi.dialplan import Play, Say, Tone, Tones, Tts
from mirliton.whapps.callflow.errors import InvalidFlow
from mirliton.whapps.callflow.fields import number, text
from mirliton.whapps.callflow.media import media_name, prompt
from mirliton.whapps.callflow.script import Data, Next, Outcome, Script
from mirliton.whapps.callflow.talking import keys

MOST: Final = 50
_METHODS: Final = frozenset({"none", "pronounced", "iterated", "counted"})
_GENDERS: Final = frozenset({"masculine", "feminine", "neuter"})
_SPOKEN: Final = frozenset(
    {
        *("number", "items", "persons", "messages", "currency", "time_measurement"),
        *("current_date", "current_time", "current_date_time", "short_date_time"),
        *("telephone_number", "telephone_extension", "url", "ip_address", "e-mail_address", "postal_address"),
        *("account_number", "name_spelled", "name_phonetic"),
    }
)


async def run(call: Script, data: Data) -> Outcome:
    """`macros` (objects of kind `macro`: play, prompt, say, tone, tts, with the fields of each), `terminators` (every
    key), which end all of it. Child: `_`. Raises InvalidFlow for a macro that says nothing that can be heard."""
    macros = data.get("macros")
    if not isinstance(macros, list) or not macros:
        raise InvalidFlow("audio_macro", "it has no macros")
    ends = keys(data.get("terminators"))
    for position, macro in enumerate(macros[:MOST]):
        command = await _command(call, macro if isinstance(macro, dict) else {}, ends)
        if command is None:
            raise InvalidFlow("audio_macro", f"its macro {position} says nothing that can be heard")
        result = await call.execute(command)
        if result.variables.get("playback_terminator_used", "") in ends:
            break
    return Next()


async def _command(call: Script, macro: dict[str, Any], ends: tuple[Any, ...]) -> Any:
    said = text(macro, "text")
    match macro.get("macro"):
        case "play" if medium := text(macro, "id"):
            return Play(call.id, await media_name(call, medium), terminators=ends)
        case "prompt" if prompt_id := text(macro, "id"):
            return Play(call.id, prompt(call, prompt_id), terminators=ends)
        case "tts" if said:
            return Tts(call.id, said[:1000], engine=text(macro, "engine"), terminators=ends)
        case "say" if said:
            return Say(
                call.id,
                said[:500],
                _one_of(macro.get("type"), _SPOKEN, "name_spelled"),
                _one_of(macro.get("method"), _METHODS, "pronounced"),
                gender=_one_of(macro.get("gender"), _GENDERS, None),
            )
        case "tone":
            return Tones(call.id, (_tone(macro),), terminators=ends)
    return None


def _one_of(value: Any, known: frozenset[str], default: str | None) -> Any:
    return value if isinstance(value, str) and value in known else default


def _tone(macro: dict[str, Any]) -> Tone:
    frequencies = macro.get("frequencies")
    return Tone(
        frequencies=tuple(one for one in frequencies if type(one) is int) if isinstance(frequencies, list) else (),
        duration_on=number(macro, "duration_on", 500, 1, 60_000) / 1000,
        duration_off=number(macro, "duration_off", 100, 1, 60_000) / 1000,
        repeat=number(macro, "repeat", 1, 1, 100),
    )
