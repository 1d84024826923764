"""Reading documents and attachments, as functions of a reader's connection."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import orjson

from mirliton.actors.store.documents import Document
from mirliton.actors.store.errors import AttachmentNotFound, DatabaseNotFound, DocumentNotFound, TooLarge
from mirliton.actors.store.interface import Attachment, Row, ViewResult
from mirliton.actors.store.queries import IdQuery
from mirliton.actors.store.revisions import Revision
from mirliton.actors.store.sqlite_documents import CHUNK
from mirliton.actors.store.sqlite_readers import snapshot

_DOCUMENT = "SELECT id, generation, digest, deleted, body, attachments FROM documents WHERE db = ? AND id = ?"
_IN_DATABASE = (
    "SELECT databases.id, documents.id, generation, digest, deleted, body, attachments "
    "FROM databases LEFT JOIN documents ON documents.db = databases.id AND documents.id = ? "
    "WHERE databases.name = ?"
)
_ALL = (
    "SELECT id, generation, digest, deleted, body, attachments FROM documents "
    "WHERE db = ? AND NOT deleted AND id >= ? AND id < ? ORDER BY id LIMIT ? OFFSET ?"
)
_ALL_DESCENDING = _ALL.replace("ORDER BY id", "ORDER BY id DESC")

_Stored = tuple[str, int, bytes, int, bytes, str | None]

_BEYOND = b""
# Above every id: to SQLite any blob is greater than any text.
_LAST_CHARACTER = "\U0010ffff"


def databases(connection: sqlite3.Connection, prefix: str) -> list[str]:
    """The databases' names that begin with `prefix`, in order."""
    found = connection.execute(
        "SELECT name FROM databases WHERE name >= ? AND name < ? ORDER BY name", (prefix, prefix + _LAST_CHARACTER)
    )
    return [name for (name,) in found.fetchall()]


def database(connection: sqlite3.Connection, name: str) -> tuple[int, int]:
    """A database's number and how many documents it has. Raises DatabaseNotFound."""
    found = connection.execute("SELECT id, total FROM databases WHERE name = ?", (name,)).fetchone()
    if found is None:
        raise DatabaseNotFound(name)
    return int(found[0]), int(found[1])


def get(connection: sqlite3.Connection, db_name: str, id: str) -> Document:
    """One document. Raises DatabaseNotFound, DocumentNotFound."""
    return document(_row(connection, db_name, id))


def get_many(connection: sqlite3.Connection, db_name: str, ids: Sequence[str]) -> list[Document | None]:
    """Documents in the order asked, None where there is none. Raises DatabaseNotFound."""
    with snapshot(connection):
        db, _ = database(connection, db_name)
        return [find(connection, db, id) for id in ids]


def find(connection: sqlite3.Connection, db: int, id: str) -> Document | None:
    """One document of a database known by its number."""
    row = connection.execute(_DOCUMENT, (db, id)).fetchone()
    return None if row is None or row[3] else document(row)


def document(row: _Stored) -> Document:
    """The document of a row, as CouchDB would show it."""
    id, generation, digest, _, body, attachments = row
    doc: Document = {"_id": id, "_rev": str(Revision(generation, digest)), **orjson.loads(body)}
    if attachments:
        doc["_attachments"] = {name: _stub(entry) for name, entry in orjson.loads(attachments).items()}
    return doc


def _stub(entry: dict[str, Any]) -> dict[str, Any]:
    shown = ("content_type", "revpos", "digest", "length")
    return {name: entry[name] for name in shown} | {"stub": True}


def _row(connection: sqlite3.Connection, db_name: str, id: str) -> _Stored:
    found = connection.execute(_IN_DATABASE, (id, db_name)).fetchone()
    if found is None:
        raise DatabaseNotFound(db_name)
    row: _Stored = found[1:]
    if row[0] is None or row[3]:
        raise DocumentNotFound(db_name, id, deleted=bool(row[3]))
    return row


def all_docs(connection: sqlite3.Connection, *, db_name: str, query: IdQuery, most: int) -> ViewResult:
    """The documents with ids in the range that is asked."""
    low, high = query.range
    with snapshot(connection):
        db, total = database(connection, db_name)
        statement = _ALL_DESCENDING if query.descending else _ALL
        found = connection.execute(
            statement, (db, low, _BEYOND if high is None else high, page(query.limit, most), query.skip)
        ).fetchall()
    bounded(f"_all_docs in {db_name}", found, most)
    rows = [_id_row(row, query.include_docs) for row in found]
    return ViewResult(rows, total, query.skip if query.range == ("", None) else None)


def docs_by_id(connection: sqlite3.Connection, db_name: str, ids: Sequence[str], *, include_docs: bool) -> ViewResult:
    """A row for each id, in their order."""
    with snapshot(connection):
        db, total = database(connection, db_name)
        found = [connection.execute(_DOCUMENT, (db, id)).fetchone() for id in ids]
    rows = [
        Row(None, id, None, error="not_found") if row is None or row[3] else _id_row(row, include_docs)
        for id, row in zip(ids, found, strict=True)
    ]
    return ViewResult(rows, total)


def _id_row(row: _Stored, include_docs: bool) -> Row:
    revision = str(Revision(row[1], row[2]))
    return Row(row[0], row[0], {"rev": revision}, document(row) if include_docs else None)


def get_attachment(connection: sqlite3.Connection, db_name: str, id: str, name: str) -> Attachment:
    """An attachment with its data. Raises DatabaseNotFound, DocumentNotFound, AttachmentNotFound."""
    with snapshot(connection):
        attachments = _row(connection, db_name, id)[5]
        entry = orjson.loads(attachments).get(name) if attachments else None
        if entry is None:
            raise AttachmentNotFound(db_name, id, name)
        chunks = connection.execute("SELECT data FROM chunks WHERE blob = ? ORDER BY part", (entry["blob"],)).fetchall()
    return Attachment(
        name=name,
        content_type=entry["content_type"],
        digest=entry["digest"],
        length=entry["length"],
        revpos=entry["revpos"],
        data=b"".join([chunk for (chunk,) in chunks]),
    )


def get_part(connection: sqlite3.Connection, db_name: str, id: str, name: str, start: int, length: int) -> Attachment:
    """Some bytes of an attachment. Raises DatabaseNotFound, DocumentNotFound, AttachmentNotFound."""
    with snapshot(connection):
        attachments = _row(connection, db_name, id)[5]
        entry = orjson.loads(attachments).get(name) if attachments else None
        if entry is None:
            raise AttachmentNotFound(db_name, id, name)
        stop = min(start + length, entry["length"])
        first = start // CHUNK
        chunks = connection.execute(
            "SELECT data FROM chunks WHERE blob = ? AND part BETWEEN ? AND ? ORDER BY part",
            (entry["blob"], first, max(stop - 1, 0) // CHUNK),
        ).fetchall()
    data = b"".join([chunk for (chunk,) in chunks]) if stop > start else b""
    offset = start - first * CHUNK
    return Attachment(
        name,
        entry["content_type"],
        entry["digest"],
        entry["length"],
        entry["revpos"],
        data[offset : offset + stop - start],
    )


def page(limit: int | None, most: int) -> int:
    """How many rows to read: one more than an answer may have tells that it would have more."""
    return most + 1 if limit is None else min(limit, most + 1)


def bounded(view: str, rows: Sequence[object], most: int) -> None:
    """Raises TooLarge for more rows than one answer may have."""
    if len(rows) > most:
        raise TooLarge(f"the answer of {view} (ask with a smaller limit)", len(rows), most, "rows or more")
