"""do_not_disturb: turn the caller's do-not-disturb on or off. Kazoo: cf_do_not_disturb."""

from __future__ import annotations

from mirliton.whapps.callflow.feature_flags import turn
from mirliton.whapps.callflow.script import Data, Outcome, Script


async def run(call: Script, data: Data) -> Outcome:
    """`action` (activate, deactivate, toggle; toggle), `id` (a user or device; the caller's own). Child: `_`."""
    return await turn(call, data, "do_not_disturb", "dnd", "user", "device", default=False)
