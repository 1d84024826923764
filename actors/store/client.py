"""The store as any process sees it: the Store protocol, by messages to the store's actor.

While the store's actor restarts a call waits and is made again. A write that was made again may find itself done: a
conflict with exactly what was to be written is success, and so is not finding what was to be removed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final, Protocol, Unpack

from mirliton.actors.store.changes import PAGE, Changes
from mirliton.actors.store.documents import Document
from mirliton.actors.store.errors import (
    AttachmentNotFound,
    Conflict,
    DatabaseNotFound,
    DocumentNotFound,
    StoreError,
    StoreUnavailable,
)
from mirliton.actors.store.interface import UNSET, Attachment, BulkRow, IdOptions, ViewOptions, ViewResult
from mirliton.actors.store.server import STORE, StoreFault, StoreRequest
from mirliton.runtime import Address, CallTimeout, MailboxFull, NoProc, ServerDied

ATTEMPTS: Final = 8
FIRST_PAUSE: Final = 0.02
TIMEOUT: Final = 15.0
"""Seconds one attempt may take."""
LONGEST_WAIT: Final = 2.0
"""Seconds that a question for changes waits for one: a call without an answer for longer looks like a leak."""


class Caller(Protocol):
    """A process, or a node: whoever can make calls."""

    async def call(self, to: Address, request: Any, timeout: float | None = ...) -> Any: ...


class StoreClient:
    """A Store for one process (`StoreClient(self)`) or for code outside processes (`StoreClient(node)`).

    Raises what the store raises; StoreUnavailable, too, when its actor does not come back in time. Opening and closing
    are not a client's affair and do nothing.
    """

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def open(self) -> None:
        return None

    async def close(self, timeout: float = 5.0) -> None:
        return None

    async def create_database(self, db: str) -> bool:
        return bool(await self._ask("create_database", db))

    async def delete_database(self, db: str) -> None:
        try:
            await self._ask("delete_database", db)
        except DatabaseNotFound as error:
            if not _was_retried(error):
                raise

    async def databases(self, prefix: str = "") -> list[str]:
        found: list[str] = await self._ask("databases", prefix)
        return found

    async def get(self, db: str, id: str) -> Document:
        doc: Document = await self._ask("get", db, id)
        return doc

    async def get_many(self, db: str, ids: Sequence[str]) -> list[Document | None]:
        docs: list[Document | None] = await self._ask("get_many", db, list(ids))
        return docs

    async def put(self, db: str, doc: Document) -> str:
        try:
            rev: str = await self._ask("put", db, doc)
        except Conflict as conflict:
            if not _was_retried(conflict):
                raise
            [there] = await self.get_many(db, [doc["_id"]])
            found = _revision_if_same(there, doc)
            if found is None:
                raise
            rev = found
        return rev

    async def bulk(self, db: str, docs: Sequence[Document]) -> list[BulkRow]:
        answer, retried = await self._ask_twice("bulk", db, list(docs))
        rows: list[BulkRow] = answer
        if not retried or all(row.error != "conflict" for row in rows):
            return rows
        there = await self.get_many(db, [doc["_id"] for doc in docs])
        mended = []
        for row, doc, found in zip(rows, docs, there, strict=True):
            rev = _revision_if_same(found, doc) if row.error == "conflict" else None
            mended.append(row if rev is None else BulkRow(row.id, rev=rev))
        return mended

    async def delete(self, db: str, id: str, rev: str) -> str:
        """As the store. Where the actor restarted in the middle the tombstone's revision is not known: `rev` it is."""
        try:
            gone: str = await self._ask("delete", db, id, rev)
        except (DocumentNotFound, Conflict) as error:
            if not _was_retried(error) or await self.get_many(db, [id]) != [None]:
                raise
            gone = rev
        return gone

    async def all_docs(self, db: str, **options: Unpack[IdOptions]) -> ViewResult:
        result: ViewResult = await self._ask("all_docs", db, **options)
        return result

    async def view(self, db: str, view: str, **options: Unpack[ViewOptions]) -> ViewResult:
        result: ViewResult = await self._ask("view", db, view, **options)
        return result

    async def changes(self, db: str, since: str, *, wait: float = 0.0, limit: int = PAGE) -> Changes:
        """As the store; it waits for LONGEST_WAIT at most."""
        found: Changes = await self._ask("changes", db, since, wait=min(wait, LONGEST_WAIT), limit=limit)
        return found

    async def refresh(self, db: str | None = None) -> int:
        return int(await self._ask("refresh", db))

    async def put_attachment(
        self, db: str, id: str, name: str, content_type: str, data: bytes | bytearray, rev: str | None = None
    ) -> str:
        try:
            made: str = await self._ask("put_attachment", db, id, name, content_type, bytes(data), rev)
        except Conflict as conflict:
            if not _was_retried(conflict) or not await self._has_attachment(db, id, name, content_type, data):
                raise
            made = (await self.get(db, id))["_rev"]
        return made

    async def get_attachment(self, db: str, id: str, name: str) -> Attachment:
        found: Attachment = await self._ask("get_attachment", db, id, name)
        return found

    async def get_part(self, db: str, id: str, name: str, start: int, length: int) -> Attachment:
        found: Attachment = await self._ask("get_part", db, id, name, start, length)
        return found

    async def delete_attachment(self, db: str, id: str, name: str, rev: str) -> str:
        try:
            made: str = await self._ask("delete_attachment", db, id, name, rev)
        except (AttachmentNotFound, Conflict) as error:
            there = await self.get(db, id) if _was_retried(error) else {}
            if not there or name in there.get("_attachments", {}):
                raise
            made = there["_rev"]
        return made

    async def _has_attachment(self, db: str, id: str, name: str, content_type: str, data: bytes | bytearray) -> bool:
        try:
            found = await self.get_attachment(db, id, name)
        except (AttachmentNotFound, DocumentNotFound):
            return False
        return found.data == data and found.content_type == content_type

    async def _ask(self, operation: str, *args: Any, **options: Any) -> Any:
        answer, _ = await self._ask_twice(operation, *args, **options)
        return answer

    async def _ask_twice(self, operation: str, *args: Any, **options: Any) -> tuple[Any, bool]:
        """The answer, and whether the question was asked more than once."""
        request = StoreRequest(operation, args, {key: value for key, value in options.items() if value is not UNSET})
        pause = FIRST_PAUSE
        retried = False
        for attempt in range(1, ATTEMPTS + 1):
            try:
                answer = await self._caller.call(STORE, request, timeout=TIMEOUT)
            except (CallTimeout, MailboxFull) as error:
                # Whether it was done is not known; asking again at once would only add to what waits.
                raise StoreUnavailable("store", str(error)) from error
            except (NoProc, ServerDied) as error:
                if attempt == ATTEMPTS:
                    raise StoreUnavailable("store", str(error)) from error
                retried = True
                await self._pause(pause)
                pause = min(pause * 2, 1.0)
                continue
            if not isinstance(answer, StoreFault):
                return answer, retried
            raise _marked(answer.error(), retried)
        raise AssertionError("unreachable")

    async def _pause(self, seconds: float) -> None:
        sleep = getattr(self._caller, "sleep", None)
        await (sleep(seconds) if sleep is not None else asyncio.sleep(seconds))


def _was_retried(error: StoreError) -> bool:
    return bool(getattr(error, "retried", False))


def _revision_if_same(there: Document | None, doc: Document) -> str | None:
    """The revision of what is there, if it is what was to be written."""
    if there is None:
        # A document that was to be deleted, and is.
        return str(doc.get("_rev", "")) if doc.get("_deleted") else None
    same = {**there, "_rev": None} == {**doc, "_rev": None}
    return str(there["_rev"]) if same else None


def _marked(error: StoreError, retried: bool) -> StoreError:
    vars(error)["retried"] = retried
    return error
