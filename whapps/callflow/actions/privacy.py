"""privacy: hide the caller's name, number or both on the legs that come later. Kazoo: cf_privacy."""

from __future__ import annotations

from mirliton.whapps.callflow.caller_id import HIDDEN, HIDES
from mirliton.whapps.callflow.calling import flow_for
from mirliton.whapps.callflow.script import Data, Next, Outcome, Script


async def run(call: Script, data: Data) -> Outcome:
    """`mode` (full, name, number, yes; full), `endpoint_strategy` (overwrite: hide what the mode hides; merge: also
    what an action before this one hid).

    With a captured number the call goes on in that number's callflow. Child: `_`.
    """
    mode = data.get("mode")
    name, number = HIDES.get(mode if isinstance(mode, str) else "full", HIDES["full"])
    if data.get("endpoint_strategy") == "merge":
        was_name, was_number = call.kept(HIDDEN, (False, False))
        name, number = name or was_name, number or was_number
    call.keep(**{HIDDEN: [name, number]})
    jump = await flow_for(call, call.capture_group, no_match=True) if call.capture_group else None
    return jump or Next()
