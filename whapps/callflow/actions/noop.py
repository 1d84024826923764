"""noop: do nothing, in its turn. Kazoo: cf_noop."""

from __future__ import annotations

from mirliton.actors.kapi.dialplan import Noop
from mirliton.whapps.callflow.script import Data, Next, Outcome, Script


async def run(call: Script, data: Data) -> Outcome:
    """No data. Child: `_`."""
    await call.execute(Noop(call.id))
    return Next()
