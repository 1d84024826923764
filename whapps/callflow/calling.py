"""Going on where another number leads, as if the caller had dialled that: for menus of numbers, feature codes, DISA."""

from __future__ import annotations

from typing import Final

from mirliton.whapps.callflow.attributes import caller_attributes
from mirliton.whapps.callflow.restrictions import restriction
from mirliton.whapps.callflow.routing import NO_MATCH, find_flow, found_flow
from mirliton.whapps.callflow.script import Jump, Script
from mirliton.whapps.numbers.rules import number_rules

DIALLED: Final = "dialled"
"""Kept where a flow has come to another number than the caller dialled at first."""


async def flow_for(call: Script, number: str, *, no_match: bool = False, only_no_match: bool = False) -> Jump | None:
    """The flow of a number of the account's, whose pattern's capture is the call's from now on; None where there is
    none. `no_match`: the account's callflow for all other numbers is one, too; or nothing else is."""
    if only_no_match:
        flow = await find_flow(call.store, call.account_id, NO_MATCH)
        if flow is None or await found_flow(call.store, call.account_id, number, no_match=False) is not None:
            return None
        return _jump(call, number, str(flow["_id"]), "")
    found = await found_flow(call.store, call.account_id, number, no_match=no_match)
    return None if found is None else _jump(call, number, *found)


def dialled(call: Script) -> str:
    """The number that the caller wants now."""
    return str(call.kept(DIALLED) or call.leg.caller_destination_number or "")


async def denied(call: Script, number: str) -> str | None:
    """Why the caller may not call a number (`restrictions.py`); None where it may."""
    attributes = await caller_attributes(call)
    if not attributes.account:
        return None
    rules = await number_rules(call.store)
    caller = attributes.device or attributes.user
    return await restriction(call.store, attributes.account, caller, number, rules)


def _jump(call: Script, number: str, flow_id: str, captured: str) -> Jump:
    call.keep_vars(**{"Capture-Group": captured})
    call.keep(**{DIALLED: number})
    return Jump(flow_id)
