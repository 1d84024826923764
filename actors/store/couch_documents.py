"""Reading and changing documents, as functions of the line to the database."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import orjson

from mirliton.actors.store import revisions
from mirliton.actors.store.couch_answer import Answer
from mirliton.actors.store.couch_design import not_there
from mirliton.actors.store.couch_line import Line
from mirliton.actors.store.documents import Document
from mirliton.actors.store.errors import (
    AttachmentNotFound,
    Conflict,
    DatabaseNotFound,
    DocumentNotFound,
    InvalidDocument,
    StoreError,
    StoreInterrupted,
    StoreUnavailable,
)
from mirliton.actors.store.interface import BulkRow
from mirliton.actors.store.values import Prepared

NO_DATABASE: Final = frozenset({"no_db_file", "Database does not exist."})
_STUB_FACTS: Final = ("content_type", "revpos", "digest", "length")
_AT_ONCE: Final = 8
"""Documents that a bulk call writes by themselves at the same time."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a database has under an id: a revision, alive or deleted, or nothing."""

    rev: str | None = None
    deleted: bool = False

    @property
    def current(self) -> str | None:
        return None if self.deleted else self.rev


async def get(line: Line, db: str, id: str) -> Document:
    """One document. Raises DatabaseNotFound, DocumentNotFound."""
    answer = await line.read("get", "GET", db, id)
    if answer.ok and isinstance(answer.data, dict) and answer.data.get("_id") == id:
        return document(answer.data)
    raise absent(line, "get", db, id, answer)


async def get_many(line: Line, db: str, ids: Sequence[str]) -> list[Document | None]:
    """Documents in the order asked, None where there is none. Raises DatabaseNotFound."""
    rows = await by_ids(line, "get_many", db, ids, include_docs=True)
    return [document(row["doc"]) if row.get("doc") else None for row in rows]


async def by_ids(
    line: Line, operation: str, db: str, ids: Sequence[str], *, include_docs: bool
) -> list[dict[str, Any]]:
    """CouchDB's row for each of `ids`. Raises DatabaseNotFound."""
    body = orjson.dumps({"keys": list(ids)})
    answer = await line.read(operation, "POST", db, "_all_docs", query={"include_docs": include_docs}, body=body)
    if not answer.ok:
        raise not_there(line, operation, db, answer)
    rows: list[dict[str, Any]] = answer.data["rows"]
    for row, id in zip(rows, ids, strict=True):
        if row.get("key") != id or row.get("error") not in (None, "not_found"):
            # A shard that is away, say: not the same as a document that is not there.
            raise StoreUnavailable(line.path, f"{operation} got {orjson.dumps(row).decode()[:200]} for {id!r}")
    return rows


async def look(line: Line, db: str, id: str) -> Found:
    """What is there under an id. Raises DatabaseNotFound."""
    [row] = await by_ids(line, "look", db, [id], include_docs=False)
    value = row.get("value")
    if row.get("error") or not value:
        return Found()
    return Found(value["rev"], bool(value.get("deleted")))


async def put(line: Line, db: str, doc: Prepared, stubs: dict[str, Any]) -> str:
    """Store a document; returns its new revision. Raises DatabaseNotFound, Conflict, AttachmentNotFound."""
    if doc.rev is not None and revisions.parse(doc.rev) is None:
        raise Conflict(db, doc.id, doc.rev, (await look(line, db, doc.id)).current)
    answer = await line.write("put", "POST", db, body=as_json(doc, stubs))
    if answer.status == 412 and doc.attachments:
        # Nothing was written. The stubs lack what this server asks of them, or name what is not there.
        there = await _attachments(line, db, doc)
        answer = await line.write("put", "POST", db, body=as_json(doc, there))
    if answer.ok:
        return str(answer.data["rev"])
    raise await refused(line, "put", db, doc.id, doc.rev, answer)


async def bulk(line: Line, db: str, docs: Sequence[Prepared], stubs: Sequence[dict[str, Any]]) -> list[BulkRow]:
    """Store many documents; each has its own outcome. Raises DatabaseNotFound."""
    rows: dict[int, BulkRow] = {}
    together: list[int] = []
    alone: list[int] = []
    seen: set[str] = set()
    for place, doc in enumerate(docs):
        # One attachment that is not there, or one revision that is none, would refuse the whole call; and of two
        # documents with one id CouchDB takes both where they are the same.
        odd = doc.attachments or (doc.rev is not None and revisions.parse(doc.rev) is None) or doc.id in seen
        seen.add(doc.id)
        (alone if odd else together).append(place)
    if together or not docs:
        content = b",".join([as_json(docs[place], {}) for place in together])
        answer = await line.write("bulk", "POST", db, "_bulk_docs", body=b'{"docs":[' + content + b"]}")
        if not answer.ok:
            raise not_there(line, "bulk", db, answer)
        # By id, not by place: not every server keeps the order.
        told = {row.get("id"): row for row in answer.data}
        for place in together:
            rows[place] = _bulk_row(line, docs[place], told.get(docs[place].id, {}))
    room = asyncio.Semaphore(_AT_ONCE)

    async def one(place: int) -> None:
        async with room:
            rows[place] = await _put_row(line, db, docs[place], stubs[place])

    # In their order where an id comes twice: the second is to meet the first.
    lanes: dict[str, list[int]] = {}
    for place in alone:
        lanes.setdefault(docs[place].id, []).append(place)

    async def lane(places: list[int]) -> None:
        for place in places:
            await one(place)

    # All are waited for, also where one fails: nothing goes on behind the caller's back.
    for outcome in await asyncio.gather(*(lane(places) for places in lanes.values()), return_exceptions=True):
        if outcome is not None:
            raise outcome
    return [rows[place] for place in range(len(docs))]


