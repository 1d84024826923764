"""cidlistmatch: branch by whether the caller's number stands in a list. Kazoo: cf_cidlistmatch."""

from __future__ import annotations

from mirliton.whapps.callflow.caller_id import caller_id
from mirliton.whapps.callflow.endpoints import required_id
from mirliton.whapps.callflow.number_lists import entries_of, matching
from mirliton.whapps.callflow.script import Data, Next, Outcome, Script


async def run(call: Script, data: Data) -> Outcome:
    """`id` (a list). Children: `match`, `nomatch`, `_`."""
    entries = await entries_of(call, required_id("cidlistmatch", data))
    found = matching(entries, caller_id(call).number or "")
    return Next("match" if found is not None else "nomatch")
