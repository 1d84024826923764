"""`lists`: lists of numbers, and their entries. Kazoo: cb_lists.

    lists/{id}/entries            GET   PUT   DELETE, all of them
    lists/{id}/entries/{entry}    GET   POST   PATCH   DELETE; POST …/photo, GET …/vcard (`pictures.py`)

With a list its entries go.
"""

from __future__ import annotations

from typing import Final

from mirliton.actors.store import Document, update
from mirliton.actors.store.documents import is_deleted, soft_deleted
from mirliton.actors.store.names import account_db
from mirliton.api.context import Answer, Context
from mirliton.api.documents import Documents
from mirliton.api.pictures import card_route, photo_routes
from mirliton.api.resource import Resource
from mirliton.api.routing import Route

MAX_ENTRIES: Final = 5000
"""Entries of one list that are deleted together."""


async def _changed(context: Context, doc: Document) -> None:
    if is_deleted(doc):
        await _delete_entries(context, str(doc["_id"]))


async def _clear(context: Context) -> Answer:
    return Answer({"deleted": await _delete_entries(context, str((await DOCUMENTS.load(context))["_id"]))})


async def _delete_entries(context: Context, list_id: str) -> int:
    database, now = account_db(context.account_id), context.services.now()
    rows = (await context.store.view(database, ENTRIES.view, key=list_id, limit=MAX_ENTRIES)).rows
    for row in rows:
        await update(context.store, database, str(row.id), lambda doc: soft_deleted(doc, now=now))
    return len(rows)


LISTS: Final = Resource("lists", id_name="list_id", type="list", changed=_changed)
ENTRIES: Final = Resource(
    "entries",
    id_name="list_entry_id",
    type="list_entry",
    schema="list_entries",
    listed_by="lists/entries",
    parent=LISTS,
    parent_field="list_id",
)
DOCUMENTS: Final = Documents(LISTS)

_ENTRIES: Final = Documents(ENTRIES)
_ENTRY: Final = "accounts/{account_id}/lists/{list_id}/entries/{list_entry_id}"

ROUTES: Final[tuple[Route, ...]] = (
    *DOCUMENTS.routes(lists={"GET": "any"}),
    *_ENTRIES.routes(lists={"GET": "any"}, clear=_clear),
    photo_routes(_ENTRY, _ENTRIES, {}, ("POST",)),
    card_route(_ENTRY, _ENTRIES, {}),
)
