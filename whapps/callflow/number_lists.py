"""Lists of numbers: by number, by the beginning of one, by pattern. Kazoo: the documents `list` and `list_entry`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mirliton.actors.store import DatabaseNotFound, Document, DocumentNotFound, InvalidName
from mirliton.actors.store.documents import is_deleted
from mirliton.whapps.callflow import patterns
from mirliton.whapps.callflow.fields import mapping, text
from mirliton.whapps.callflow.script import Script

MAX_ENTRIES: Final = 5000


async def entries_of(call: Script, list_id: str) -> list[Document]:
    """The entries of a list: documents of their own, or (as older lists have them) within the list's."""
    try:
        rows = await call.store.view(
            call.account_db, "lists/entries", key=list_id, include_docs=True, limit=MAX_ENTRIES
        )
        found = [row.doc for row in rows.rows if row.doc is not None and not is_deleted(row.doc)]
        doc = await call.document(list_id)
    except (DatabaseNotFound, DocumentNotFound, InvalidName):
        return []
    if is_deleted(doc):
        return []
    inner = mapping(doc, "entries")
    return found + [{"_id": key, **entry} for key, entry in inner.items() if isinstance(entry, dict)][:MAX_ENTRIES]


def matching(entries: Sequence[Document], number: str) -> Document | None:
    """The entry that a number falls under: the longest beginning of it, else the first pattern."""
    best: Document | None = None
    length = 0
    for entry in entries:
        begins = text(entry, "number") or text(entry, "prefix") or ""
        if len(begins) > length and number.startswith(begins):
            best, length = entry, len(begins)
    if best is not None:
        return best
    return next((entry for entry in entries if _fits(entry, number)), None)


def _fits(entry: Document, number: str) -> bool:
    pattern = text(entry, "pattern")
    return pattern is not None and patterns.match(pattern, number) is not None
