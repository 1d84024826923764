"""callflow: go on in another callflow document."""

from __future__ import annotations

from mirliton.whapps.callflow.errors import InvalidFlow
from mirliton.whapps.callflow.script import Data, Jump, Outcome, Script


async def run(call: Script, data: Data) -> Outcome:
    """`id`: the callflow to go on with; what follows here is not run. Raises InvalidFlow without one."""
    flow_id = data.get("id")
    if not isinstance(flow_id, str) or not flow_id:
        raise InvalidFlow("callflow", "its data has no id")
    return Jump(flow_id)
