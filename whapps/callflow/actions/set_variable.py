"""set_variable: set one of the variables that a callflow may set. Kazoo: cf_set_variable."""

from __future__ import annotations

from typing import Final

from mirliton.actors.kapi.dialplan import Set
from mirliton.whapps.callflow.errors import InvalidFlow
from mirliton.whapps.callflow.fields import text
from mirliton.whapps.callflow.script import Data, Next, Outcome, Script

VARIABLES: Final = {"call_priority": "Call-Priority", "group_id": "Group-ID"}


async def run(call: Script, data: Data) -> Outcome:
    """`variable` (call_priority or group_id), `value`, `channel` (a; both sets it on later legs too). Child: `_`.

    Raises InvalidFlow for any other variable: the rest are not the callflow's to set.
    """
    name, value = VARIABLES.get(text(data, "variable") or ""), data.get("value")
    if name is None:
        raise InvalidFlow("set_variable", f"{str(data.get('variable'))[:64]!r} is none of {', '.join(VARIABLES)}")
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise InvalidFlow("set_variable", "its value is no text or number")
    both = data.get("channel") == "both"
    await call.execute(Set(call.id, {} if both else {name: str(value)}, {name: str(value)} if both else {}))
    call.keep_vars(**{name: str(value)})
    return Next()
