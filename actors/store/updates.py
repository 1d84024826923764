"""Reading, changing and writing a document until no one comes between."""

from __future__ import annotations

from collections.abc import Callable

from mirliton.actors.store.documents import Document
from mirliton.actors.store.errors import Conflict, DocumentNotFound
from mirliton.actors.store.interface import Store

ATTEMPTS = 8
"""Each failure means that another writer succeeded, so a few are enough unless a document is fought over."""


async def update(
    store: Store,
    db: str,
    id: str,
    change: Callable[[Document], Document | None],
    *,
    create: bool = False,
    attempts: int = ATTEMPTS,
) -> Document:
    """Apply `change` to a document's current revision and store the result; returns it with its new `_rev`.

    `change` gets the document (with `create`, `{"_id": id}` where there is none) and returns the new one, or None to
    leave it. It may be called several times. Raises what `get` and `put` raise; Conflict after `attempts` losses.
    """
    for attempt in range(attempts):
        try:
            doc = await store.get(db, id)
        except DocumentNotFound:
            if not create:
                raise
            doc = {"_id": id}
        before = doc.get("_rev")
        changed = change(doc)
        if changed is None:
            return doc
        wanted = {**changed, "_id": id}
        if before is None:
            wanted.pop("_rev", None)
        else:
            wanted["_rev"] = before
        try:
            return {**wanted, "_rev": await store.put(db, wanted)}
        except Conflict:
            if attempt == attempts - 1:
                raise
    raise ValueError(f"attempts counts from 1, not {attempts}")
