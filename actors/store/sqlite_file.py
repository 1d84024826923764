"""The SQLite file: how it is recognised, made, opened and checked, and what its errors mean.

One file holds all databases; a database is a row of `databases`, and everything else carries its number. So a write
to several documents is one transaction, and ten thousand month databases cost ten thousand rows.

Never open the file other than through SQLite while it is in use: closing any descriptor of it drops the locks that
SQLite holds for this process (a flaw of POSIX locks).
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from mirliton.actors.store.errors import StoreDamaged, StoreError, StoreFull, StoreUnavailable

APPLICATION_ID = 0x4D69726C  # "Mirl", in the file's header
SCHEMA_VERSION = 1

_SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO meta VALUES ('epoch', 1);

CREATE TABLE databases (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    total INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE documents (
    serial INTEGER PRIMARY KEY,
    db INTEGER NOT NULL,
    id TEXT NOT NULL,
    generation INTEGER NOT NULL,
    digest BLOB NOT NULL,
    deleted INTEGER NOT NULL,
    body BLOB NOT NULL,
    attachments TEXT,
    UNIQUE (db, id)
);

CREATE TABLE blobs (id INTEGER PRIMARY KEY AUTOINCREMENT, db INTEGER NOT NULL);
CREATE INDEX blobs_of_db ON blobs (db);
CREATE TABLE chunks (blob INTEGER NOT NULL, part INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (blob, part));

CREATE TABLE views (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    db INTEGER NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    declaration TEXT NOT NULL,
    built INTEGER NOT NULL,
    total INTEGER NOT NULL DEFAULT 0,
    UNIQUE (db, name)
);

CREATE TABLE emitted (
    view INTEGER NOT NULL,
    key BLOB NOT NULL,
    doc TEXT NOT NULL,
    part INTEGER NOT NULL,
    db INTEGER NOT NULL,
    row BLOB NOT NULL,
    PRIMARY KEY (view, key, doc, part)
) WITHOUT ROWID;
CREATE INDEX emitted_by_doc ON emitted (db, doc);
"""


@dataclass(frozen=True, slots=True)
class FileOptions:
    """How a store's file is opened."""

    path: str
    lock_timeout: float = 5.0
    """Seconds to wait for another process that holds the file."""
    max_bytes: int | None = None
    """A quota for the file; a write beyond it fails with StoreFull."""
    check_up_to: int = 64 * 1024 * 1024
    """Files up to this size are checked whole when they are opened; larger ones show damage when it is met."""


def create(path: str) -> bool:
    """Make an empty file, readable by its owner only, where there is none. Returns whether it did."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        if not Path(path).is_file():
            raise StoreUnavailable(path, "it is not a file") from None
        return False
    except OSError as error:
        raise StoreUnavailable(path, _explain_os(error, path)) from error
    except ValueError as error:  # a NUL in the path
        raise StoreUnavailable(ascii(path), str(error)) from error
    return True


def _explain_os(error: OSError, path: str) -> str:
    folder = Path(path).parent
    if error.errno == errno.ENOENT:
        return f"the folder {folder} does not exist"
    if error.errno == errno.ENOTDIR:
        return f"{folder} is not a folder"
    return os.strerror(error.errno) if error.errno else str(error)


def connect(options: FileOptions) -> sqlite3.Connection:
    """A connection to a file that exists. Raises StoreUnavailable or StoreDamaged.

    It may be used by one thread at a time, whichever; transactions are explicit.
    """
    path = options.path
    with translated(path):
        connection = sqlite3.connect(
            f"file:{quote(str(Path(path).absolute()))}?mode=rw",
            uri=True,
            timeout=options.lock_timeout,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
        )
    try:
        with translated(path):
            _recognise(connection, path)
            _configure(connection, options)
    except BaseException:
        connection.close()
        raise
    return connection


def _recognise(connection: sqlite3.Connection, path: str) -> None:
    """Refuse a file that is not ours, before anything is written to it."""
    owner, version = _number(connection, "application_id"), _number(connection, "user_version")
    if owner == APPLICATION_ID and version == SCHEMA_VERSION:
        return
    if owner == APPLICATION_ID:
        raise StoreDamaged(path, f"it has format {version}, this version of Mirliton reads format {SCHEMA_VERSION}")
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if owner or version or tables:
        raise StoreDamaged(path, "it is an SQLite file of another program")
    if Path(path).stat().st_size and not _number(connection, "page_count"):
        # SQLite takes a file shorter than its header for an empty one, and would write over it.
        raise StoreDamaged(path, "it is not an SQLite file")
    _initialise(connection)


def _initialise(connection: sqlite3.Connection) -> None:
    """Make the tables of an empty file; a crash before the end leaves it empty."""
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("BEGIN IMMEDIATE")
    try:
        if _number(connection, "application_id") == 0:
            for statement in _SCHEMA.split(";\n"):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _configure(connection: sqlite3.Connection, options: FileOptions) -> None:
    mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        raise StoreUnavailable(options.path, f"its file system allows only journal mode {mode}, not WAL")
    # FULL: the log is on the disk before a commit returns. Without it a power cut takes acknowledged writes.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA journal_size_limit = 67108864")
    connection.execute("PRAGMA cache_size = -16000")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    if options.max_bytes is not None:
        pages = max(1, options.max_bytes // _number(connection, "page_size"))
        connection.execute(f"PRAGMA max_page_count = {pages}")


def check(connection: sqlite3.Connection, options: FileOptions) -> None:
    """Look through a file of moderate size. Raises StoreDamaged with what SQLite finds."""
    with translated(options.path):
        size = _number(connection, "page_count") * _number(connection, "page_size")
        if size > options.check_up_to:
            return
        finding = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if finding != "ok":
        raise StoreDamaged(options.path, f"it is damaged: {' '.join(str(finding).split())}")


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    return int(connection.execute(f"PRAGMA {pragma}").fetchone()[0])


@contextmanager
def translated(path: str) -> Iterator[None]:
    """Turns SQLite's errors into the store's."""
    try:
        yield
    except sqlite3.Error as error:
        raise translate(error, path) from error


def translate(error: sqlite3.Error, path: str) -> StoreError:
    """What an error of SQLite means to a caller."""
    code = getattr(error, "sqlite_errorcode", None)
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    match None if code is None else code & 0xFF:
        case sqlite3.SQLITE_FULL:
            return StoreFull(path, "the disk or the quota is full; nothing of this write was kept")
        case sqlite3.SQLITE_CORRUPT:
            return StoreDamaged(path, f"it is damaged: {error}")
        case sqlite3.SQLITE_NOTADB:
            return StoreDamaged(path, "it is not an SQLite file, or its first page is damaged")
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH:
            return StoreUnavailable(path, "it cannot be written (read-only file, folder or file system)")
        case sqlite3.SQLITE_CANTOPEN:
            return StoreUnavailable(path, f"it, or the files beside it, cannot be opened ({name})")
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return StoreUnavailable(path, "another process holds its lock for too long")
        case sqlite3.SQLITE_IOERR:
            return StoreUnavailable(path, f"the disk fails: {error} ({name})")
        case _:
            return StoreUnavailable(path, f"{error} ({name})")
