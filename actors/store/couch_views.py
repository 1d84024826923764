"""Asking views and all_docs, as functions of the line to the database.

A question that `queries.py` let pass is put into CouchDB's words; where CouchDB's answer would not be the one that
`Store` promises, it is asked for more and the rest is done here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any
from urllib.parse import urlencode

import orjson

from mirliton.actors.store.collation import encode
from mirliton.actors.store.couch_answer import Answer, encoded
from mirliton.actors.store.couch_design import DESIGNS, not_there
from mirliton.actors.store.couch_documents import NO_DATABASE, by_ids, document, get_many
from mirliton.actors.store.couch_line import Line
from mirliton.actors.store.errors import BadQuery, DatabaseNotFound, TooLarge
from mirliton.actors.store.interface import UNSET, Row, ViewOptions, ViewResult
from mirliton.actors.store.queries import IdQuery, Query


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of a question as they were given."""

    key: Any = UNSET
    keys: Sequence[Any] | None = None
    startkey: Any = UNSET
    endkey: Any = UNSET
    inclusive_end: bool = True

    @classmethod
    def of(cls, options: ViewOptions) -> Keys:
        return cls(
            options.get("key", UNSET),
            options.get("keys"),
            options.get("startkey", UNSET),
            options.get("endkey", UNSET),
            options.get("inclusive_end", True),
        )


class NotInstalled(Exception):
    """The database is there and has no such design document."""


async def ask(line: Line, db: str, design: str, query: Query, keys: Keys, most: int) -> ViewResult:
    """The rows that the question asks. Raises DatabaseNotFound, BadQuery, TooLarge, NotInstalled."""
    options: dict[str, Any] = {"reduce": bool(query.reduce), "descending": query.descending}
    if query.group:
        options |= {"group_level": query.group_level} if query.group_level else {"group": True}
    for name in ("key", "startkey", "endkey"):
        if getattr(keys, name) is not UNSET:
            options[name] = getattr(keys, name)
    if not keys.inclusive_end:
        options["inclusive_end"] = False
    if query.include_docs:
        options["include_docs"] = True
    wanted = most + 1 if query.limit is None else min(query.limit, most + 1)
    if keys.keys is None:
        options |= {"skip": query.skip, "limit": wanted}
        found, total = await _rows(line, db, design, query, options)
    else:
        found, total = await _of_keys(line, db, design, query, keys.keys, options, wanted, most)
    _bounded(query.view.name, len(found), most)
    if query.reduce:
        return ViewResult([Row(None, row["key"], row["value"]) for row in found])
    rows = [Row(row["id"], row["key"], row["value"]) for row in found]
    if query.include_docs:
        rows = await _with_docs(line, db, rows, found)
    return ViewResult(rows, total, query.skip if query.whole and keys.keys is None else None)


async def _of_keys(
    line: Line,
    db: str,
    design: str,
    query: Query,
    keys: Sequence[Any],
    options: dict[str, Any],
    wanted: int,
    most: int,
) -> tuple[list[dict[str, Any]], int | None]:
    """The rows of each key in the order of `keys`: servers differ in that, and over keys that come twice."""
    distinct = {encode(key): key for key in keys}
    options = {**options, "descending": False, "keys": list(distinct.values()), "limit": most + 1}
    if len(distinct) == len(keys) and not query.descending:
        options["limit"] = min(query.skip + wanted, most + 1)
    if not distinct:
        options["limit"] = 0
    found, total = await _rows(line, db, design, query, options)
    by_key: dict[bytes, list[dict[str, Any]]] = {key: [] for key in distinct}
    for row in found:
        by_key.get(encode(row["key"]), []).append(row)
    if query.descending:
        for rows in by_key.values():
            rows.reverse()
    inside = list(chain.from_iterable(by_key[encode(key)] for key in keys))
    if len(found) > most and len(inside) < query.skip + wanted:
        _bounded(query.view.name, len(found), most)
    return inside[query.skip : query.skip + wanted], total


async def _rows(
    line: Line, db: str, design: str, query: Query, options: dict[str, Any]
) -> tuple[list[dict[str, Any]], int | None]:
    place = (db, "_design", design, "_view", query.view.name.partition("/")[2])
    if "keys" in options or len(urlencode(encoded(options) or {})) > line.tuning.url_length:
        answer = await line.read(f"view {query.view.name}", "POST", *place, body=orjson.dumps(options))
    else:
        answer = await line.read(f"view {query.view.name}", "GET", *place, query=options)
    if query.reduce == "_sum" and not _all_numbers(answer):
        raise await _no_numbers(line, place, query, options)
    if answer.ok:
        rows: list[dict[str, Any]] = answer.data["rows"]
        return rows, answer.data.get("total_rows")
    if answer.status == 404 and answer.error == "not_found":
        raise DatabaseNotFound(db) if answer.reason in NO_DATABASE else NotInstalled
    raise line.failure(f"view {query.view.name}", answer)


