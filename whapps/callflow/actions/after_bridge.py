"""after_bridge: what becomes of the caller when the next one who answers has hung up. Kazoo: cf_after_bridge."""

from __future__ import annotations

from mirliton.whapps.callflow.errors import InvalidFlow
from mirliton.whapps.callflow.fields import text
from mirliton.whapps.callflow.ringing import AFTER_BRIDGE
from mirliton.whapps.callflow.script import Data, Next, Outcome, Script


async def run(call: Script, data: Data) -> Outcome:
    """`action` (park: wait with music for whoever takes the call; transfer: go on in the callflow of the number that
    is `data`; hangup), `data` (false: no longer). Child: `_`. Raises InvalidFlow for another action, and for a transfer
    to no number."""
    action, wanted = data.get("action"), data.get("data")
    if wanted is False:
        call.keep(**{AFTER_BRIDGE: None})
        return Next()
    if action not in ("park", "transfer", "hangup"):
        raise InvalidFlow("after_bridge", f"{str(action)[:32]!r} is none of park, transfer, hangup")
    number = text(data, "data") if action == "transfer" else None
    if action == "transfer" and number is None:
        raise InvalidFlow("after_bridge", "a transfer needs a number")
    call.keep(**{AFTER_BRIDGE: [action, number]})
    return Next()
