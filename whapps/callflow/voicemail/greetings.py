"""Greetings that an owner records by phone: the usual one, a temporary one that counts before it, and the owner's name.

Each is a media document of its own, which a new recording takes over. The mailbox names its greetings under `media`;
the name is named by its owner's user document (Kazoo: `media.name`), else by the mailbox.
"""

from __future__ import annotations

import uuid
from typing import Final, Literal

from mirliton.actors.store import Conflict, Document, DocumentNotFound, update
from mirliton.actors.store.documents import is_deleted, stamp
from mirliton.whapps.callflow.errors import InvalidFlow
from mirliton.whapps.callflow.fields import mapping, text
from mirliton.whapps.callflow.media import media_name
from mirliton.whapps.callflow.script import Script
from mirliton.whapps.callflow.talking import Medium, Piece, Prompt, Spell, tell
from mirliton.whapps.callflow.voicemail.box import Box
from mirliton.whapps.callflow.voicemail.delivery import deliver, file_on_switch, name_of
from mirliton.whapps.callflow.voicemail.messages import MIN_LENGTH
from mirliton.whapps.callflow.voicemail.visit import State, Step, Visit

Kind = Literal["unavailable", "temporary_unavailable", "name"]
RECORDED: Final[dict[str, Kind]] = {"1": "unavailable", "2": "name", "4": "temporary_unavailable"}
"""The key in the settings by which each is recorded (Kazoo's)."""
NO_TEMPORARY: Final = "5"
ASKED: Final[dict[str, str]] = {
    "unavailable": "vm-record_greeting",
    "temporary_unavailable": "vm-record_temp_greeting",
    "name": "vm-record_name",
}
"""What the owner hears before the tone."""


def kind_of(state: State) -> Kind:
    """Which greeting is recorded. (A checkpoint of the version before knows of one only.)"""
    found = state.get("greeting")
    return found if found in ("temporary_unavailable", "name") else "unavailable"


async def new_greeting(visit: Visit, box: Box, kind: Kind) -> State:
    """The state in which a greeting is recorded. A mailbox has one document for all of a kind that are recorded."""
    return {
        "at": "record",
        "box": box.id,
        "greeting": kind,
        "doc": uuid.uuid5(uuid.NAMESPACE_OID, f"{visit.call.account_id}/{box.id}/{kind}").hex,
        "date": visit.now(),
        "file": await file_on_switch(visit.call, "file", box.extension),
        "take": 1,
    }


async def keep_greeting(visit: Visit, state: State) -> State:
    """Have the new greeting delivered, and let the mailbox, or its owner, name it."""
    call = visit.call
    box, kind = await visit.box(state["box"]), kind_of(state)
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

    await update(call.store, call.account_db, state["doc"], only_this)
    await _named(call, box, kind, state["doc"])
    return {**after, "say": "vm-saved"}


async def without_temporary(visit: Visit, box: Box) -> None:
    """Let the usual greeting count again."""

    def without(doc: Document) -> Document | None:
        media = mapping(doc, "media")
        kept = {name: value for name, value in media.items() if name != "temporary_unavailable"}
        return {**doc, "media": kept} if kept != media else None

    await update(visit.call.store, visit.call.account_db, box.id, without)


async def dropped(visit: Visit, state: State) -> State:
    """Nobody chose to keep the greeting that was recorded."""
    await tell(visit.call, "vm-deleted")
    return {"at": "settings", "box": state["box"], "loop": 1}


async def greeting(call: Script, box: Box) -> list[Piece]:
    """What a caller hears: the temporary greeting, else the usual one, else that the person is not available."""
    for medium in (box.temporary_greeting, box.greeting):
        found = await _heard(call, box, medium)
        if found is not None:
            return [found]
    owner = await call.known_document(box.owner_id) if box.owner_id is not None else None
    name: Piece | None = await _heard(call, box, recorded_name(owner or {}) or box.name_greeting)
    if name is None and box.number:
        name = Spell(box.number, "name_spelled")
    if name is None:
        return [Prompt("vm-person_not_available")]
    return [Prompt("vm-person"), name, Prompt("vm-not_available")]


def recorded_name(user: Document) -> str | None:
    """The medium in which a user says the own name."""
    return text(mapping(user, "media"), "name") if not is_deleted(user) else None


async def _heard(call: Script, box: Box, medium: str | None) -> Medium | None:
    """A medium as it is played; None where there is none."""
    if medium is None:
        return None
    try:
        return Medium(await media_name(call, medium))
    except InvalidFlow as error:
        call.log.warning("mailbox_greeting_missing", mailbox=box.id, error=str(error))
        return None


async def _named(call: Script, box: Box, kind: Kind, medium: str) -> None:
    def named(doc: Document) -> Document | None:
        media = mapping(doc, "media")
        return None if media.get(kind) == medium else {**doc, "media": {**media, kind: medium}}

    if kind == "name" and box.owner_id is not None:
        try:
            await update(call.store, call.account_db, box.owner_id, named)
        except DocumentNotFound:
            call.log.info("document_gone", document=box.owner_id)
        else:
            return
    await update(call.store, call.account_db, box.id, named)


async def _make_document(visit: Visit, box: Box, state: State) -> None:
    """The media document of greetings that are recorded by phone."""
    doc = stamp(
        {
            "_id": state["doc"],
            "name": f"mailbox {box.number} {kind_of(state).replace('_', ' ')} greeting",
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


STEPS: Final[dict[str, Step]] = {"keep_greeting": keep_greeting, "dropped": dropped}
