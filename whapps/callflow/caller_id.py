"""Who a call says it is, and how actions of its flow change that for the legs that come later.

What a flow has set counts first. A call from outside says what it said itself; one of the account's own says what the
caller's device, user or account has as its caller id, of the kind that suits who is called.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mirliton.whapps.callflow.attributes import CallerIdKind, caller_attributes
from mirliton.whapps.callflow.script import Script

LONGEST: Final = 128
"""Characters of a name or number."""
CALLER_ID: Final = "caller_id"
PREFIX: Final = "caller_id_prefix"
HIDDEN: Final = "hidden"
"""Kept by the action `privacy`: whether the caller's name and number are hidden."""
HIDES: Final = {
    "full": (True, True),
    "yes": (True, True),
    "name": (True, False),
    "number": (False, True),
    "none": (False, False),
}
"""What each mode of privacy hides: the name, the number."""


@dataclass(frozen=True, slots=True)
class CallerId:
    """A name and a number; None where the call has none."""

    name: str | None
    number: str | None


def caller_id(call: Script) -> CallerId:
    """The call's own, or what its flow has made of it; without prefixes and rules."""
    name, number = call.kept(CALLER_ID, (None, None))
    return CallerId(name or _said(call.leg.caller_id_name), number or _said(call.leg.caller_id_number))


async def shown(call: Script, kind: CallerIdKind = "internal") -> CallerId:
    """What the legs that come later are shown."""
    name, number = call.kept(CALLER_ID, (None, None))
    if not (name and number) and not speaks_for_itself(call):
        ruled_name, ruled_number = (await caller_attributes(call)).caller_id(kind)
        name, number = name or ruled_name, number or ruled_number
    name, number = name or _said(call.leg.caller_id_name), number or _said(call.leg.caller_id_number)
    before_name, before_number = call.kept(PREFIX, ("", ""))
    return CallerId(
        before_name + (name or "") if before_name else name, before_number + (number or "") if before_number else number
    )


def _said(text: str | None) -> str | None:
    """What a phone says of itself, which may be of any length."""
    return text[:LONGEST] if text is not None else None


def speaks_for_itself(call: Script) -> bool:
    """Whether the caller is none of the account's own, or is forwarded with the caller id it came with."""
    if call.vars.get("Retain-CID") in (True, "true"):
        return True
    return bool(call.vars.get("Inception")) and call.vars.get("Call-Forward") not in (True, "true")


async def hidden(call: Script, kind: CallerIdKind = "internal") -> tuple[bool, bool]:
    """Whether the name and the number of the caller are hidden: as an action said, as the call itself asks for, or (to
    the outside) as the caller's device, user or account has it."""
    name, number = call.kept(HIDDEN) or (False, False)
    asked = tuple(call.vars.get(f"Privacy-Hide-{part}") in (True, "true") for part in ("Name", "Number"))
    ruled = (False, False)
    if kind == "external" and not call.kept(HIDDEN) and not speaks_for_itself(call):
        mode = (await caller_attributes(call)).text("caller_id_options", "outbound_privacy")
        ruled = HIDES.get(mode or "none", (False, False))
    return bool(name or asked[0] or ruled[0]), bool(number or asked[1] or ruled[1])


def set_caller_id(call: Script, name: str | None, number: str | None) -> None:
    """Show these from now on; None or "" leaves what is there."""
    old_name, old_number = call.kept(CALLER_ID, (None, None))
    wanted = [(name or old_name or "")[:LONGEST], (number or old_number or "")[:LONGEST]]
    if wanted != ["", ""]:
        call.keep(**{CALLER_ID: wanted})


def set_prefix(call: Script, name: str, number: str) -> None:
    """Put these before name and number, instead of what was put there before."""
    call.keep(**{PREFIX: [name[:LONGEST], number[:LONGEST]] if name or number else None})
