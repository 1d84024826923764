"""Who a call says it is, and how actions of its flow change that for the legs that come later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mirliton.whapps.callflow.script import Script

LONGEST: Final = 128
"""Characters of a name or number."""
CALLER_ID: Final = "caller_id"
PREFIX: Final = "caller_id_prefix"


@dataclass(frozen=True, slots=True)
class CallerId:
    """A name and a number; None where the call has none."""

    name: str | None
    number: str | None


def caller_id(call: Script) -> CallerId:
    """The call's own, or what its flow has made of it; without prefixes."""
    name, number = call.kept(CALLER_ID, (None, None))
    return CallerId(name or call.leg.caller_id_name, number or call.leg.caller_id_number)


def shown(call: Script) -> CallerId:
    """What the legs that come later are shown."""
    own = caller_id(call)
    name, number = call.kept(PREFIX, ("", ""))
    return CallerId(
        name + (own.name or "") if name else own.name,
        number + (own.number or "") if number else own.number,
    )


def set_caller_id(call: Script, name: str | None, number: str | None) -> None:
    """Show these from now on; None or "" leaves what is there."""
    own = caller_id(call)
    call.keep(**{CALLER_ID: [(name or own.name or "")[:LONGEST], (number or own.number or "")[:LONGEST]]})


def set_prefix(call: Script, name: str, number: str) -> None:
    """Put these before name and number, instead of what was put there before."""
    call.keep(**{PREFIX: [name[:LONGEST], number[:LONGEST]] if name or number else None})
