"""The store in a CouchDB cluster, for production: all nodes of all hosts share it.

    address = CouchAddress(("http://10.0.0.1:5984", "http://10.0.0.2:5984"), "mirliton", Secret("..."))
    async with opened(CouchStore(address)) as store:
        ...

Documents, databases and attachments are CouchDB's own; views are installed as design documents (`couch_design.py`).

When the database is away
- Reading calls are made again, on the next host if need be, until their deadline (5 s). While every host is away they
  wait for one for 2 s, so that a restart goes unnoticed; from then on they fail at once with StoreAway, until a
  probe (each 0.1 to 5 s) finds a host back.
- Writing calls wait likewise, as long as no host has heard them. Once one has and the answer does not come, they end
  with StoreInterrupted or StoreTimeout (outcome "unknown"): the write may be there, and is never made a second time.
  Whoever has ids of its own (a CDR's) writes again and takes Conflict for done; whoever counts reads first.
- An outage is never "no such document": NotFound comes only from a database's own answer.
- Nothing is kept here: what was not acknowledged is with the caller. Errors that are worth trying again are
  StoreUnavailable and what is below it; StoreDenied (credentials), StoreDamaged (what answers is no CouchDB) and
  Refused are not.

A restart of the process keeps nothing and loses nothing: opening makes no connection that must succeed, so that a node
starts while its database is away; a server that answers and refuses us, or is none, is an error at once.

On a cluster a write is acknowledged by a majority of the copies and a view is read from one: a view asked right after
a write may not show it there. On one node it does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Unpack

import structlog

from mirliton.actors.store import (
    checks,
    couch_attachments,
    couch_changes,
    couch_design,
    couch_documents,
    couch_views,
    names,
    queries,
)
from mirliton.actors.store.changes import PAGE, Changes
from mirliton.actors.store.couch_address import CouchAddress
from mirliton.actors.store.couch_line import Line
from mirliton.actors.store.design import VIEWS
from mirliton.actors.store.documents import Document
from mirliton.actors.store.errors import (
    DatabaseNotFound,
    StoreClosed,
    StoreUnavailable,
    ViewNotFound,
)
from mirliton.actors.store.interface import Attachment, BulkRow, IdOptions, Store, ViewOptions, ViewResult
from mirliton.actors.store.values import Limits, Prepared, TooMuchForNow, prepare
from mirliton.actors.store.views import View

log = structlog.get_logger()

_ON_THE_LOOP = 1000
"""Values of a document that are checked on the loop; a larger document is checked by a thread."""
_OPENING = 2.0
"""Seconds that hosts get to answer when the store is opened; one that does not is probed from then on."""


@dataclass(frozen=True, slots=True)
class CouchStatistics:
    """Counts since the store was opened, and what is under way."""

    requests: int = 0
    """Sent to a host, repetitions included."""
    repeated: int = 0
    interrupted: int = 0
    """Calls that ended without it being known what became of them."""
    host_failures: int = 0
    waiting: int = 0
    """Calls under way or waiting."""
    away: dict[str, str] = field(default_factory=dict)
    """Hosts that are away, and why."""


class CouchStore:
    """A `Store` (see there for what the methods promise) in the cluster at `address`."""

    def __init__(self, address: CouchAddress, *, views: Iterable[View] = VIEWS, limits: Limits | None = None) -> None:
        self.address = address
        self.path = str(address)
        self.limits = limits or Limits()
        self._views = {view.name: view for view in views}
        self._designs: dict[str, tuple[couch_design.Design, ...]] = {}
        self._line: Line | None = None
        self._opening = asyncio.Lock()

    async def open(self) -> None:
        """Begin to use the cluster, whether or not it answers now.

        Raises StoreDenied where it refuses our credentials, StoreDamaged where what answers is no CouchDB.
        """
        async with self._opening:
            if self._line is not None:
                return
            line = Line(self.address)
            try:
                answer = await line.read("open", "GET", "_all_dbs", query={"limit": 1}, timeout=_OPENING)
                if not (answer.ok and isinstance(answer.data, list)):
                    raise line.failure("open", answer)
            except StoreUnavailable as error:
                log.warning("store is away", reason=str(error))
            except BaseException:
                await line.close(0)
                raise
            self._line = line

    async def close(self, timeout: float = 5.0) -> None:
        """Let calls under way end for `timeout` seconds; then they end with StoreClosed."""
        async with self._opening:
            line, self._line = self._line, None
            if line is not None:
                await line.close(timeout)

    def statistics(self) -> CouchStatistics:
        """Counts since the store was opened; all 0 while it is closed."""
        line = self._line
        if line is None:
            return CouchStatistics()
        counts = line.counts
        return CouchStatistics(
            counts.requests, counts.repeated, counts.interrupted, line.hosts.failures, counts.waiting, line.hosts.away
        )

    # --- databases ---

    async def create_database(self, db: str) -> bool:
        """See Store. The views are installed with it."""
        names.check_database(db)
        line = self.line
        answer = await line.read("create_database", "PUT", db)
        if not answer.ok and answer.error != "file_exists":
            raise line.failure("create_database", answer)
        if answer.ok:
            await couch_design.install(line, db, self._designs_for(db))
        return answer.ok

    async def delete_database(self, db: str) -> None:
        """See Store."""
        names.check_database(db)
        line = self.line
        answer = await line.read("delete_database", "GET", db)  # some servers delete what is not there
        if answer.ok:
            answer = await line.write("delete_database", "DELETE", db)
        if not answer.ok:
            raise couch_design.not_there(line, "delete_database", db, answer)

    async def databases(self, prefix: str = "") -> list[str]:
        """See Store. CouchDB's own databases, which begin with an underscore, are not told."""
        query = None
        if prefix:
            names.check_database(prefix)
            query = {"startkey": prefix, "endkey": prefix + "\uffff"}
        line = self.line
        answer = await line.read("databases", "GET", "_all_dbs", query=query)
        if not answer.ok or not isinstance(answer.data, list):
            raise line.failure("databases", answer)
        return sorted(name for name in answer.data if name.startswith(prefix) and not name.startswith("_"))

    # --- documents ---

    async def get(self, db: str, id: str) -> Document:
        """See Store."""
        names.check_database(db)
        names.check_document(id)
        return await couch_documents.get(self.line, db, id)

    async def get_many(self, db: str, ids: Sequence[str]) -> list[Document | None]:
        """See Store."""
        names.check_database(db)
        wanted = checks.ids(ids, self.limits)
        return await couch_documents.get_many(self.line, db, wanted)

    async def put(self, db: str, doc: Document) -> str:
        """See Store; and StoreInterrupted where it is not known whether it was done."""
        names.check_database(db)
        try:
            prepared = prepare(doc, self.limits, budget=_ON_THE_LOOP)
        except TooMuchForNow:
            prepared = await asyncio.to_thread(prepare, doc, self.limits)
        return await couch_documents.put(self.line, db, prepared, _stubs(doc))

    async def bulk(self, db: str, docs: Sequence[Document]) -> list[BulkRow]:
        """See Store; the documents become visible one after the other."""
        names.check_database(db)
        checks.how_many(docs, self.limits)
        prepared: list[Prepared] = await asyncio.to_thread(checks.documents, docs, self.limits)
        return await couch_documents.bulk(self.line, db, prepared, [_stubs(doc) for doc in docs])

    async def delete(self, db: str, id: str, rev: str) -> str:
        """See Store; and StoreInterrupted where it is not known whether it was done."""
        names.check_database(db)
        names.check_document(id)
        return await couch_documents.delete(self.line, db, id, rev)

    async def all_docs(self, db: str, **options: Unpack[IdOptions]) -> ViewResult:
        """See Store."""
        names.check_database(db)
        query = queries.id_query(self.limits, **options)
        if query.keys is not None:
            return await couch_views.docs_by_id(self.line, db, query.keys, include_docs=query.include_docs)
        return await couch_views.all_docs(self.line, db, query, self.limits.view_rows)

    # --- views ---

    async def view(self, db: str, view: str, **options: Unpack[ViewOptions]) -> ViewResult:
        """See Store. Strings are in CouchDB's own order, and numbers are doubles, as JavaScript's are."""
        names.check_database(db)
        query = queries.view_query(self._view(db, view), self.limits.bulk_rows, **options)
        given = couch_views.Keys.of(options)
        line = self.line
        design = next(design for design in self._designs_for(db) if query.view in design.views)
        for _ in range(3):
            try:
                return await couch_views.ask(line, db, design.name, query, given, self.limits.view_rows)
            except couch_views.NotInstalled:
                await couch_design.install(line, db, [design])
        raise StoreUnavailable(
            self.path, f"the views of {design.name} in {db} are removed as soon as they are installed"
        )

    async def refresh(self, db: str | None = None) -> int:
        """See Store. Removes our own design documents that this process does not declare; those of others stay."""
        if db is not None:
            return await self._refresh(names.check_database(db))
        built = 0
        for name in await self.databases():
            with suppress(DatabaseNotFound):  # removed since it was listed
                built += await self._refresh(name)
        return built

    async def _refresh(self, db: str) -> int:
        line, designs = self.line, self._designs_for(db)
        new = await couch_design.install(line, db, designs)
        await couch_design.remove_others(line, db, designs)
        for design in designs:
            name = design.views[0].name.partition("/")[2]
            place = (db, "_design", design.name, "_view", name)
            query = {"limit": 1, "reduce": False}
            answer = await line.read("refresh", "GET", *place, query=query, timeout=line.tuning.build_timeout)
            if not answer.ok:
                raise couch_design.not_there(line, "refresh", db, answer)
        return sum(len(design.views) for design in new)

    def _view(self, db: str, name: str) -> View:
        found = self._views.get(name) if isinstance(name, str) else None
        if found is None or names.classify(db) not in found.databases:
            raise ViewNotFound(db, name)
        return found

    def _designs_for(self, db: str) -> tuple[couch_design.Design, ...]:
        kind = names.classify(db)
        found = self._designs.get(kind)
        if found is None:
            found = couch_design.designs(view for view in self._views.values() if kind in view.databases)
            if found:  # a class without views is not noted: anyone may name any number of them
                self._designs[kind] = found
        return found

    # --- changes ---

    async def changes(self, db: str, since: str, *, wait: float = 0.0, limit: int = PAGE) -> Changes:
        """See Store."""
        names.check_database(db)
        checks.changes(since, wait, limit)
        return await couch_changes.changes(self.line, db, since, wait=wait, limit=limit)

    async def place(self, db: str, checkpoint: str) -> str | None:
        """How far a follower is that keeps its place under this name (`changes.py`)."""
        return await couch_changes.place(self.line, names.check_database(db), names.check_document(checkpoint))

    async def keep_place(self, db: str, checkpoint: str, place: str) -> None:
        """Keep it, in the database itself."""
        await couch_changes.keep_place(self.line, names.check_database(db), names.check_document(checkpoint), place)

    # --- attachments ---

    async def put_attachment(
        self, db: str, id: str, name: str, content_type: str, data: bytes | bytearray, rev: str | None = None
    ) -> str:
        """See Store; and StoreInterrupted where it is not known whether it was done."""
        names.check_database(db)
        checks.upload(id, name, content_type, data, self.limits)
        return await couch_attachments.put(self.line, db, id, name, content_type, bytes(data), rev)

    async def get_attachment(self, db: str, id: str, name: str) -> Attachment:
        """See Store."""
        names.check_database(db)
        names.check_document(id)
        names.check_attachment(name)
        return await couch_attachments.get_whole(self.line, db, id, name, self.limits.attachment)

    async def get_part(self, db: str, id: str, name: str, start: int, length: int) -> Attachment:
        """See Store."""
        names.check_database(db)
        names.check_document(id)
        names.check_attachment(name)
        most = min(max(length, 0), self.limits.attachment)
        return await couch_attachments.get_part(self.line, db, id, name, max(start, 0), most)

    async def delete_attachment(self, db: str, id: str, name: str, rev: str) -> str:
        """See Store; and StoreInterrupted where it is not known whether it was done."""
        names.check_database(db)
        names.check_document(id)
        names.check_attachment(name)
        return await couch_attachments.delete(self.line, db, id, name, rev)

    @property
    def line(self) -> Line:
        """The open way to the cluster. Raises StoreClosed."""
        if self._line is None:
            raise StoreClosed(self.path)
        return self._line


def _stubs(doc: Document) -> dict[str, Any]:
    """What the document says of its attachments; checked by `prepare`."""
    stubs: dict[str, Any] = doc.get("_attachments") or {}
    return stubs


if TYPE_CHECKING:
    _keeps_the_promise: Callable[[CouchAddress], Store] = CouchStore
