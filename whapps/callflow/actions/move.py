"""move: take one's own call from one's other phone to this one. Kazoo: cf_move."""

from __future__ import annotations

from mirliton.actors.kapi.dialplan import CallPickup
from mirliton.whapps.callflow.fields import text
from mirliton.whapps.callflow.picking_up import devices_of, legs_of, talking
from mirliton.whapps.callflow.ringing import picked_up
from mirliton.whapps.callflow.script import Data, Done, Next, Outcome, Script
from mirliton.whapps.callflow.talking import tell


async def run(call: Script, data: Data) -> Outcome:
    """No data: the one call that the caller's user has at another phone. Child: `_` when there is none, or several.

    The state is the leg whose call is taken.
    """
    if call.state is None:
        owner = text(call.vars, "Owner-ID")
        if owner is None:
            await tell(call, "cf-move-no_owner")
            return Next()
        legs = [leg for leg in await legs_of(call, await devices_of(call, {"user_id": owner})) if talking(leg)]
        if len(legs) != 1:
            await tell(call, "cf-move-too_many_channels" if legs else "cf-move-no_channel")
            return Next()
        call.mark(legs[0]["uuid"])
    result = await call.execute(CallPickup(call.id, call.state, other_leg=True))
    if not picked_up(result):
        return Next()
    await call.parted()
    return Done()
