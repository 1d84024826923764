"""prepend_cid: put something before the caller id that later legs are shown. Kazoo: cf_prepend_cid."""

from __future__ import annotations

from mirliton.whapps.callflow.caller_id import PREFIX, set_prefix
from mirliton.whapps.callflow.fields import text
from mirliton.whapps.callflow.script import Data, Next, Outcome, Script


async def run(call: Script, data: Data) -> Outcome:
    """`action` (prepend; reset takes all away), `caller_id_name_prefix`, `caller_id_number_prefix`, `apply_to`
    (current: before what is there, original: instead of what was put there before). Child: `_`."""
    if data.get("action") == "reset":
        set_prefix(call, "", "")
        return Next()
    name, number = call.kept(PREFIX, ("", "")) if data.get("apply_to") != "original" else ("", "")
    set_prefix(
        call,
        (text(data, "caller_id_name_prefix") or "") + name,
        (text(data, "caller_id_number_prefix") or "") + number,
    )
    return Next()
