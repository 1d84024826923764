"""Going on where another number leads, as if the caller had dialled that: for menus of numbers, feature codes, DISA."""

from __future__ import annotations

from mirliton.whapps.callflow.routing import NO_MATCH, find_flow, found_flow
from mirliton.whapps.callflow.script import Jump, Script


async def flow_for(call: Script, number: str, *, no_match: bool = False, only_no_match: bool = False) -> Jump | None:
    """The flow of a number of the account's, whose pattern's capture is the call's from now on; None where there is
    none. `no_match`: the account's callflow for all other numbers is one, too; or nothing else is."""
    if only_no_match:
        flow = await find_flow(call.store, call.account_id, NO_MATCH)
        if flow is None or await found_flow(call.store, call.account_id, number, no_match=False) is not None:
            return None
        call.keep_vars(**{"Capture-Group": ""})
        return Jump(str(flow["_id"]))
    found = await found_flow(call.store, call.account_id, number, no_match=no_match)
    if found is None:
        return None
    flow_id, captured = found
    call.keep_vars(**{"Capture-Group": captured})
    return Jump(flow_id)
