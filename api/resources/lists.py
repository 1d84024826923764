"""`lists`: lists of numbers, and their entries. Kazoo: cb_lists, without vcards and photos.

    lists/{id}/entries            GET   PUT   DELETE, all of them
    lists/{id}/entries/{entry}    GET   POST   PATCH   DELETE

With a list its entries go.
"""

from __future__ import annotations

from typing import Final

from mirliton.actors.store import Document, update
from mirliton.actors.store.documents import is_deleted, soft_deleted
from mirliton.actors.store.names import account_db
from mirliton.api.context import Answer, Context
from mirliton.api.documents import Documents
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

ROUTES: Final[tuple[Route, ...]] = (
    *DOCUMENTS.routes(lists={"GET": "any"}),
    *Documents(ENTRIES).routes(lists={"GET": "any"}, clear=_clear),
)
