"""group_pickup: answer a call that rings at somebody else's phone. Kazoo: cf_group_pickup."""

from __future__ import annotations

from mirliton.whapps.callflow.picking_up import ringing, take
from mirliton.whapps.callflow.script import Data, Outcome, Script


async def run(call: Script, data: Data) -> Outcome:
    """`device_id`, `user_id` or `group_id`: at whose phones; `approved_device_id`, `approved_user_id` or
    `approved_group_id`: who may. Child: `_` when no call is taken."""
    return await take(call, data, data, ringing)
