"""Mailboxes: their documents with the defaults filled in, and which one a caller means."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from mirliton.actors.store import DocumentNotFound, InvalidName
from mirliton.actors.store.documents import Document, is_deleted
from mirliton.whapps.callflow.fields import flag, mapping, number, text
from mirliton.whapps.callflow.script import Data, Script

MAX_LENGTH: Final = 500
"""Seconds a message may last (Kazoo: max_message_length)."""
LONGEST: Final = 3600
_SPEAKABLE: Final = re.compile(r"[0-9A-Za-z*#]{1,30}")


@dataclass(frozen=True, slots=True)
class Box:
    """A mailbox document. What has the wrong type reads as if it were absent."""

    id: str
    number: str
    """As it is dialled, and said; empty where it cannot be."""
    pin: str
    owner_id: str | None
    require_pin: bool
    check_if_owner: bool
    skip_greeting: bool
    skip_instructions: bool
    skip_envelope: bool
    announcement_only: bool
    configurable: bool
    oldest_first: bool
    greeting: str | None
    temporary_greeting: str | None
    name_greeting: str | None
    """The owner's name, of a mailbox whose owner's document has none."""
    operator: str | None
    timezone: str
    extension: str
    max_length: int

    @classmethod
    def of(cls, doc: Document, data: Data) -> Box:
        """The box of a document; `data` is the action's, which may limit a message's length."""
        operator = doc.get("operator_number")
        return cls(
            id=str(doc["_id"]),
            number=found if _SPEAKABLE.fullmatch(found := text(doc, "mailbox") or "") else "",
            pin=text(doc, "pin") or "",
            owner_id=text(doc, "owner_id"),
            require_pin=flag(doc, "require_pin", False),
            check_if_owner=flag(doc, "check_if_owner", True),
            skip_greeting=flag(doc, "skip_greeting", False),
            skip_instructions=flag(doc, "skip_instructions", False),
            skip_envelope=flag(doc, "skip_envelope", False),
            announcement_only=flag(doc, "announcement_only", False),
            configurable=not flag(doc, "not_configurable", False),
            oldest_first=flag(doc, "oldest_message_first", False),
            greeting=text(mapping(doc, "media"), "unavailable"),
            temporary_greeting=text(mapping(doc, "media"), "temporary_unavailable"),
            name_greeting=text(mapping(doc, "media"), "name"),
            operator=str(operator) if isinstance(operator, int | str) and not isinstance(operator, bool) else None,
            timezone=text(doc, "timezone") or "UTC",
            extension=text(doc, "media_extension") or "mp3",
            max_length=number(data, "max_message_length", MAX_LENGTH, 1, LONGEST),
        )


async def find_box(call: Script, data: Data) -> str | None:
    """The mailbox that an action means: the one it names, the one dialled, or the caller's own. None: ask for it."""
    named = text(data, "id")
    if named is not None:
        return named if await open_box(call, named, data) is not None else None
    if call.capture_group:
        return await box_of_number(call, call.capture_group)
    owner = call.vars.get("Owner-ID")
    if not owner:
        return None
    owned = await call.store.view(call.account_db, "attributes/owned", key=[owner, "vmbox"])
    boxes = [str(row.id) for row in owned.rows]
    if len(boxes) == 1 and flag(data, "single_mailbox_login", False):
        return boxes[0]
    if flag(data, "callerid_match_login", False):
        for box_id in boxes:
            box = await open_box(call, box_id, data)
            if box is not None and box.number and box.number == call.leg.caller_id_number:
                return box.id
    return None


async def open_box(call: Script, box_id: str, data: Data) -> Box | None:
    """The mailbox of that id; None where there is none (any more)."""
    try:
        doc = await call.document(box_id)
    except (DocumentNotFound, InvalidName):
        return None
    return None if is_deleted(doc) or doc.get("pvt_type") != "vmbox" else Box.of(doc, data)


async def box_of_number(call: Script, dialled: str) -> str | None:
    """The id of the mailbox with that number; of several the first."""
    found = await call.store.view(call.account_db, "attributes/mailbox_number", key=dialled, limit=1)
    return str(found.rows[0].id) if found.rows else None


def is_owner(call: Script, box: Box) -> bool:
    """Whether the caller is the one whose mailbox it is."""
    return box.owner_id is not None and call.vars.get("Owner-ID") == box.owner_id
