"""What an owner may change by phone: the greetings and the PIN."""

from __future__ import annotations

import re
from typing import Final

from mirliton.actors.store import update
from mirliton.whapps.callflow.talking import tell
from mirliton.whapps.callflow.voicemail.greetings import NO_TEMPORARY, RECORDED, new_greeting, without_temporary
from mirliton.whapps.callflow.voicemail.login import PIN_LENGTH, TRIES
from mirliton.whapps.callflow.voicemail.visit import State, Step, Visit

LOOPS: Final = 4
PIN, RETURN = "3", "0"
_PIN: Final = re.compile(r"[0-9]{4,6}")


async def settings(visit: Visit, state: State) -> State:
    """The menu of settings."""
    box_id = state["box"]
    if state.get("say"):
        await tell(visit.call, state["say"])
    if state["loop"] > LOOPS:
        return {"at": "inbox", "box": box_id, "loop": 1}
    key = await visit.key("vm-settings_menu")
    if key in RECORDED:
        return await new_greeting(visit, await visit.box(box_id), RECORDED[key])
    if key == NO_TEMPORARY:
        await without_temporary(visit, await visit.box(box_id))
        return {"at": "settings", "box": box_id, "loop": 1, "say": "vm-deleted"}
    if key == PIN:
        return {"at": "new_pin", "box": box_id, "tries": 0}
    if key == RETURN:
        return {"at": "inbox", "box": box_id, "loop": 1}
    return {"at": "settings", "box": box_id, "loop": state["loop"] + 1}


async def new_pin(visit: Visit, state: State) -> State:
    """Ask for a new PIN, twice."""
    box_id = state["box"]
    if state.get("say"):
        await tell(visit.call, state["say"])
    if state["tries"] >= TRIES:
        return {"at": "settings", "box": box_id, "loop": 1}
    first = await visit.digits("vm-enter_new_pin", PIN_LENGTH)
    second = await visit.digits("vm-enter_new_pin_confirm", PIN_LENGTH)
    if first != second or not _PIN.fullmatch(first):
        return {"at": "new_pin", "box": box_id, "tries": state["tries"] + 1, "say": "vm-pin_invalid"}
    await update(
        visit.call.store,
        visit.call.account_db,
        box_id,
        lambda doc: None if doc.get("pin") == first else {**doc, "pin": first},
    )
    return {"at": "settings", "box": box_id, "loop": 1, "say": "vm-pin_set"}


STEPS: Final[dict[str, Step]] = {
    "settings": settings,
    "new_pin": new_pin,
}
