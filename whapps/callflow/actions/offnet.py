"""offnet: call the number that was dialled through the system's carriers. Kazoo: cf_offnet."""

from __future__ import annotations

from mirliton.whapps.callflow.calling_out import call_out
from mirliton.whapps.callflow.script import Data, Outcome, Script


async def run(call: Script, data: Data) -> Outcome:
    """As `resources`, but never through an account's own carriers. Children: a hangup cause, a SIP code, `_`."""
    return await call_out(call, data, local=False)
