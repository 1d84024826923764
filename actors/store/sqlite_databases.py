"""Making and removing databases, as functions of the writer's session."""

from __future__ import annotations

from collections.abc import Iterable

from mirliton.actors.store import sqlite_index
from mirliton.actors.store.sqlite_session import Session
from mirliton.actors.store.views import View


def create(session: Session, name: str, views: Iterable[View]) -> bool:
    """Make a database with its views. False if it is there."""
    made = session.execute("INSERT OR IGNORE INTO databases (name) VALUES (?)", (name,))
    if not made.rowcount:
        return False
    db = int(made.lastrowid or 0)
    for view in views:
        sqlite_index.declare(session, db, view)
    session.changed()
    return True


def delete(session: Session, name: str) -> None:
    """Remove a database and all it holds. Raises DatabaseNotFound."""
    db = session.database(name)
    session.execute("DELETE FROM chunks WHERE blob IN (SELECT id FROM blobs WHERE db = ?)", (db,))
    for statement in (
        "DELETE FROM blobs WHERE db = ?",
        "DELETE FROM emitted WHERE db = ?",
        "DELETE FROM views WHERE db = ?",
        "DELETE FROM documents WHERE db = ?",
        "DELETE FROM databases WHERE id = ?",
    ):
        session.execute(statement, (db,))
    session.changed()


def drop_undeclared(session: Session, name: str, declared: frozenset[str]) -> None:
    """Remove the indexes of views that are declared no more."""
    db = session.database(name)
    stored = session.execute("SELECT name FROM views WHERE db = ?", (db,)).fetchall()
    gone = [view for (view,) in stored if view not in declared]
    for view in gone:
        sqlite_index.drop(session, db, view)
    if gone:
        session.changed()
