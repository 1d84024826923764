"""What a store needs from time to time: months made ahead, views built, what was deleted softly removed.

Everything here may be done while others use the store, on several nodes at once, and again after it was interrupted.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from mirliton.actors.store.documents import gregorian, is_deleted
from mirliton.actors.store.errors import Conflict, DatabaseNotFound, DocumentNotFound, ViewNotFound
from mirliton.actors.store.interface import Store
from mirliton.actors.store.names import Month, account_id_of, modb, month_of_db

PAGE: Final = 200


async def accounts(store: Store) -> AsyncIterator[str]:
    """The ids of all accounts that have a database. Raises StoreError."""
    for db in await store.databases("account/"):
        account_id = account_id_of(db)
        if account_id is not None and month_of_db(db) is None:
            yield account_id


async def make_months(store: Store, month: Month) -> int:
    """Make the databases of a month for all accounts, with their views; how many were not there. Raises StoreError.

    A month's database is made when it is first needed, too; made ahead, nobody waits at midnight.
    """
    made = 0
    async for account_id in accounts(store):
        made += await store.create_database(modb(account_id, month.year, month.month))
    return made


async def purge(store: Store, before: float, *, prefix: str = "") -> int:
    """Delete for good what was deleted softly before a moment in unix seconds; how many documents. Raises StoreError.

    A document that is just being restored stays.
    """
    purged = 0
    for db in await store.databases(prefix):
        try:
            purged += await _purge(store, db, gregorian(before))
        except (DatabaseNotFound, ViewNotFound):
            continue  # removed since it was listed, or it has nothing that is deleted softly
    return purged


async def _purge(store: Store, db: str, before: int) -> int:
    purged = 0
    passed = 0
    while True:
        rows = (await store.view(db, "maintenance/soft_deletes", skip=passed, limit=PAGE, include_docs=True)).rows
        for row in rows:
            doc = row.doc
            modified = doc.get("pvt_modified") if doc is not None else None
            if doc is None or not is_deleted(doc) or type(modified) is not int or modified >= before:
                passed += 1
                continue
            try:
                await store.delete(db, doc["_id"], doc["_rev"])
                purged += 1
            except (Conflict, DocumentNotFound):
                passed += 1
        if len(rows) < PAGE:
            return purged
