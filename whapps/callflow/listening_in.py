"""Listening to other people's calls: what the actions of eavesdropping share."""

from __future__ import annotations

from mirliton.actors.kapi.dialplan import Answer, Eavesdrop
from mirliton.whapps.callflow.picking_up import APPROVED, NO_PERMISSION, devices_of, legs_of, may, talking
from mirliton.whapps.callflow.script import Data, Next, Outcome, Script
from mirliton.whapps.callflow.talking import tell


async def listen(call: Script, data: Data, target: Data) -> Outcome:
    """Listen to the oldest call of the target's devices, until it is over. Where nobody is named who may, nobody
    may."""
    if call.state is None:
        named = any(data.get(name) for name in APPROVED)
        if not named or not await may(call, data):
            call.log.info("eavesdrop_not_permitted")
            await tell(call, NO_PERMISSION)
            return Next()
        legs = await legs_of(call, await devices_of(call, target))
        found = next((leg for leg in legs if talking(leg)), None)
        if found is None:
            await tell(call, "pickup-no_channels")
            return Next()
        call.mark(found["uuid"])
    leg = call.state
    await call.execute(Answer(call.id))
    await call.execute(Eavesdrop(call.id, leg))
    return Next()