async def delete(line: Line, db: str, id: str, rev: str) -> str:
    """Leave a tombstone. Raises DatabaseNotFound, DocumentNotFound, Conflict."""
    there = await look(line, db, id)
    if there.current is None:
        raise DocumentNotFound(db, id, deleted=there.deleted)
    if there.rev != rev:
        raise Conflict(db, id, rev, there.rev)
    body = orjson.dumps({"_id": id, "_rev": rev, "_deleted": True})
    answer = await line.write("delete", "POST", db, body=body)
    if answer.ok:
        return str(answer.data["rev"])
    raise await refused(line, "delete", db, id, rev, answer, must_exist=True)


def document(found: dict[str, Any]) -> Document:
    """A document as the store gives it: id and revision first, the stubs last, nothing else of CouchDB's."""
    doc: Document = {"_id": found["_id"], "_rev": found["_rev"]}
    doc.update((name, value) for name, value in found.items() if not name.startswith("_"))
    attachments = found.get("_attachments")
    if attachments:
        doc["_attachments"] = {
            name: {fact: entry[fact] for fact in _STUB_FACTS if fact in entry} | {"stub": True}
            for name, entry in attachments.items()
        }
    return doc


def as_json(doc: Prepared, stubs: dict[str, Any]) -> bytes:
    """The document as it is sent."""
    special: dict[str, Any] = {"_id": doc.id}
    if doc.rev is not None:
        special["_rev"] = doc.rev
    if doc.deleted:
        special["_deleted"] = True
    if doc.attachments:
        special["_attachments"] = {
            name: {"stub": True} | {fact: stubs[name][fact] for fact in _STUB_FACTS if fact in stubs.get(name, {})}
            for name in doc.attachments
        }
    head = orjson.dumps(special)
    return head if doc.body == b"{}" else head[:-1] + b"," + doc.body[1:]


async def _put_row(line: Line, db: str, doc: Prepared, stubs: dict[str, Any]) -> BulkRow:
    error: Literal["conflict", "missing_stub"]
    try:
        return BulkRow(doc.id, rev=await put(line, db, doc, stubs))
    except Conflict:
        error = "conflict"
    except AttachmentNotFound:
        error = "missing_stub"
    return BulkRow(doc.id, error=error)


def _bulk_row(line: Line, doc: Prepared, told: dict[str, Any]) -> BulkRow:
    if "rev" in told and not told.get("error"):
        return BulkRow(doc.id, rev=told["rev"])
    if told.get("error") == "conflict":
        return BulkRow(doc.id, error="conflict")
    if told.get("error") in ("forbidden", "unauthorized", "doc_validation", "bad_request"):
        raise InvalidDocument(doc.id, "", f"the server refuses it: {told.get('reason')}")
    raise StoreInterrupted(line.path, "bulk", f"{doc.id!r} was answered with {orjson.dumps(told).decode()[:200]}")


async def _attachments(line: Line, db: str, doc: Prepared) -> dict[str, Any]:
    """The stubs of the attachments that the document names. Raises AttachmentNotFound, Conflict."""
    try:
        current = await get(line, db, doc.id)
    except DocumentNotFound:
        current = {}
    stubs: dict[str, Any] = current.get("_attachments", {})
    if current.get("_rev") != doc.rev:
        raise Conflict(db, doc.id, doc.rev, current.get("_rev"))
    for name in doc.attachments:
        if name not in stubs:
            raise AttachmentNotFound(db, doc.id, name)
    return stubs


def absent(line: Line, operation: str, db: str, id: str, answer: Answer) -> StoreError:
    """What a refusal to read means."""
    if answer.status == 404 and answer.error == "not_found":
        if answer.reason in NO_DATABASE:
            return DatabaseNotFound(db)
        return DocumentNotFound(db, id, deleted=answer.reason == "deleted")
    return line.failure(operation, answer)


async def refused(
    line: Line, operation: str, db: str, id: str, rev: str | None, answer: Answer, *, must_exist: bool = False
) -> StoreError:
    """What a refusal to write means; nothing was written."""
    if answer.status == 404 and answer.reason in NO_DATABASE:
        return DatabaseNotFound(db)
    if answer.status in (404, 409):
        there = await look(line, db, id)
        if must_exist and there.current is None:
            return DocumentNotFound(db, id, deleted=there.deleted)
        return Conflict(db, id, rev, there.current)
    if answer.error in ("doc_validation", "bad_request", "forbidden") and answer.data is not None:
        return InvalidDocument(id, "", f"the server refuses it: {answer.reason}")
    return line.failure(operation, answer)
