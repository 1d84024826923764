"""Talking with a caller: announcements in several pieces, a key, a number.

    key = await announce(call, [Prompt("vm-you_have"), Spell("3", "messages"), Prompt("vm-new_messages")], ANY_KEY)
    key = key or await ask_key(call, prompt(call, "vm-main_menu"))

Each piece is a command of its own. A key ends the announcement; it is known by the variable in which the switch notes
what ended a playback, so a key pressed early counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from mirliton.actors.kapi.dialplan import Play, PlayAndCollectDigits, Say, Tone, Tones
from mirliton.actors.kapi.wire import Key
from mirliton.actors.switching import CommandResult
from mirliton.whapps.callflow.media import prompt
from mirliton.whapps.callflow.script import Script

ANY_KEY: Final[tuple[Key, ...]] = ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "#")
NO_KEY: Final[tuple[Key, ...]] = ()
_HASH: Final[tuple[Key, ...]] = ("#",)
FIRST_DIGIT: Final = 5.0
"""Seconds to wait for the first digit (Kazoo: collect_timeout)."""
NEXT_DIGIT: Final = 2.0
"""Seconds to wait for each further digit (Kazoo: interdigit_timeout)."""
SILENCE: Final = "silence_stream://10"
_BEEP: Final = Tone(frequencies=(440,), duration_on=0.5, duration_off=0.1)

Spoken = Literal["messages", "number", "name_spelled", "current_date_time"]


@dataclass(frozen=True, slots=True)
class Prompt:
    """One of the platform's own announcements, by Kazoo's id."""

    id: str


@dataclass(frozen=True, slots=True)
class Medium:
    """Anything that a switch can play, by its name."""

    name: str


@dataclass(frozen=True, slots=True)
class Spell:
    """Something to be said from recorded pieces."""

    text: str
    type: Spoken


Piece = Prompt | Medium | Spell


async def announce(call: Script, pieces: Sequence[Piece], keys: tuple[Key, ...] = NO_KEY) -> str | None:
    """Play the pieces, one after the other, until one of `keys` is pressed: which one; None when all was heard."""
    for piece in pieces:
        match piece:
            case Prompt(prompt_id):
                command: Any = Play(call.id, prompt(call, prompt_id), terminators=keys)
            case Medium(name):
                command = Play(call.id, name, terminators=keys)
            case Spell(text, spoken):
                # What ends it is what ended the playback before it.
                command = Say(call.id, text, spoken)
        pressed = (await call.execute(command)).variables.get("playback_terminator_used", "")
        if pressed and pressed in keys:
            return pressed
    return None


async def tell(call: Script, *prompt_ids: str) -> None:
    """Play prompts to their end."""
    await announce(call, [Prompt(prompt_id) for prompt_id in prompt_ids])


async def beep(call: Script) -> None:
    """The tone after which one speaks."""
    await call.execute(Tones(call.id, (_BEEP,), terminators=NO_KEY))


async def ask_key(call: Script, medium: str, wait: float = FIRST_DIGIT) -> str:
    """Play a medium, and wait for one key; "" when none comes."""
    return await _collect(call, medium, 1, wait, NO_KEY)


async def ask_digits(
    call: Script,
    medium: str,
    most: int,
    first: float = FIRST_DIGIT,
    between: float = NEXT_DIGIT,
    terminators: tuple[Key, ...] = _HASH,
) -> str:
    """Play a medium, and collect up to `most` digits, ended by # (or others) or by a pause; "" when none comes.

    A switch waits as long for the first digit as for each further one, so these are two commands.
    """
    head = await _collect(call, medium, 1, first, terminators)
    if not head or most <= 1:
        return head
    return head + await _collect(call, SILENCE, most - 1, between, terminators)


async def _collect(call: Script, medium: str, most: int, wait: float, terminators: tuple[Key, ...]) -> str:
    result = await call.execute(
        PlayAndCollectDigits(
            call.id,
            medium,
            minimum_digits=1,
            maximum_digits=most,
            digits_regex="[0-9*#]+",
            timeout=max(wait, 1.0),
            terminators=terminators,
            media_tries=1,
        )
    )
    return collected(result, most)


def keys(value: Any) -> tuple[Key, ...]:
    """A document's list of keys; every key where it has none."""
    return tuple(key for key in ANY_KEY if key in value) if isinstance(value, list) else ANY_KEY


def collected(result: CommandResult, most: int) -> str:
    """The digits that a caller pressed, whatever else a switch may have put there."""
    digits = result.variables.get("collected_digits", "")
    return "".join(sign for sign in digits if sign in ANY_KEY)[:most]
