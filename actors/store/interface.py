"""What a store promises, whichever backend keeps it.

The model is CouchDB's. A database holds documents; a document has an id and a revision; a change names the revision it
was made from and is refused with Conflict when another change came first. A deleted document leaves a tombstone, from
which it may be created again. Views are declared as data (`views.py`) and are always current: a view asked after a
write was acknowledged shows it.

    async with opened(SqliteStore("/var/lib/mirliton/store.db")) as store:
        await store.create_database("system_config")
        rev = await store.put("system_config", {"_id": "ecallmgr", "default": {"fs_cmds_wait_ms": 5000}})
        doc = await store.get("system_config", "ecallmgr")     # {"_id": …, "_rev": rev, "default": …}

What was acknowledged is on the disk: it survives the death of the process, of the machine, and of whoever asked.
Every call ends by the store's deadline with its result or an error of `errors.py`. A call that is cancelled, or whose
deadline passes, may still take effect (StoreTimeout says when that is ruled out). Documents handed to a call belong to
the store until the call returns: whoever changes one meanwhile gets what they deserve.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from enum import Enum
from typing import Any, Final, Literal, Protocol, TypedDict, TypeVar, Unpack, runtime_checkable

from mirliton.actors.store.changes import PAGE, Changes
from mirliton.actors.store.documents import Document
from mirliton.runtime.messages import message


class Unset(Enum):
    """The type of UNSET."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET
"""Stands for a key that was not given: None is a key."""


class PageOptions(TypedDict, total=False):
    """Which part of the rows is asked."""

    inclusive_end: bool
    """Whether what is at `endkey` belongs to them; it does unless this is False."""
    descending: bool
    """From the last to the first; the range then runs from `startkey` down to `endkey`."""
    limit: int | None
    """At most so many rows."""
    skip: int
    """Leave out so many rows first."""
    include_docs: bool
    """With each row its document."""


class IdOptions(PageOptions, total=False):
    """Which documents are asked: those of `keys`, or those from `startkey` to `endkey`."""

    keys: Sequence[str] | None
    startkey: str | None
    endkey: str | None


class ViewOptions(PageOptions, total=False):
    """Which rows of a view are asked: those of one key, of each of several, or of a range; and how they are reduced."""

    key: Any
    keys: Sequence[Any] | None
    startkey: Any
    endkey: Any
    reduce: bool | None
    """False: not at all, though the view has a reduce."""
    group: bool
    """One row for each key."""
    group_level: int | None
    """One row for each beginning of so many elements of array keys."""


@message("store.row")
class Row:
    """One row of a view or of all_docs. A reduced row has no id; `doc` is there with include_docs."""

    id: str | None
    key: Any
    value: Any
    doc: Document | None = None
    error: Literal["not_found"] | None = None
    """Set in all_docs for a key that names no document; the rest of the row is None then."""


@message("store.view_result")
class ViewResult:
    """The rows asked for, how many the whole view has, and how many lie before the first of these.

    `total_rows` and `offset` are None for reduced results; `offset` also where finding it would mean counting.
    """

    rows: list[Row]
    total_rows: int | None = None
    offset: int | None = None


@message("store.bulk_row")
class BulkRow:
    """What became of one document of a bulk call: its new revision, or the reason it has none."""

    id: str
    rev: str | None = None
    error: Literal["conflict", "missing_stub"] | None = None
    """conflict: its `_rev` is not the current one. missing_stub: it keeps an attachment that is not there."""


@message("store.attachment")
class Attachment:
    """A file kept with a document. `digest` is "md5-" and the base64 of the MD5, `length` counts bytes."""

    name: str
    content_type: str
    digest: str
    length: int
    revpos: int
    """The generation of the document's revision that brought it."""
    data: bytes


