"""Sealing anew what is kept: after a change of keys, after an import, or on the way back to a store without."""

from __future__ import annotations

from dataclasses import dataclass, field

from mirliton.actors.store.documents import Document
from mirliton.actors.store.interface import Row, Store
from mirliton.actors.store.sealing import Keyring, is_sealed, secrets_of
from mirliton.actors.store.updates import update

PAGE = 100
"""Documents read at a time."""


@dataclass(slots=True)
class Resealed:
    """What was found and done."""

    documents: int = 0
    """With secrets in them."""
    written: int = 0
    unreadable: list[str] = field(default_factory=list)
    """"database document" of each with a secret that no key opens; it was left alone."""


async def reseal(store: Store, keys: Keyring, *, prefix: str = "", plain: bool = False) -> Resealed:
    """Seal every secret of the store with the first key, or with `plain` keep them as they are.

    The store is the bare one, not its actor. Others may write meanwhile: a document that changes is read again. What
    was broken off is resumed by doing it again. Raises what the store raises.
    """
    found = Resealed()
    for db in await store.databases(prefix):
        start: str | None = None
        while rows := (await store.all_docs(db, startkey=start, limit=PAGE + 1, include_docs=True)).rows:
            for row in rows[:PAGE]:
                await _reseal(store, keys, db, row, plain, found)
            if len(rows) <= PAGE:
                break
            start = rows[PAGE].id
    return found


async def _reseal(store: Store, keys: Keyring, db: str, row: Row, plain: bool, found: Resealed) -> None:
    if row.doc is None or not secrets_of(row.doc):
        return
    found.documents += 1
    if any(is_sealed(secret) for secret in secrets_of(keys.opened(db, row.doc))):
        found.unreadable.append(f"{db} {row.doc['_id']}")

    def change(doc: Document) -> Document | None:
        opened = keys.opened(db, doc)
        made = opened if plain else keys.sealed(db, opened)
        return made if made != doc else None

    if change(row.doc) is not None:
        before = row.doc.get("_rev")
        found.written += (await update(store, db, row.doc["_id"], change)).get("_rev") != before
