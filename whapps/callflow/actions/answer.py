"""answer: answer the call. Kazoo: cf_answer."""

from __future__ import annotations

from mirliton.actors.kapi.dialplan import Answer
from mirliton.whapps.callflow.script import Data, Next, Outcome, Script


async def run(call: Script, data: Data) -> Outcome:
    """No data. Child: `_`."""
    await call.execute(Answer(call.id))
    return Next()
