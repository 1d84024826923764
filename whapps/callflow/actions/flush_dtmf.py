"""flush_dtmf: forget digits that were collected. Kazoo: cf_flush_dtmf."""

from __future__ import annotations

from mirliton.whapps.callflow.actions.collect_dtmf import COLLECTED, DEFAULT
from mirliton.whapps.callflow.fields import text
from mirliton.whapps.callflow.script import Data, Next, Outcome, Script


async def run(call: Script, data: Data) -> Outcome:
    """`collection_name` (default). Child: `_`."""
    name = text(data, "collection_name") or DEFAULT
    left = {key: digits for key, digits in call.kept(COLLECTED, {}).items() if key != name}
    call.keep(**{COLLECTED: left or None})
    return Next()
