"""eavesdrop: listen to a call of somebody else's. Kazoo: cf_eavesdrop."""

from __future__ import annotations

from mirliton.whapps.callflow.listening_in import listen
from mirliton.whapps.callflow.script import Data, Outcome, Script


async def run(call: Script, data: Data) -> Outcome:
    """`device_id` or `user_id`: whom; `approved_device_id`, `approved_user_id` or `approved_group_id`: who may. Child:
    `_` when there is no call, or it is over."""
    return await listen(call, data, data)