@runtime_checkable
class Store(Protocol):
    """The document store. Every method may raise StoreUnavailable, StoreDamaged and, for names, InvalidName."""

    async def open(self) -> None:
        """Make the store usable; creates it where there is none. Opening an open store does nothing."""

    async def close(self, timeout: float = 5.0) -> None:
        """Finish what was taken, refuse what comes, let go of everything within `timeout` seconds.

        What is not finished by then ends with StoreClosed. Closing a closed store does nothing.
        """

    async def create_database(self, db: str) -> bool:
        """Make a database; True if it was made, False if it was there."""

    async def delete_database(self, db: str) -> None:
        """Remove a database with all it holds. Raises DatabaseNotFound."""

    async def databases(self, prefix: str = "") -> list[str]:
        """The names of all databases that begin with `prefix`, in order."""

    async def get(self, db: str, id: str) -> Document:
        """A document at its current revision. Raises DatabaseNotFound, DocumentNotFound."""

    async def get_many(self, db: str, ids: Sequence[str]) -> list[Document | None]:
        """The documents in the order of `ids`, None where there is none. Raises DatabaseNotFound, TooLarge."""

    async def put(self, db: str, doc: Document) -> str:
        """Store a document and return its new revision.

        Without `_rev` it must not exist (or be deleted); with it, it must be at that revision. `_deleted: true`
        makes a tombstone. Attachments that are not listed as stubs under `_attachments` are dropped, so a document
        is written back as it was read. Raises DatabaseNotFound, Conflict, InvalidDocument, TooLarge,
        AttachmentNotFound (a stub of what is not there).
        """

    async def bulk(self, db: str, docs: Sequence[Document]) -> list[BulkRow]:
        """Store many documents; each row tells what became of the document at its place.

        The rows are independent: some may be in conflict while the others are stored. They become visible together.
        A document that cannot be stored at all refuses the whole call before anything is written.
        Raises DatabaseNotFound, InvalidDocument, TooLarge.
        """

    async def delete(self, db: str, id: str, rev: str) -> str:
        """Leave a tombstone; returns its revision. Raises DatabaseNotFound, DocumentNotFound, Conflict."""

    async def all_docs(self, db: str, **options: Unpack[IdOptions]) -> ViewResult:
        """Every document by id, in the order of code points; the value is {"rev": …}.

        With `keys`, a row for each of them in their order, with `error` where there is no such document.
        Raises DatabaseNotFound, BadQuery.
        """

    async def view(self, db: str, view: str, **options: Unpack[ViewOptions]) -> ViewResult:
        """The rows of a declared view ("design/name"), ordered by key (`collation.py`), then by id.

        `keys` gives the rows of each key in the order of `keys`. A view with a reduce is reduced to one row, unless it
        is told otherwise. Raises DatabaseNotFound, ViewNotFound, BadQuery.
        """

    async def refresh(self, db: str | None = None) -> int:
        """Build every declared view of `db` (default: of all databases) that is new or has changed; returns how many.

        Not needed for correctness: a view is built when it is first asked, and if that takes longer than the deadline
        allows, the answer is StoreTimeout until it is done. Refreshing moves the work to a quiet time.
        Raises DatabaseNotFound.
        """

    async def changes(self, db: str, since: str, *, wait: float = 0.0, limit: int = PAGE) -> Changes:
        """Documents written after a place in the database's history, oldest first, each once with its last revision.

        `since` is the place of an earlier answer, "0" for everything or "now" for nothing yet; where nothing follows
        it, the answer comes when something does, or after `wait` seconds. `changes.py` follows with it.
        Raises DatabaseNotFound, and StoreError for a place that is none (any more) of this database's.
        """

    async def put_attachment(
        self, db: str, id: str, name: str, content_type: str, data: bytes | bytearray, rev: str | None = None
    ) -> str:
        """Add or replace a document's attachment; returns the document's new revision.

        Without `rev` the document must not exist, and is created. Raises as `put`.
        """

    async def get_attachment(self, db: str, id: str, name: str) -> Attachment:
        """An attachment with its data. Raises DatabaseNotFound, DocumentNotFound, AttachmentNotFound."""

    async def get_part(self, db: str, id: str, name: str, start: int, length: int) -> Attachment:
        """An attachment with `length` bytes from `start` on as its data, or what there is of them (`attachments.py`).
        Raises as `get_attachment`."""

    async def delete_attachment(self, db: str, id: str, name: str, rev: str) -> str:
        """Drop an attachment; returns the document's new revision. Raises as `get_attachment`, and Conflict."""


AnyStore = TypeVar("AnyStore", bound=Store)


@asynccontextmanager
async def opened(store: AnyStore, *, close_timeout: float = 5.0) -> AsyncIterator[AnyStore]:
    """The store, open for the length of a block."""
    await store.open()
    try:
        yield store
    finally:
        await store.close(close_timeout)
