"""`vmboxes`: voicemail boxes. Kazoo: cb_vmboxes. Their messages are in `vmbox_messages.py`."""

from __future__ import annotations

from typing import Final

from mirliton.actors.store import Document
from mirliton.actors.store.names import account_db
from mirliton.api.context import Context
from mirliton.api.documents import Documents
from mirliton.api.resource import Resource
from mirliton.api.unique import not_unique, taken_by
from mirliton.config import ValidationError


async def _mailbox_is_free(context: Context, doc: Document, stored: Document | None) -> list[ValidationError]:
    """A mailbox number leads to one box of an account."""
    mailbox = doc.get("mailbox")
    if not isinstance(mailbox, str):
        return []
    database = account_db(context.account_id)
    other = await taken_by(context.store, database, "attributes/mailbox_number", mailbox, but=doc.get("_id"))
    return [not_unique(("mailbox",), "is the number of another box of this account", mailbox)] if other else []


VMBOXES: Final = Resource(
    "vmboxes",
    id_name="vmbox_id",
    type="vmbox",
    checks=(_mailbox_is_free,),
    owned=True,
    plain_fields=frozenset(
        {
            "is_setup",
            "media",
            "name",
            "notify",
            "notify_email_addresses",
            "oldest_message_first",
            "pin",
            "require_pin",
            "skip_envelope",
            "skip_greeting",
            "skip_instructions",
            "timezone",
        }
    ),
)

ROUTES: Final = Documents(VMBOXES).routes(lists={"GET": "any"}, plain={"GET": "own", "POST": "own", "PATCH": "own"})
