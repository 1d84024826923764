"""What changed in a database, in order: kept by triggers in the file itself.

So every process that writes keeps it, also one of a version that knows nothing of it. A place is the number of the
last change that was told and the number of the database, which another database of the same name does not have.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from mirliton.actors.store.changes import NOW, Change, Changes
from mirliton.actors.store.errors import BadQuery
from mirliton.actors.store.revisions import Revision
from mirliton.actors.store.sqlite_readers import snapshot
from mirliton.actors.store.sqlite_reads import database

_TABLE: Final = (
    "CREATE TABLE changes (seq INTEGER PRIMARY KEY AUTOINCREMENT, db INTEGER NOT NULL, doc INTEGER NOT NULL UNIQUE)",
    "CREATE INDEX changes_of_db ON changes (db)",
    """CREATE TRIGGER document_made AFTER INSERT ON documents BEGIN
        INSERT INTO changes (db, doc) VALUES (NEW.db, NEW.serial);
    END""",
    """CREATE TRIGGER document_changed AFTER UPDATE ON documents BEGIN
        DELETE FROM changes WHERE doc = NEW.serial;
        INSERT INTO changes (db, doc) VALUES (NEW.db, NEW.serial);
    END""",
    """CREATE TRIGGER document_removed AFTER DELETE ON documents BEGIN
        DELETE FROM changes WHERE doc = OLD.serial;
    END""",
    "INSERT INTO changes (db, doc) SELECT db, serial FROM documents ORDER BY serial",
)
_LAST: Final = "SELECT seq FROM sqlite_sequence WHERE name = 'changes'"
_AFTER: Final = (
    "SELECT seq, id, generation, digest, deleted FROM changes JOIN documents ON documents.serial = changes.doc "
    "WHERE changes.db = ? AND seq > ? ORDER BY seq LIMIT ?"
)


def install(connection: sqlite3.Connection) -> None:
    """Begin to keep changes in a file that does not yet, within the transaction under way. A file of before has each
    document as one change."""
    if not connection.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'changes'").fetchone()[0]:
        for statement in _TABLE:
            connection.execute(statement)


def last(connection: sqlite3.Connection) -> int:
    """The number of the last change in the whole file."""
    found = connection.execute(_LAST).fetchone()
    return int(found[0]) if found else 0


def after(connection: sqlite3.Connection, *, db_name: str, since: str, limit: int) -> Changes:
    """The changes after a place. Raises DatabaseNotFound, and BadQuery for a place that this database does not know."""
    with snapshot(connection):
        db, _ = database(connection, db_name)
        newest = last(connection)
        begin = newest if since == NOW else _number(since, db, newest)
        found = connection.execute(_AFTER, (db, begin, limit)).fetchall()
    changes = [
        Change(db_name, id, str(Revision(generation, digest)), bool(deleted))
        for _, id, generation, digest, deleted in found
    ]
    # A whole page may not be all there is; else everything up to the newest has been looked at.
    reached = found[-1][0] if len(found) == limit else newest
    return Changes(changes, f"{reached}-{db}")


def _number(place: str, db: int, newest: int) -> int:
    if place == "0":
        return 0
    number, _, known = place.partition("-")
    if not (number.isascii() and number.isdigit() and known == str(db)) or int(number) > newest:
        raise BadQuery("_changes", f"the place {place[:80]!a} is none of this database's")
    return int(number)
