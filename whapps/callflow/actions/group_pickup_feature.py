"""group_pickup_feature: answer a call that rings at the phones of a number. Kazoo: cf_group_pickup_feature."""

from __future__ import annotations

from mirliton.whapps.callflow.picking_up import ringing, take, target_of_number
from mirliton.whapps.callflow.script import Data, Outcome, Script


async def run(call: Script, data: Data) -> Outcome:
    """`type`: extension (the phones that the captured number rings), or group, user, device (by `group_id`, `user_id`,
    `device_id`); `approved_device_id`, `approved_user_id` or `approved_group_id`: who may. Child: `_` when no call is
    taken."""
    target = await target_of_number(call, call.capture_group) if data.get("type", "extension") == "extension" else data
    return await take(call, data, target, ringing)
