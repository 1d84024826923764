"""dynamic_cid: let the caller choose which caller id a call shows, then place it. Kazoo: cf_dynamic_cid."""

from __future__ import annotations

from typing import Final

from mirliton.actors.store import Document
from mirliton.actors.store.documents import is_deleted
from mirliton.whapps.callflow import patterns
from mirliton.whapps.callflow.caller_id import set_caller_id
from mirliton.whapps.callflow.calling import denied, flow_for
from mirliton.whapps.callflow.calling import dialled as dialled_now
from mirliton.whapps.callflow.endpoints import required_id
from mirliton.whapps.callflow.errors import InvalidFlow
from mirliton.whapps.callflow.fields import flag, mapping, milliseconds, number, text
from mirliton.whapps.callflow.media import media_name, prompt
from mirliton.whapps.callflow.number_lists import entries_of
from mirliton.whapps.callflow.script import Data, Done, Next, Outcome, Script
from mirliton.whapps.callflow.talking import FIRST_DIGIT, NEXT_DIGIT, ask_digits, tell

DIGITS: Final = 10
KEY_LENGTH: Final = 2
"""Digits by which an entry of a list is chosen, where the list does not say."""


async def run(call: Script, data: Data) -> Outcome:
    """`action`: manual (the caller enters a number of `min_digits` to `max_digits`, 10, that fits `whitelist_regex`;
    `media_id` asks for it), list or lists (`id`; the captured digits begin with an entry's key), static (`caller_id`).

    The rest of what was captured is the number that the call goes on with: only in the callflow for numbers that are
    nobody's, unless `permit_custom_callflow`; and only if the caller may call it (`enforce_call_restriction`, true).
    `idx_name` names the group of the callflow's pattern that captured them, where it is not the first. Without such a
    number: child `_`.
    """
    dialled = await _captured(call, data)
    match data.get("action"):
        case "static":
            own = mapping(data, "caller_id")
            name, shown = text(own, "name"), text(own, "number")
        case "list" | "lists":
            entry, dialled = await _entry(call, data, dialled)
            if entry is None:
                await tell(call, "fault-can_not_be_completed_as_dialed")
                return Done()
            name, shown = text(entry, "name") or text(entry, "displayname"), text(entry, "number")
        case _:
            name, shown = None, await _entered(call, data)
    set_caller_id(call, name, shown)
    if not dialled:
        return Next()
    return await _placed(call, data, dialled)


async def _captured(call: Script, data: Data) -> str:
    """What a group of the callflow's pattern captured: that of the name, else the first."""
    name = text(data, "idx_name")
    if name is None:
        return call.capture_group
    number = dialled_now(call)
    listed = (await call.document(str(call.vars["CallFlow-ID"]))).get("patterns")
    for pattern in listed if isinstance(listed, list) else ():
        found = patterns.match(pattern, number) if isinstance(pattern, str) else None
        if found is not None and found.groupdict().get(name) is not None:
            return str(found[name])
    return call.capture_group


async def _entered(call: Script, data: Data) -> str | None:
    """The number that the caller enters; None for one that may not be: the call keeps its own."""
    medium = text(data, "media_id")
    asked = await media_name(call, medium) if medium else prompt(call, "dynamic-cid-enter_cid")
    least = number(data, "min_digits", DIGITS, 1, 32)
    most = number(data, "max_digits", max(DIGITS, least), least, 32)
    between = milliseconds(data, "interdigit_timeout", NEXT_DIGIT)
    digits = await ask_digits(call, asked, most, FIRST_DIGIT, between)
    if len(digits) >= least and patterns.match(text(data, "whitelist_regex") or r"^\d+$", digits) is not None:
        return digits
    await tell(call, "dynamic-cid-invalid_using_default")
    return None


async def _entry(call: Script, data: Data, captured: str) -> tuple[Document | None, str]:
    """The entry of the list that the captured digits begin with the key of, and the digits behind it."""
    list_id = required_id("dynamic_cid", data)
    if data.get("action") == "lists":
        for entry in await entries_of(call, list_id):
            length = number(entry, "capture_group_length", KEY_LENGTH, 1, 32)
            if captured[:length] == text(entry, "capture_group_key"):
                return entry, captured[length:]
        return None, captured
    doc = await call.document(list_id)
    if is_deleted(doc):
        raise InvalidFlow(f"list {list_id}", "it does not exist")
    length = number(doc, "length", KEY_LENGTH, 1, 32)
    found = mapping(doc, "entries").get(captured[:length])
    return (found, captured[length:]) if isinstance(found, dict) else (None, captured)


async def _placed(call: Script, data: Data, dialled: str) -> Outcome:
    if flag(data, "enforce_call_restriction", True) and await denied(call, dialled):
        await tell(call, "cf-unauthorized_call")
        return Done()
    jump = await flow_for(call, dialled, no_match=True, only_no_match=not flag(data, "permit_custom_callflow", False))
    if jump is None:
        await tell(call, "fault-can_not_be_completed_as_dialed")
    return jump or Done()
