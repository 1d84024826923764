"""dead_air: answer, and say nothing until the caller hangs up. Kazoo: cf_dead_air."""

from __future__ import annotations

from mirliton.actors.kapi.dialplan import Answer
from mirliton.whapps.callflow.script import Data, Outcome, Script


async def run(call: Script, data: Data) -> Outcome:
    """No data, no children."""
    await call.execute(Answer(call.id))
    return await call.ended()
