"""Reading, changing and writing a document until no one comes between.

`update` is for whoever knows how to make the change again on a newer document. `save_over` is for whoever has only a
document as it was read and as it is wanted (a form that was filled in): where another change came between, what
differs between the two is laid over the newer document, as Kazoo's `ensure_saved` does.

Where it is not known whether a write was done (StoreInterrupted, StoreTimeout) neither makes it again: that is raised.
CouchDB names a revision after its content, so two writers who make the very same document of one revision make one
edit; what must count twice has to differ (Kazoo's pvt_modified and pvt_node see to that).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

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


async def save_over(store: Store, db: str, before: Document, after: Document, *, attempts: int = ATTEMPTS) -> Document:
    """Store `after`, which was made of `before`, keeping what others changed meanwhile; returns what is stored.

    A member that both changed is as in `after`; an array counts as one value. A document that was deleted meanwhile
    stays so: Conflict. Raises what `get` and `put` raise; Conflict after `attempts` losses.
    """
    try:
        return {**after, "_rev": await store.put(db, after)}
    except Conflict as lost:
        if lost.current is None:
            raise
    return await update(
        store, db, str(after["_id"]), lambda current: laid_over(current, before, after), attempts=attempts
    )


def laid_over(current: Document, before: Document, after: Document) -> Document:
    """The current document with what differs between `before` and `after`; private members of CouchDB's are current."""
    made = dict(current)
    for name in {*before, *after}:
        if name in ("_id", "_rev", "_attachments"):
            continue
        old, new = before.get(name, _ABSENT), after.get(name, _ABSENT)
        if _same(old, new):
            continue
        if new is _ABSENT:
            made.pop(name, None)
        elif isinstance(new, dict) and isinstance(old, dict) and isinstance(current.get(name), dict):
            made[name] = laid_over(current[name], old, new)
        else:
            made[name] = new
    return made


_ABSENT: Final = object()


def _same(one: object, other: object) -> bool:
    """Equal as JSON: true is not 1."""
    return one == other and isinstance(one, bool) is isinstance(other, bool)
