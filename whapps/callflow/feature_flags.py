"""Feature codes that turn something of the caller's on or off: what do_not_disturb and call_waiting share."""

from __future__ import annotations

from typing import Final

from mirliton.actors.kapi.dialplan import Answer
from mirliton.whapps.callflow.fields import flag, mapping, text
from mirliton.whapps.callflow.own_documents import Scope, own_document, set_flag
from mirliton.whapps.callflow.script import Data, Next, Outcome, Script
from mirliton.whapps.callflow.talking import tell

_WANTED: Final = {"activate": True, "deactivate": False}


async def turn(call: Script, data: Data, field: str, said: str, *scopes: Scope, default: bool) -> Outcome:
    """Turn `field` of the caller's document as `action` says (activate, deactivate, else toggle), and tell so by the
    prompts `{said}-activated`, `-deactivated` and `-not_available`."""
    if call.state is None:
        await call.execute(Answer(call.id))
        doc = await own_document(call, *scopes, named=text(data, "id"))
        if doc is None:
            await tell(call, f"{said}-not_available")
            return Next()
        action = data.get("action")
        wanted = _WANTED.get(action if isinstance(action, str) else "")
        if wanted is None:
            wanted = not flag(mapping(doc, field), "enabled", default)
        call.mark([doc["_id"], wanted])
    await call.safe()
    doc_id, wanted = call.state
    await set_flag(call, doc_id, field, wanted)
    await tell(call, f"{said}-activated" if wanted else f"{said}-deactivated")
    return Next()
