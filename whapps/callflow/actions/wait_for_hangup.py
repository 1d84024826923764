"""wait_for_hangup: do nothing until the caller hangs up. Kazoo: cf_wait_for_hangup."""

from __future__ import annotations

from mirliton.whapps.callflow.script import Data, Outcome, Script


async def run(call: Script, data: Data) -> Outcome:
    """No data, no children."""
    return await call.ended()
