"""An account's month databases, as one place.

What happens to an account (CDRs, voicemail messages) is kept by month, in databases that come to be when they are first
written to. A document's id begins with its month, so the id alone tells where it is. A month without a database is
a month in which nothing happened: it reads as empty.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from mirliton.actors.store.documents import Document
from mirliton.actors.store.errors import DatabaseNotFound, DocumentNotFound, InvalidName
from mirliton.actors.store.interface import Attachment, Row, Store
from mirliton.actors.store.names import Month, check_account, modb, month_of_id, months_between


class Months:
    """The month databases of one account. `clock` gives unix seconds."""

    def __init__(self, store: Store, account_id: str, *, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._account = check_account(account_id)
        self._clock = clock

    def db(self, month: Month) -> str:
        """The name of a month's database, whether or not there is one."""
        return modb(self._account, month.year, month.month)

    def db_of(self, id: str) -> str:
        """The database that a document's id names. Raises InvalidName for an id without a month."""
        month = month_of_id(id)
        if month is None:
            raise InvalidName("document", id, "in a month database it must begin with its month, YYYYMM-")
        return self.db(month)

    async def put(self, doc: Document) -> str:
        """Store a document in its month's database; returns the new revision.

        The database is made if need be, for the month that is now and the ones beside it: what began before midnight
        is written after it, and clocks differ. An older month that has none raises DatabaseNotFound, as it was
        removed or the id is wrong. Raises what `Store.put` raises, and InvalidName.
        """
        db = self.db_of(str(doc.get("_id")))
        try:
            return await self._store.put(db, doc)
        except DatabaseNotFound:
            await self._create(db, str(doc.get("_id")))
        return await self._store.put(db, doc)

    async def put_attachment(
        self, id: str, name: str, content_type: str, data: bytes | bytearray, rev: str | None = None
    ) -> str:
        """As `Store.put_attachment`, making the database as `put` does."""
        db = self.db_of(id)
        try:
            return await self._store.put_attachment(db, id, name, content_type, data, rev)
        except DatabaseNotFound:
            await self._create(db, id)
        return await self._store.put_attachment(db, id, name, content_type, data, rev)

    async def get(self, id: str) -> Document:
        """A document. Raises DocumentNotFound, also where its month has no database, and InvalidName."""
        db = self.db_of(id)
        try:
            return await self._store.get(db, id)
        except DatabaseNotFound:
            raise DocumentNotFound(db, id) from None

    async def get_attachment(self, id: str, name: str) -> Attachment:
        """An attachment. Raises DocumentNotFound, also where its month has no database, and AttachmentNotFound."""
        db = self.db_of(id)
        try:
            return await self._store.get_attachment(db, id, name)
        except DatabaseNotFound:
            raise DocumentNotFound(db, id) from None

    async def view(
        self,
        view: str,
        first: Month,
        last: Month,
        *,
        descending: bool = False,
        limit: int | None = None,
        **query: Any,
    ) -> list[Row]:
        """The rows of a view from several months, one month after the other, `limit` in all.

        Months follow in the direction of the rows, so rows ordered by time are so throughout. The other options are
        those of `Store.view`; a reduced row comes once per month.
        """
        months = months_between(first, last)
        rows: list[Row] = []
        for month in reversed(months) if descending else months:
            left = None if limit is None else limit - len(rows)
            if left == 0:
                break
            rows += await self._rows(month, view, descending=descending, limit=left, **query)
        return rows

    async def _rows(self, month: Month, view: str, **query: Any) -> list[Row]:
        try:
            return (await self._store.view(self.db(month), view, **query)).rows
        except DatabaseNotFound:
            return []

    async def _create(self, db: str, id: str) -> None:
        now = Month.at(self._clock())
        if month_of_id(id) not in (now.previous, now, now.next):
            raise DatabaseNotFound(db)
        await self._store.create_database(db)
