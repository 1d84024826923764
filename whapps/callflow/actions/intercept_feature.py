"""intercept_feature: take a call from the phones of a number. Kazoo: cf_intercept_feature."""

from __future__ import annotations

from mirliton.whapps.callflow.picking_up import ringing, take, talking, target_of_number
from mirliton.whapps.callflow.script import Data, Outcome, Script


async def run(call: Script, data: Data) -> Outcome:
    """`type`: extension (the phones that the captured number rings), or user, device (by what the number's callflow
    rings, too); `approved_device_id`, `approved_user_id` or `approved_group_id`: who may. Child: `_` when no call is
    taken."""
    return await take(call, data, await target_of_number(call, call.capture_group), ringing, talking)
