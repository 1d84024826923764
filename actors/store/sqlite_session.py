"""What the writer knows while it writes: its connection, which databases and indexes there are, and row counts.

The knowledge is kept from one transaction to the next, and dropped when `epoch` (raised by whoever adds or removes a
database or an index, in any process) says that it is old.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import orjson

from mirliton.actors.store.errors import DatabaseNotFound
from mirliton.actors.store.maps import Map
from mirliton.actors.store.views import View, view_from_data


@dataclass(frozen=True, slots=True)
class Index:
    """A view's index in one database."""

    id: int
    map: Map


class Maps:
    """The compiled map of each declaration, by its version."""

    def __init__(self, views: Iterable[View]) -> None:
        self._maps = {view.version: Map(view) for view in views}

    def of(self, version: str, declaration: str) -> Map | None:
        """The map of a declaration that some process stored; None where this version does not understand it."""
        found = self._maps.get(version)
        if found is None:
            try:
                found = Map(view_from_data(orjson.loads(declaration)))
            except (ValueError, KeyError, TypeError):
                return None
            self._maps[version] = found
        return found

    def of_view(self, view: View) -> Map:
        """The map of a view declared here."""
        return self._maps.setdefault(view.version, Map(view))


class Session:
    """One connection's write transactions. Used by one thread."""

    def __init__(self, connection: sqlite3.Connection, maps: Maps) -> None:
        self.connection = connection
        self.execute = connection.execute
        self._maps = maps
        self._epoch = 0
        self._databases: dict[str, int] = {}
        self._indexes: dict[int, list[Index]] = {}
        # Rows added less rows removed: of the transaction so far, and of the job under way.
        self._documents: Counter[int] = Counter()
        self._rows: Counter[int] = Counter()
        self._job: list[tuple[Counter[int], int, int]] = []

    def begin(self) -> None:
        """A transaction has begun."""
        self._documents.clear()
        self._rows.clear()
        self._job.clear()
        epoch = self.execute("SELECT value FROM meta WHERE name = 'epoch'").fetchone()[0]
        if epoch != self._epoch:
            self.forget()
            self._epoch = epoch

    def forget(self) -> None:
        """Drop what was known of databases and indexes: something was undone, or another process changed it."""
        self._epoch = 0
        self._databases.clear()
        self._indexes.clear()

    def changed(self) -> None:
        """Databases or indexes were added or removed: every process must look again."""
        self.execute("UPDATE meta SET value = value + 1 WHERE name = 'epoch'")
        self.forget()

    def count_documents(self, db: int, difference: int) -> None:
        """The database has this many documents more."""
        self._job.append((self._documents, db, difference))

    def count_rows(self, index: int, difference: int) -> None:
        """The index has this many rows more."""
        self._job.append((self._rows, index, difference))

    def job_done(self, *, kept: bool) -> None:
        """One job of the transaction is over; its writes stay, or were undone."""
        if kept:
            for counter, key, difference in self._job:
                counter[key] += difference
        else:
            self.forget()
        self._job.clear()

    def finish(self) -> None:
        """Write down the counts, once per transaction and not once per document."""
        for table, counter in (("databases", self._documents), ("views", self._rows)):
            changes = [(difference, key) for key, difference in counter.items() if difference]
            if changes:
                self.connection.executemany(_COUNT[table], changes)

    def database(self, name: str) -> int:
        """The number of a database. Raises DatabaseNotFound."""
        known = self._databases.get(name)
        if known is None:
            found = self.execute("SELECT id FROM databases WHERE name = ?", (name,)).fetchone()
            if found is None:
                raise DatabaseNotFound(name)
            known = self._databases[name] = int(found[0])
        return known

    def indexes(self, db: int) -> list[Index]:
        """The indexes to be kept current in a database."""
        known = self._indexes.get(db)
        if known is None:
            known = self._read_indexes(db)
            self._indexes[db] = known
        return known

    def map_of(self, view: View) -> Map:
        """The map of a view that this process declares."""
        return self._maps.of_view(view)

    def _read_indexes(self, db: int) -> list[Index]:
        indexes, unknown = [], []
        stored = "SELECT id, version, declaration FROM views WHERE db = ? AND built ORDER BY id"
        for id, version, declaration in self.execute(stored, (db,)).fetchall():
            found = self._maps.of(version, declaration)
            if found is None:
                unknown.append((id,))
            else:
                indexes.append(Index(id, found))
        if unknown:
            # A newer version of us declared it. We cannot keep it current, so whoever asks it must build it anew.
            self.connection.executemany("UPDATE views SET built = 0 WHERE id = ?", unknown)
            self.changed()
        return indexes


_COUNT = {
    "databases": "UPDATE databases SET total = total + ? WHERE id = ?",
    "views": "UPDATE views SET total = total + ? WHERE id = ?",
}
