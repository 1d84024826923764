"""What an owner may change by phone: the greeting and the PIN."""

from __future__ import annotations

import re
import uuid
from typing import Final

from mirliton.actors.store import Conflict, Document, update
from mirliton.actors.store.documents import stamp
from mirliton.whapps.callflow.fields import mapping
from mirliton.whapps.callflow.talking import tell
from mirliton.whapps.callflow.voicemail.box import Box
from mirliton.whapps.callflow.voicemail.delivery import deliver, file_on_switch, name_of
from mirliton.whapps.callflow.voicemail.login import PIN_LENGTH, TRIES
from mirliton.whapps.callflow.voicemail.messages import MIN_LENGTH
from mirliton.whapps.callflow.voicemail.visit import State, Step, Visit

LOOPS: Final = 4
GREETING, PIN, RETURN = "1", "3", "0"
_PIN: Final = re.compile(r"[0-9]{4,6}")


async def settings(visit: Visit, state: State) -> State:
    """The menu of settings."""
    box_id = state["box"]
    if state.get("say"):
        await tell(visit.call, state["say"])
    if state["loop"] > LOOPS:
        return {"at": "inbox", "box": box_id, "loop": 1}
    key = await visit.key("vm-settings_menu")
    if key == GREETING:
        return await _new_greeting(visit, await visit.box(box_id))
    if key == PIN:
        return {"at": "new_pin", "box": box_id, "tries": 0}
    if key == RETURN:
        return {"at": "inbox", "box": box_id, "loop": 1}
    return {"at": "settings", "box": box_id, "loop": state["loop"] + 1}


async def _new_greeting(visit: Visit, box: Box) -> State:
    """The state in which the greeting is recorded. A mailbox has one document for all that are recorded by phone."""
    return {
        "at": "record",
        "box": box.id,
        "greeting": True,
        "doc": uuid.uuid5(uuid.NAMESPACE_OID, f"{visit.call.account_id}/{box.id}/unavailable").hex,
        "date": visit.now(),
        "file": await file_on_switch(visit.call, "file", box.extension),
        "take": 1,
    }


async def keep_greeting(visit: Visit, state: State) -> State:
    """Have the new greeting delivered, and let the mailbox name it."""
    call = visit.call
    box = await visit.box(state["box"])
    after: State = {"at": "settings", "box": box.id, "loop": 1}
    if state["length"] is not None and state["length"] < MIN_LENGTH:
        return {**after, "say": "vm-recording_to_short"}
    await _make_document(visit, box, state)
    if not await deliver(call, call.info.switch, state["file"], call.account_db, state["doc"]):
        call.log.error("greeting_not_stored", mailbox=box.id)
        return after
    name = name_of(state["file"])

    def only_this(doc: Document) -> Document | None:
        audio = doc["_attachments"]
        return None if list(audio) == [name] else {**doc, "_attachments": {name: audio[name]}}

    def named(doc: Document) -> Document | None:
        media = mapping(doc, "media")
        return (
            None
            if media.get("unavailable") == state["doc"]
            else {**doc, "media": {**media, "unavailable": state["doc"]}}
        )

    await update(call.store, call.account_db, state["doc"], only_this)
    await update(call.store, call.account_db, box.id, named)
    return {**after, "say": "vm-saved"}


async def _make_document(visit: Visit, box: Box, state: State) -> None:
    """The media document of greetings that are recorded by phone."""
    doc = stamp(
        {
            "_id": state["doc"],
            "name": f"mailbox {box.number} unavailable greeting",
            "media_source": "recording",
            "source_type": "voicemail",
            "source_id": box.id,
            "streamable": True,
            **({"owner_id": box.owner_id} if box.owner_id else {}),
        },
        type="media",
        account_id=visit.call.account_id,
        now=state["date"],
    )
    try:
        await visit.call.store.put(visit.call.account_db, doc)
    except Conflict:
        return  # it is there


async def dropped(visit: Visit, state: State) -> State:
    """Nobody chose to keep the greeting that was recorded."""
    await tell(visit.call, "vm-deleted")
    return {"at": "settings", "box": state["box"], "loop": 1}


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
    "keep_greeting": keep_greeting,
    "dropped": dropped,
    "new_pin": new_pin,
}