def _all_numbers(answer: Answer) -> bool:
    """Whether a sum could be made: a server that could not says so, or gives something else in its place."""
    if not answer.ok:
        return "builtin" not in answer.error + answer.reason
    return all(type(row.get("value")) in (int, float) for row in answer.data["rows"])


async def _no_numbers(line: Line, place: tuple[str, ...], query: Query, options: dict[str, Any]) -> BadQuery:
    """The refusal, with the kind of value that was found among the numbers."""
    left_out = ("group", "group_level", "skip", "limit", "reduce")
    plain = {name: value for name, value in options.items() if name not in left_out} | {"reduce": False}
    answer = await line.read(f"view {query.view.name}", "POST", *place, body=orjson.dumps(plain))
    rows = answer.data["rows"] if answer.ok else []
    odd = [row["value"] for row in rows if type(row["value"]) not in (int, float)]
    kind = type(odd[0]).__name__ if odd else "value that is none"
    return BadQuery(query.view.name, f"_sum adds numbers, and a row has a {kind}")


async def _with_docs(line: Line, db: str, rows: list[Row], found: list[dict[str, Any]]) -> list[Row]:
    """The rows with their documents. CouchDB follows a value's `_id` to another document; the row's own is meant."""
    docs = [row.get("doc") for row in found]
    others = [row.id or "" for row, doc in zip(rows, docs, strict=True) if doc is None or doc.get("_id") != row.id]
    own = dict(zip(others, await get_many(line, db, others), strict=True)) if others else {}
    return [
        replace(row, doc=document(doc) if doc is not None and doc.get("_id") == row.id else own[row.id or ""])
        for row, doc in zip(rows, docs, strict=True)
    ]


# --- all documents ---


async def docs_by_id(line: Line, db: str, ids: Sequence[str], *, include_docs: bool) -> ViewResult:
    """A row for each id, in their order."""
    found = await by_ids(line, "all_docs", db, ids, include_docs=include_docs)
    rows = []
    for row in found:
        if row.get("error") or row["value"].get("deleted"):
            rows.append(Row(None, row["key"], None, error="not_found"))
        else:
            rows.append(_id_row(row))
    return ViewResult(rows, await _count(line, db))


async def all_docs(line: Line, db: str, query: IdQuery, most: int) -> ViewResult:
    """The documents by id, without the design documents, which CouchDB has among them.

    No other id begins with an underscore, so they split the range in two.
    """
    wanted = most + 1 if query.limit is None else min(query.limit, most + 1)
    low, high = query.range
    below = (low, "_" if high is None else min(high, "_", key=_raw))
    above = (max(low, "`", key=_raw), high)
    rows: list[Row] = []
    left = query.skip
    for first, end in (above, below) if query.descending else (below, above):
        if len(rows) == wanted or (end is not None and _raw(first) >= _raw(end)):
            continue
        options = _options(first, end, query.descending) | {"include_docs": query.include_docs}
        found = await _docs(line, db, {**options, "skip": left, "limit": wanted - len(rows)})
        if left and not found:
            # The page begins beyond this part: how much of what is to be skipped lies in it?
            left -= len(await _docs(line, db, {**options, "include_docs": False, "limit": left}))
        elif found:
            left = 0
        rows += [_id_row(row) for row in found]
    _bounded(f"_all_docs in {db}", len(rows), most)
    return ViewResult(rows, await _count(line, db), query.skip if query.range == ("", None) else None)


def _options(low: str, high: str | None, descending: bool) -> dict[str, Any]:
    """A range for CouchDB. Its upper end is never an id (it ends with a zero, or is "_"), so it may be included."""
    bounds: dict[str, Any] = {"descending": descending}
    if low:
        bounds["endkey" if descending else "startkey"] = low
    if high is not None:
        bounds["startkey" if descending else "endkey"] = high
        if not descending:
            bounds["inclusive_end"] = False
    return bounds


def _raw(id: str) -> bytes:
    return id.encode()


async def _docs(line: Line, db: str, options: dict[str, Any]) -> list[dict[str, Any]]:
    answer = await line.read("all_docs", "GET", db, "_all_docs", query=options)
    if not answer.ok:
        raise not_there(line, "all_docs", db, answer)
    rows: list[dict[str, Any]] = answer.data["rows"]
    return [row for row in rows if not row["id"].startswith("_")]


async def _count(line: Line, db: str) -> int:
    """How many documents there are besides the design documents."""
    answer = await line.read("all_docs", "GET", db, "_all_docs", query=DESIGNS)
    if not answer.ok:
        raise not_there(line, "all_docs", db, answer)
    return int(answer.data["total_rows"]) - len(answer.data["rows"])


def _id_row(row: dict[str, Any]) -> Row:
    doc = row.get("doc")
    return Row(row["id"], row["id"], {"rev": row["value"]["rev"]}, document(doc) if doc else None)


def _bounded(view: str, rows: int, most: int) -> None:
    if rows > most:
        raise TooLarge(f"the answer of {view} (ask with a smaller limit)", rows, most, "rows or more")
