"""The store embedded in SQLite: one file that every node of a host may open at once.

    store = SqliteStore("/var/lib/mirliton/store.db")
    await store.open()

Threads do the work: one writes (`sqlite_writer.py`), a few read (`sqlite_readers.py`); the calling loop only
queues jobs and receives results. Beside the file lie SQLite's `-wal` and `-shm` and a `-turn` file, by which the
processes of a host take turns at writing. Restarted after a crash of any kind it holds exactly what was
acknowledged, and possibly a write whose answer was under way. It must be on a local disk (SQLite's log needs shared
memory), and must not be carried over a fork.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Unpack

from mirliton.actors.store import (
    checks,
    names,
    queries,
    sqlite_changes,
    sqlite_databases,
    sqlite_documents,
    sqlite_index,
    sqlite_reads,
    sqlite_views,
)
from mirliton.actors.store.changes import PAGE, Changes
from mirliton.actors.store.design import VIEWS
from mirliton.actors.store.documents import Document
from mirliton.actors.store.errors import DatabaseNotFound, StoreClosed, StoreUnavailable, ViewNotFound
from mirliton.actors.store.interface import Attachment, BulkRow, IdOptions, Store, ViewOptions, ViewResult
from mirliton.actors.store.sqlite_session import Session
from mirliton.actors.store.sqlite_threads import Statistics, Threads, Tuning
from mirliton.actors.store.values import Limits, Prepared, TooMuchForNow, prepare
from mirliton.actors.store.views import View

_ON_THE_LOOP = 1000
"""Values of a document that are checked on the loop; a larger document is checked by a thread."""
_SMALL_DATA = 64 * 1024
_LOOK_AGAIN = 0.25
"""Seconds between looks for a change that another process may have made."""


class SqliteStore:
    """A `Store` (see there for what the methods promise) in the file at `path`, whose folder must exist."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        views: Iterable[View] = VIEWS,
        limits: Limits | None = None,
        tuning: Tuning | None = None,
    ) -> None:
        self.path = os.fspath(path)
        self.limits = limits or Limits()
        self.tuning = tuning or Tuning()
        self._views = {view.name: view for view in views}
        self._threads: Threads | None = None
        self._opening = asyncio.Lock()
        self._looked = (0.0, 0)
        """When somebody last looked for changes, and the number of the last one."""

    async def open(self) -> None:
        """Open or create the file. Raises StoreUnavailable, StoreDamaged; both name the path and the reason."""
        async with self._opening:
            if self._threads is None:
                threads = Threads(self.path, self._views.values(), self.tuning)
                await threads.start()
                self._threads = threads

    async def close(self, timeout: float = 5.0) -> None:
        """Finish what was taken and let go of the file. Raises StoreTimeout if that could not be done in time."""
        async with self._opening:
            threads, self._threads = self._threads, None
            if threads is not None:
                await threads.stop(timeout)

    def statistics(self) -> Statistics:
        """Counts since the store was opened; all 0 while it is closed."""
        return self._threads.statistics() if self._threads else Statistics()

    # --- databases ---

    async def create_database(self, db: str) -> bool:
        """See Store."""
        views = self._views_for(names.check_database(db))
        made: bool = await self._write("create_database", lambda session: sqlite_databases.create(session, db, views))
        return made

    async def delete_database(self, db: str) -> None:
        """See Store."""
        names.check_database(db)
        await self._write("delete_database", lambda session: sqlite_databases.delete(session, db))

    async def databases(self, prefix: str = "") -> list[str]:
        """See Store."""
        if prefix:
            names.check_database(prefix)
        found: list[str] = await self._read("databases", lambda files: sqlite_reads.databases(files, prefix))
        return found

    # --- documents ---

    async def get(self, db: str, id: str) -> Document:
        """See Store."""
        names.check_database(db)
        names.check_document(id)
        doc: Document = await self._read("get", lambda files: sqlite_reads.get(files, db, id))
        return doc

    async def get_many(self, db: str, ids: Sequence[str]) -> list[Document | None]:
        """See Store."""
        names.check_database(db)
        wanted = checks.ids(ids, self.limits)
        docs: list[Document | None] = await self._read(
            "get_many", lambda files: sqlite_reads.get_many(files, db, wanted)
        )
        return docs

    async def put(self, db: str, doc: Document) -> str:
        """See Store."""
        names.check_database(db)
        try:
            prepared = prepare(doc, self.limits, budget=_ON_THE_LOOP)
        except TooMuchForNow:
            prepared = await self._read("put", lambda _: prepare(doc, self.limits))
        rev: str = await self._write(
            "put", lambda session: sqlite_documents.put(session, db, prepared), len(prepared.body)
        )
        return rev

    async def bulk(self, db: str, docs: Sequence[Document]) -> list[BulkRow]:
        """See Store."""
        names.check_database(db)
        checks.how_many(docs, self.limits)
        prepared: list[Prepared] = await self._read("bulk", lambda _: checks.documents(docs, self.limits))
        weight = sum(len(doc.body) for doc in prepared)
        rows: list[BulkRow] = await self._write(
            "bulk", lambda session: sqlite_documents.bulk(session, db, prepared), weight
        )
        return rows

    async def delete(self, db: str, id: str, rev: str) -> str:
        """See Store."""
        names.check_database(db)
        names.check_document(id)
        tombstone: str = await self._write("delete", lambda session: sqlite_documents.delete(session, db, id, rev))
        return tombstone

    async def all_docs(self, db: str, **options: Unpack[IdOptions]) -> ViewResult:
        """See Store."""
        names.check_database(db)
        query = queries.id_query(self.limits, **options)
        read: Callable[[sqlite3.Connection], ViewResult]
        if query.keys is not None:
            read = partial(sqlite_reads.docs_by_id, db_name=db, ids=query.keys, include_docs=query.include_docs)
        else:
            read = partial(sqlite_reads.all_docs, db_name=db, query=query, most=self.limits.view_rows)
        result: ViewResult = await self._read("all_docs", read)
        return result

    # --- views ---

    async def view(self, db: str, view: str, **options: Unpack[ViewOptions]) -> ViewResult:
        """See Store."""
        names.check_database(db)
        query = queries.view_query(self._view(db, view), self.limits.bulk_rows, **options)
        ask = partial(sqlite_views.ask, db_name=db, query=query, most=self.limits.view_rows)
        for _ in range(3):
            result: ViewResult | sqlite_views.NotBuilt = await self._read("view", ask)
            if isinstance(result, ViewResult):
                return result
            await self._build(db, query.view)
        raise StoreUnavailable(
            self.path, f"another process with another declaration of {view} keeps rebuilding its index in {db}"
        )

    async def refresh(self, db: str | None = None) -> int:
        """See Store. Views that this process does not declare are dropped; whoever does rebuilds them when asked."""
        if db is not None:
            return await self._refresh(names.check_database(db))
        built = 0
        for name in await self.databases():
            with suppress(DatabaseNotFound):  # removed since it was listed
                built += await self._refresh(name)
        return built

    async def _refresh(self, db: str) -> int:
        views = self._views_for(db)
        declared = frozenset(view.name for view in views)
        await self._write("refresh", lambda session: sqlite_databases.drop_undeclared(session, db, declared))
        return sum([await self._build(db, view, self.tuning.build_timeout) for view in views])

    async def _build(self, db: str, view: View, timeout: float | None = None) -> bool:
        """Build a view's index; when the deadline passes meanwhile, the work goes on."""
        built: bool = await self._write(
            f"build {view.name}", lambda session: sqlite_index.build(session, db, view), timeout=timeout
        )
        return built

    def _view(self, db: str, name: str) -> View:
        found = self._views.get(name) if isinstance(name, str) else None
        if found is None or names.classify(db) not in found.databases:
            raise ViewNotFound(db, name)
        return found

    def _views_for(self, db: str) -> list[View]:
        kind = names.classify(db)
        return [view for view in self._views.values() if kind in view.databases]

    # --- changes ---

    async def changes(self, db: str, since: str, *, wait: float = 0.0, limit: int = PAGE) -> Changes:
        """See Store. What other processes write is seen within some quarter of a second."""
        names.check_database(db)
        checks.changes(since, wait, limit)
        until = asyncio.get_running_loop().time() + wait
        place = since
        while True:
            seen: int = await self._read("changes", sqlite_changes.last) if wait else 0
            found: Changes = await self._read(
                "changes", partial(sqlite_changes.after, db_name=db, since=place, limit=limit)
            )
            left = until - asyncio.get_running_loop().time()
            if found.changes or left <= 0:
                return found
            place = found.place
            if not await self._something_changes(seen, left):
                return found

    async def _something_changes(self, seen: int, timeout: float) -> bool:
        """Whether the file has changed since the change with this number, by then. Who waits shares others' looks."""
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout
        while (left := until - loop.time()) > 0:
            await asyncio.sleep(min(left, _LOOK_AGAIN))
            looked, last = self._looked
            if loop.time() - looked > _LOOK_AGAIN / 2:
                last = await self._read("changes", sqlite_changes.last)
                self._looked = loop.time(), last
            if last > seen:
                return True
        return False

    # --- attachments ---

    async def put_attachment(
        self, db: str, id: str, name: str, content_type: str, data: bytes | bytearray, rev: str | None = None
    ) -> str:
        """See Store."""
        names.check_database(db)
        checks.upload(id, name, content_type, data, self.limits)
        kept = bytes(data)
        digest: str
        if len(kept) <= _SMALL_DATA:
            digest = sqlite_documents.digest_of(kept)
        else:
            digest = await self._read("put_attachment", lambda _: sqlite_documents.digest_of(kept))
        upload = sqlite_documents.Upload(name, content_type, kept, digest)
        new: str = await self._write(
            "put_attachment",
            lambda session: sqlite_documents.put_attachment(session, db, id, rev, upload),
            len(kept),
        )
        return new

    async def get_attachment(self, db: str, id: str, name: str) -> Attachment:
        """See Store."""
        names.check_database(db)
        names.check_document(id)
        names.check_attachment(name)
        found: Attachment = await self._read(
            "get_attachment", lambda files: sqlite_reads.get_attachment(files, db, id, name)
        )
        return found

    async def get_part(self, db: str, id: str, name: str, start: int, length: int) -> Attachment:
        """See Store."""
        names.check_database(db)
        names.check_document(id)
        names.check_attachment(name)
        found: Attachment = await self._read(
            "get_part", lambda files: sqlite_reads.get_part(files, db, id, name, max(start, 0), max(length, 0))
        )
        return found

    async def delete_attachment(self, db: str, id: str, name: str, rev: str) -> str:
        """See Store."""
        names.check_database(db)
        names.check_document(id)
        names.check_attachment(name)
        new: str = await self._write(
            "delete_attachment",
            lambda session: sqlite_documents.delete_attachment(session, db, id, name, rev),
        )
        return new

    # --- handing work to the threads ---

    async def _read(self, operation: str, work: Callable[[sqlite3.Connection], Any]) -> Any:
        return await self._open_threads().read(operation, work)

    async def _write(
        self, operation: str, work: Callable[[Session], Any], weight: int = 0, timeout: float | None = None
    ) -> Any:
        return await self._open_threads().write(operation, work, weight, timeout)

    def _open_threads(self) -> Threads:
        if self._threads is None:
            raise StoreClosed(self.path)
        return self._threads


if TYPE_CHECKING:
    _keeps_the_promise: Callable[[str], Store] = SqliteStore
