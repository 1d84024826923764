"""set_cid: show another caller id on the legs that come later. Kazoo: cf_set_cid."""

from __future__ import annotations

from mirliton.whapps.callflow.caller_id import set_caller_id
from mirliton.whapps.callflow.fields import text
from mirliton.whapps.callflow.script import Data, Next, Outcome, Script


async def run(call: Script, data: Data) -> Outcome:
    """`caller_id_name`, `caller_id_number`; an empty one changes nothing. Child: `_`."""
    set_caller_id(call, text(data, "caller_id_name"), text(data, "caller_id_number"))
    return Next()
