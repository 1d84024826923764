"""eavesdrop_feature: listen to a call at the phones of a number. Kazoo: cf_eavesdrop_feature."""

from __future__ import annotations

from mirliton.whapps.callflow.fields import text
from mirliton.whapps.callflow.listening_in import listen
from mirliton.whapps.callflow.picking_up import devices_of, target_of_number
from mirliton.whapps.callflow.script import Data, Next, Outcome, Script


async def run(call: Script, data: Data) -> Outcome:
    """The captured number rings the phones; `group_id`: only its members may be listened to; `approved_device_id`,
    `approved_user_id` or `approved_group_id`: who may listen. Child: `_` when there is no call, or it is over."""
    target = await target_of_number(call, call.capture_group)
    group_id = text(data, "group_id")
    if group_id is not None and call.state is None:
        members = await devices_of(call, {"group_id": group_id})
        if not set(await devices_of(call, target)) <= set(members):
            call.log.info("eavesdrop_not_permitted")
            return Next()
    return await listen(call, data, target)
