"""View indexes: kept current by whoever writes a document, built when a view is new or its declaration changed."""

from __future__ import annotations

import time

import orjson
import structlog

from mirliton.actors.store.collation import encode
from mirliton.actors.store.documents import Document
from mirliton.actors.store.maps import Mapped
from mirliton.actors.store.sqlite_session import Index, Session
from mirliton.actors.store.views import View

log = structlog.get_logger()

_Row = tuple[int, bytes, str, int, int, bytes]
"""One row of `emitted`: index, key, document, place among the document's rows, database, key and value as JSON."""

_INSERT = "INSERT OR REPLACE INTO emitted (view, key, doc, part, db, row) VALUES (?, ?, ?, ?, ?, ?)"
_BATCH = 500


def update(session: Session, db: int, id: str, body: bytes | None, *, existed: bool) -> None:
    """Bring all rows of one document up to date with its new body; None when it is deleted."""
    rows: list[_Row] = []
    if body is not None:
        doc: Document = {"_id": id, **orjson.loads(body)}
        for index in session.indexes(db):
            if mapped := index.map.rows(doc):
                rows += _rows(index, db, id, mapped)
    if existed:
        _remove_others(session, db, id, {row[:2] + row[3:4] for row in rows})
    if rows:
        session.connection.executemany(_INSERT, rows)
        for row in rows:
            session.count_rows(row[0], 1)


def _rows(index: Index, db: int, id: str, mapped: list[Mapped]) -> list[_Row]:
    return [
        (index.id, encode(key), id, part, db, orjson.dumps((key, value))) for part, (key, value) in enumerate(mapped)
    ]


def _remove_others(session: Session, db: int, id: str, kept: set[tuple[int, bytes, int]]) -> None:
    """Remove the rows that the document has and should not have; those it keeps will be written over."""
    old = "SELECT view, key, part FROM emitted WHERE db = ? AND doc = ?"
    for view, key, part in session.execute(old, (db, id)).fetchall():
        session.count_rows(view, -1)
        if (view, key, part) not in kept:
            session.execute(
                "DELETE FROM emitted WHERE view = ? AND key = ? AND doc = ? AND part = ?", (view, key, id, part)
            )


def declare(session: Session, db: int, view: View) -> int:
    """Note a view for a database, with no rows; returns its number."""
    cursor = session.execute(
        "INSERT INTO views (db, name, version, declaration, built) VALUES (?, ?, ?, ?, 1)",
        (db, view.name, view.version, orjson.dumps(view.to_data()).decode()),
    )
    return int(cursor.lastrowid or 0)


def is_current(session: Session, db: int, view: View) -> bool:
    """Whether the database has the index of this very declaration."""
    found = session.execute("SELECT version, built FROM views WHERE db = ? AND name = ?", (db, view.name)).fetchone()
    return found is not None and tuple(found) == (view.version, 1)


def build(session: Session, db_name: str, view: View) -> bool:
    """Build the index of a view in a database, in place of one of an older declaration. False if it is there."""
    db = session.database(db_name)
    if is_current(session, db, view):
        return False
    started = time.monotonic()
    drop(session, db, view.name)
    index = Index(declare(session, db, view), session.map_of(view))
    documents = session.execute("SELECT id, body FROM documents WHERE db = ? AND NOT deleted", (db,))
    total = seen = 0
    while batch := documents.fetchmany(_BATCH):
        rows = [
            row for id, body in batch for row in _rows(index, db, id, index.map.rows({"_id": id, **orjson.loads(body)}))
        ]
        session.connection.executemany(_INSERT, rows)
        total += len(rows)
        seen += len(batch)
    session.execute("UPDATE views SET total = ? WHERE id = ?", (total, index.id))
    session.changed()
    log.info(
        "view built",
        db=db_name,
        view=view.name,
        documents=seen,
        rows=total,
        seconds=round(time.monotonic() - started, 3),
    )
    return True


def drop(session: Session, db: int, name: str) -> None:
    """Remove a view's index from a database, if there is one."""
    for (id,) in session.execute("SELECT id FROM views WHERE db = ? AND name = ?", (db, name)).fetchall():
        session.execute("DELETE FROM emitted WHERE view = ?", (id,))
        session.execute("DELETE FROM views WHERE id = ?", (id,))
