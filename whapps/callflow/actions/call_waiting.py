"""call_waiting: turn the caller's call waiting on or off. Kazoo: cf_call_waiting."""

from __future__ import annotations

from mirliton.whapps.callflow.feature_flags import turn
from mirliton.whapps.callflow.own_documents import Scope
from mirliton.whapps.callflow.script import Data, Outcome, Script


async def run(call: Script, data: Data) -> Outcome:
    """`action` (activate, deactivate, toggle; toggle), `scope` (device or user; device). Child: `_`."""
    scope: Scope = "user" if data.get("scope") == "user" else "device"
    return await turn(call, data, "call_waiting", "call_waiting", scope, default=True)
