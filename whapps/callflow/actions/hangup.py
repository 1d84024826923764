"""hangup: the flow ends here."""

from __future__ import annotations

from mirliton.whapps.callflow.script import Data, Done, Outcome, Script


async def run(call: Script, data: Data) -> Outcome:
    """No data, no children."""
    return Done()
