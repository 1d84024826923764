"""Changes to documents, as functions of the writer's session. Each is one job: all of it happens or nothing."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from mirliton.actors.store import sqlite_index
from mirliton.actors.store.errors import AttachmentNotFound, Conflict, DocumentNotFound
from mirliton.actors.store.interface import BulkRow
from mirliton.actors.store.revisions import Revision, successor
from mirliton.actors.store.sqlite_session import Session
from mirliton.actors.store.values import Prepared

CHUNK = 256 * 1024
"""Bytes of an attachment in one row."""

Attachments = dict[str, dict[str, Any]]
"""As a document's row keeps them: name to content_type, digest, length, revpos and the number of the blob."""


@dataclass(frozen=True, slots=True)
class Current:
    """A document's row before the change."""

    serial: int
    revision: Revision
    deleted: bool
    attachments: Attachments


def put(session: Session, db_name: str, doc: Prepared) -> str:
    """Store a document; returns its new revision. Raises DatabaseNotFound, Conflict, AttachmentNotFound."""
    db = session.database(db_name)
    before = _current(session, db, doc.id)
    _check_revision(db_name, doc.id, doc.rev, before)
    attachments = _kept(db_name, doc, before)
    return _write(session, db, doc.id, before, doc.body, attachments, deleted=doc.deleted)


def bulk(session: Session, db_name: str, docs: Sequence[Prepared]) -> list[BulkRow]:
    """Store many documents; each has its own outcome."""
    session.database(db_name)
    rows = []
    for doc in docs:
        try:
            rows.append(BulkRow(doc.id, rev=put(session, db_name, doc)))
        except Conflict:
            rows.append(BulkRow(doc.id, error="conflict"))
        except AttachmentNotFound:
            rows.append(BulkRow(doc.id, error="missing_stub"))
    return rows


def delete(session: Session, db_name: str, id: str, rev: str) -> str:
    """Leave a tombstone. Raises DatabaseNotFound, DocumentNotFound, Conflict."""
    db = session.database(db_name)
    before = _existing(session, db_name, db, id)
    _check_revision(db_name, id, rev, before)
    return _write(session, db, id, before, b"{}", {}, deleted=True)


@dataclass(frozen=True, slots=True)
class Upload:
    """An attachment on its way in."""

    name: str
    content_type: str
    data: bytes
    digest: str


def digest_of(data: bytes) -> str:
    """An attachment's digest in CouchDB's form."""
    return "md5-" + base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


def put_attachment(session: Session, db_name: str, id: str, rev: str | None, upload: Upload) -> str:
    """Add or replace an attachment. Raises DatabaseNotFound, Conflict."""
    db = session.database(db_name)
    before = _current(session, db, id)
    _check_revision(db_name, id, rev, before)
    body = _body(session, before)
    attachments = dict(before.attachments) if before else {}
    attachments[upload.name] = {
        "content_type": upload.content_type,
        "digest": upload.digest,
        "length": len(upload.data),
        "revpos": before.revision.generation + 1 if before else 1,
        "blob": _store_blob(session, db, upload.data),
    }
    return _write(session, db, id, before, body, attachments, deleted=False)


def delete_attachment(session: Session, db_name: str, id: str, name: str, rev: str) -> str:
    """Drop an attachment. Raises DatabaseNotFound, DocumentNotFound, AttachmentNotFound, Conflict."""
    db = session.database(db_name)
    before = _existing(session, db_name, db, id)
    if name not in before.attachments:
        raise AttachmentNotFound(db_name, id, name)
    _check_revision(db_name, id, rev, before)
    kept = {kept: entry for kept, entry in before.attachments.items() if kept != name}
    return _write(session, db, id, before, _body(session, before), kept, deleted=False)


def _current(session: Session, db: int, id: str) -> Current | None:
    found = session.execute(
        "SELECT serial, generation, digest, deleted, attachments FROM documents WHERE db = ? AND id = ?", (db, id)
    ).fetchone()
    if found is None:
        return None
    serial, generation, digest, deleted, attachments = found
    return Current(
        serial, Revision(generation, digest), bool(deleted), orjson.loads(attachments) if attachments else {}
    )


def _existing(session: Session, db_name: str, db: int, id: str) -> Current:
    before = _current(session, db, id)
    if before is None or before.deleted:
        raise DocumentNotFound(db_name, id, deleted=before is not None)
    return before


def _check_revision(db_name: str, id: str, given: str | None, before: Current | None) -> None:
    """A document is made without a revision, changed from its current one, and made again from either."""
    current = str(before.revision) if before else None
    if given == current or (given is None and before is not None and before.deleted):
        return
    raise Conflict(db_name, id, given, None if before is None or before.deleted else current)


def _kept(db_name: str, doc: Prepared, before: Current | None) -> Attachments:
    """The attachments that the new revision names. Raises AttachmentNotFound for one that is not there."""
    there = before.attachments if before else {}
    for name in doc.attachments:
        if name not in there:
            raise AttachmentNotFound(db_name, doc.id, name)
    return {name: entry for name, entry in there.items() if name in doc.attachments}


def _body(session: Session, before: Current | None) -> bytes:
    """The current body, for a change of attachments only."""
    if before is None or before.deleted:
        return b"{}"
    body: bytes = session.execute("SELECT body FROM documents WHERE serial = ?", (before.serial,)).fetchone()[0]
    return body


def _write(
    session: Session,
    db: int,
    id: str,
    before: Current | None,
    body: bytes,
    attachments: Attachments,
    *,
    deleted: bool,
) -> str:
    named = sorted((name, entry["content_type"], entry["digest"]) for name, entry in attachments.items())
    revision = successor(before.revision if before else None, body, deleted=deleted, attachments=named)
    stored = (*revision, deleted, body, orjson.dumps(attachments).decode() if attachments else None)
    if before is None:
        session.execute(
            "INSERT INTO documents (generation, digest, deleted, body, attachments, db, id) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (*stored, db, id),
        )
    else:
        session.execute(
            "UPDATE documents SET generation = ?, digest = ?, deleted = ?, body = ?, attachments = ? WHERE serial = ?",
            (*stored, before.serial),
        )
        _drop_blobs(session, before.attachments, attachments)
    existed = before is not None and not before.deleted
    session.count_documents(db, (not deleted) - existed)
    sqlite_index.update(session, db, id, None if deleted else body, existed=existed)
    return str(revision)


def _store_blob(session: Session, db: int, data: bytes) -> int:
    blob = int(session.execute("INSERT INTO blobs (db) VALUES (?)", (db,)).lastrowid or 0)
    session.connection.executemany(
        "INSERT INTO chunks (blob, part, data) VALUES (?, ?, ?)",
        ((blob, part, data[start : start + CHUNK]) for part, start in enumerate(range(0, len(data), CHUNK))),
    )
    return blob


def _drop_blobs(session: Session, before: Attachments, after: Attachments) -> None:
    kept = {entry["blob"] for entry in after.values()}
    remove_blobs(session, [entry["blob"] for entry in before.values() if entry["blob"] not in kept])


def remove_blobs(session: Session, blobs: Iterable[int]) -> None:
    """Remove attachments' data."""
    for blob in blobs:
        session.execute("DELETE FROM chunks WHERE blob = ?", (blob,))
        session.execute("DELETE FROM blobs WHERE id = ?", (blob,))
