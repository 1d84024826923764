"""intercept: take a call from somebody else's phone, whether it rings or talks. Kazoo: cf_intercept."""

from __future__ import annotations

from mirliton.whapps.callflow.picking_up import ringing, take, talking
from mirliton.whapps.callflow.script import Data, Outcome, Script


async def run(call: Script, data: Data) -> Outcome:
    """`device_id`, `user_id` or `group_id`: from whose phones; `approved_device_id`, `approved_user_id` or
    `approved_group_id`: who may. Child: `_` when no call is taken."""
    return await take(call, data, data, ringing, talking)
