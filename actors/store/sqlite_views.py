"""Asking a view, as a function of a reader's connection."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from enum import Enum
from itertools import chain, groupby, islice
from typing import Any, Final

import orjson

from mirliton.actors.store import sqlite_reads
from mirliton.actors.store.collation import encode
from mirliton.actors.store.errors import BadQuery
from mirliton.actors.store.interface import Row, ViewResult
from mirliton.actors.store.queries import Query
from mirliton.actors.store.sqlite_readers import snapshot

_ROWS = "SELECT doc, row FROM emitted WHERE view = ? AND key >= ? AND key < ? ORDER BY key, doc, part"
_ROWS_DESCENDING = _ROWS.replace("key, doc, part", "key DESC, doc DESC, part DESC")
_ROWS_PAGE = _ROWS + " LIMIT ? OFFSET ?"
_ROWS_PAGE_DESCENDING = _ROWS_DESCENDING + " LIMIT ? OFFSET ?"
_COUNT = "SELECT count(*) FROM emitted WHERE view = ? AND key >= ? AND key < ?"


class NotBuilt(Enum):
    """The type of NOT_BUILT."""

    NOT_BUILT = "not built"


NOT_BUILT: Final = NotBuilt.NOT_BUILT
"""The database has no index of this declaration yet."""


def ask(connection: sqlite3.Connection, db_name: str, query: Query, most: int) -> ViewResult | NotBuilt:
    """The rows that the question asks. Raises DatabaseNotFound, BadQuery, TooLarge."""
    with snapshot(connection):
        db, _ = sqlite_reads.database(connection, db_name)
        found = connection.execute(
            "SELECT id, version, built, total FROM views WHERE db = ? AND name = ?", (db, query.view.name)
        ).fetchone()
        if found is None or found[1] != query.view.version or not found[2]:
            return NOT_BUILT
        index, total = int(found[0]), int(found[3])
        if query.reduce:
            return ViewResult(_reduced(connection, index, query, most))
        rows = _plain(connection, index, query, most)
        if query.include_docs:
            rows = [replace(row, doc=sqlite_reads.find(connection, db, row.id or "")) for row in rows]
        return ViewResult(rows, total, query.skip if query.whole else None)


def _plain(connection: sqlite3.Connection, index: int, query: Query, most: int) -> list[Row]:
    statement = _ROWS_PAGE_DESCENDING if query.descending else _ROWS_PAGE
    rows: list[Row] = []
    skip = query.skip
    for low, high in query.ranges:
        wanted = sqlite_reads.page(query.limit, most) - len(rows)
        if wanted <= 0:
            break
        if len(query.ranges) > 1:
            # Which range the page begins in is not known beforehand.
            found = connection.execute(statement, (index, low, high, wanted + skip, 0)).fetchall()
            found, skip = found[skip:], max(0, skip - len(found))
        else:
            found = connection.execute(statement, (index, low, high, wanted, skip)).fetchall()
        for doc, row in found:
            key, value = orjson.loads(row)
            rows.append(Row(doc, key, value))
        sqlite_reads.bounded(query.view.name, rows, most)
    return rows


def _reduced(connection: sqlite3.Connection, index: int, query: Query, most: int) -> list[Row]:
    groups: Iterable[Row]
    if query.group:
        groups = (row for bounds in query.ranges for row in _groups(connection, index, query, bounds))
    else:
        groups = _everything(connection, index, query)
    stop = query.skip + sqlite_reads.page(query.limit, most)
    rows = list(islice(groups, query.skip, stop))
    sqlite_reads.bounded(query.view.name, rows, most)
    return rows


def _everything(connection: sqlite3.Connection, index: int, query: Query) -> Iterator[Row]:
    """One row for the whole range; none when the range is empty."""
    (bounds,) = query.ranges
    if query.reduce == "_count":
        count = connection.execute(_COUNT, (index, *bounds)).fetchone()[0]
        if count:
            yield Row(None, None, count)
        return
    rows = _emitted(connection, index, query, bounds)
    for _, first in rows:  # none when the range is empty, else the first of all
        yield Row(None, None, _sum(query, chain((first,), (value for _, value in rows))))


def _groups(connection: sqlite3.Connection, index: int, query: Query, bounds: tuple[bytes, bytes]) -> Iterator[Row]:
    """One row per group. Equal keys are neighbours in the index, and so are keys that begin alike."""
    name = _group_name(query.group_level)
    rows = _emitted(connection, index, query, bounds)
    for _, members in groupby(rows, key=lambda row: encode(name(row[0]))):
        alike = list(members)
        values = [value for _, value in alike]
        yield Row(None, name(alike[0][0]), len(values) if query.reduce == "_count" else _sum(query, values))


def _group_name(level: int | None) -> Callable[[Any], Any]:
    if level is None:
        return lambda key: key
    return lambda key: key[:level] if isinstance(key, list) else key


def _emitted(
    connection: sqlite3.Connection, index: int, query: Query, bounds: tuple[bytes, bytes]
) -> Iterator[tuple[Any, Any]]:
    statement = _ROWS_DESCENDING if query.descending else _ROWS
    for _, row in connection.execute(statement, (index, *bounds)):
        key, value = orjson.loads(row)
        yield key, value


def _sum(query: Query, values: Iterable[Any]) -> int | float:
    total: int | float = 0
    for value in values:
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise BadQuery(query.view.name, f"_sum adds numbers, and a row has a {type(value).__name__}")
        total += value
    return total
