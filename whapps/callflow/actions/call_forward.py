"""call_forward: forward the caller's calls elsewhere, or no longer. Kazoo: cf_call_forward."""

from __future__ import annotations

import re
from typing import Any, Final

from mirliton.actors.kapi.dialplan import Answer
from mirliton.actors.store import Document
from mirliton.whapps.callflow.fields import flag, mapping, text
from mirliton.whapps.callflow.media import prompt
from mirliton.whapps.callflow.own_documents import own_document, write
from mirliton.whapps.callflow.script import Data, Next, Outcome, Script
from mirliton.whapps.callflow.talking import Piece, Prompt, Spell, announce, ask_digits, ask_key, tell

FIELD: Final = "call_forward"
LONGEST: Final = 20
"""Digits of a number that is asked for."""
TRIES: Final = 3
ROUNDS: Final = 10
_NUMBER: Final = re.compile(r"\+?[0-9*#]{3,35}")
TOGGLE, CHANGE, KEYPRESS = "1", "2", "3"


async def run(call: Script, data: Data) -> Outcome:
    """`action` (activate, deactivate, update, toggle, menu; toggle). Child: `_`.

    The number is what the pattern captured, else (toggle) the one that is there, else the caller is asked. It is
    written to the caller's user, or to the device where the caller has none. The state is what is decided: {"doc", and
    the fields to write; "say", the prompt}.
    """
    if call.state is None:
        await call.execute(Answer(call.id))
        doc = await own_document(call, "user", "device")
        if doc is None:
            await tell(call, "cf-not_available")
            return Next()
        decided = await _decided(call, data, doc)
        if decided is None:
            return Next()
        call.mark({"doc": doc["_id"], **decided})
    await call.safe()
    state = call.state
    wanted: dict[str, Any] = state["fields"]
    await write(call, state["doc"], lambda doc: {**doc, FIELD: {**mapping(doc, FIELD), **wanted}})
    await announce(call, _said(state["say"], wanted))
    return Next()


async def _decided(call: Script, data: Data, doc: Document) -> dict[str, Any] | None:
    """What is to be written, and said; None when the caller does not say."""
    forward = mapping(doc, FIELD)
    match data.get("action"):
        case "activate":
            return await _activated(call, call.capture_group)
        case "deactivate":
            return _deactivated()
        case "update":
            return await _updated(call)
        case "menu":
            return await _menu(call, forward)
    return await _toggled(call, forward)


async def _toggled(call: Script, forward: dict[str, Any]) -> dict[str, Any] | None:
    if flag(forward, "enabled", False):
        return _deactivated()
    return await _activated(call, call.capture_group or text(forward, "number") or "")


async def _activated(call: Script, number: str) -> dict[str, Any] | None:
    number = number if _NUMBER.fullmatch(number) else await _asked(call)
    return {"fields": {"enabled": True, "number": number}, "say": "cf-now_forwarded_to"} if number else None


def _deactivated() -> dict[str, Any]:
    return {"fields": {"enabled": False}, "say": "cf-disabled"}


async def _updated(call: Script) -> dict[str, Any] | None:
    number = await _asked(call)
    return {"fields": {"number": number}, "say": "vm-saved"} if number else None


async def _asked(call: Script) -> str:
    """Ask for a number; "" when none comes."""
    for _ in range(TRIES):
        number = await ask_digits(call, prompt(call, "cf-enter_number"), LONGEST)
        if _NUMBER.fullmatch(number):
            return number
    return ""


async def _menu(call: Script, forward: dict[str, Any]) -> dict[str, Any] | None:
    menu = "cf-enabled_menu" if flag(forward, "enabled", False) else "cf-disabled_menu"
    for _ in range(ROUNDS):
        match await ask_key(call, prompt(call, menu)):
            case key if key == TOGGLE:
                return await _toggled(call, forward)
            case key if key == CHANGE:
                return await _updated(call)
            case key if key == KEYPRESS:
                keypress = not flag(forward, "require_keypress", True)
                return {"fields": {"require_keypress": keypress}, "say": "vm-saved"}
    return None


def _said(prompt_id: str, wanted: dict[str, Any]) -> list[Piece]:
    """The number is said behind the prompt that ends in one."""
    number: list[Piece] = [Spell(wanted["number"], "name_spelled")] if prompt_id == "cf-now_forwarded_to" else []
    return [Prompt(prompt_id), *number]
