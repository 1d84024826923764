"""`vmboxes`: voicemail boxes. Kazoo: cb_vmboxes. Their messages are in `vmbox_messages.py`."""

from __future__ import annotations

from collections import Counter
from typing import Final

from mirliton.actors.store import Document
from mirliton.actors.store.names import account_db
from mirliton.api.context import Answer, Context, Page, Raw, parameter
from mirliton.api.documents import Documents
from mirliton.api.resource import Resource
from mirliton.api.tables import listed
from mirliton.api.taking import Thing
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


def _things(doc: Document) -> list[Thing]:
    mailbox = doc.get("mailbox")
    return [Thing("mailbox", mailbox, ("mailbox",))] if isinstance(mailbox, str) else []


VMBOXES: Final = Resource(
    "vmboxes",
    id_name="vmbox_id",
    type="vmbox",
    checks=(_mailbox_is_free,),
    things=_things,
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


async def _with_counts(context: Context, rows: list[Document], place: Page) -> Answer | Raw:
    """Each box of a list with how many messages lie in it: they are in the month databases, not in the box."""
    counts: Counter[str] = Counter()
    if rows:
        for month in await context.store.databases(f"{account_db(context.account_id)}-"):
            found = (await context.store.view(month, "mailbox_messages/count_per_box_folder", group_level=2)).rows
            for row in found:
                # A message without a folder is none yet: its recording has not come.
                if len(row.key) > 1 and row.key[1]:
                    counts[str(row.key[0])] += int(row.value)
    return listed(context, [{**row, "messages": counts[row["id"]]} for row in rows], place, VMBOXES.name)


async def _list(context: Context) -> Answer | Raw:
    return await _with_counts(context, *await DOCUMENTS.rows(context))


async def _list_of_user(context: Context) -> Answer | Raw:
    return await _with_counts(context, *await DOCUMENTS.rows(context, parameter(context, "user_id")))


DOCUMENTS: Final = Documents(VMBOXES)

ROUTES: Final = DOCUMENTS.routes(
    lists={"GET": "any"},
    plain={"GET": "own", "POST": "own", "PATCH": "own"},
    listing=_list,
    listing_of_user=_list_of_user,
)
