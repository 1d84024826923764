"""transfer: go on as if another number had been dialled. Kazoo: cf_transfer."""

from __future__ import annotations

from mirliton.whapps.callflow.calling import denied, flow_for
from mirliton.whapps.callflow.errors import InvalidFlow
from mirliton.whapps.callflow.fields import text
from mirliton.whapps.callflow.routing import NO_MATCH, find_flow
from mirliton.whapps.callflow.script import Data, Done, Jump, Outcome, Script
from mirliton.whapps.callflow.talking import tell


async def run(call: Script, data: Data) -> Outcome:
    """`target` (an extension or number; else what the pattern captured, else the first of `captures`, which may be
    no_match), `transfer_type` (blind), `leg` (self). Nothing follows: the call goes on in the callflow of the
    number, or in the account's for all other numbers.

    Raises InvalidFlow without a number, and for what needs a second leg, which a callflow has none of: an attended
    transfer, and `leg` bleg.
    """
    number = text(data, "target") or call.capture_group or _instead(data)
    if not number:
        raise InvalidFlow("transfer", "it has no target, and nothing was captured")
    if data.get("transfer_type", "blind") != "blind" or data.get("leg", "self") != "self":
        raise InvalidFlow("transfer", "only the caller itself can be transferred, and only blindly")
    if await denied(call, number):
        await tell(call, "cf-unauthorized_call")
        return Done()
    if number == NO_MATCH:
        flow = await find_flow(call.store, call.account_id, NO_MATCH)
        return Jump(str(flow["_id"])) if flow is not None else Done()
    jump = await flow_for(call, number, no_match=True)
    if jump is None:
        await tell(call, "fault-can_not_be_completed_as_dialed")
    return jump or Done()


def _instead(data: Data) -> str | None:
    """What counts where nothing was captured."""
    listed = data.get("captures")
    return next((each for each in listed if isinstance(each, str) and each), None) if isinstance(listed, list) else None
