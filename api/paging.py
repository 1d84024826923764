"""Lists in pages: `page_size` rows, and an opaque `next_start_key` where there are more (Kazoo reference 5.3).

A start key holds the view's key at which a page begins and how many rows of that very key came before, so that a page
can end among a hundred users of one name. It comes from the client, so it is held within the range of the list: one
that is made up shows nothing that the list itself would not.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from mirliton.actors.store import UNSET, DatabaseNotFound, Row, Store
from mirliton.actors.store.collation import encode
from mirliton.api.context import Page
from mirliton.api.errors import InvalidData, RangeTooLarge

MAX_PAGE: Final = 1000
"""Rows of a page, whatever is asked for."""
MAX_UNPAGED: Final = 10_000
"""Rows of a list that is asked for whole (Kazoo bounds the memory it takes)."""
MAX_SCANNED: Final = 5000
"""Rows looked at for one page when filters leave most of them out; the page is then short, and says how to go on."""
BATCH: Final = 200
_MAX_KEY: Final = 2048
_MAX_SKIP: Final = MAX_UNPAGED


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request asks of a list."""

    size: int
    whole: bool
    descending: bool
    start: tuple[Any, int] | None
    start_key: str | None


@dataclass(frozen=True, slots=True)
class Listing:
    """Where a list comes from: a view of one or more databases, one after the other in the order of the rows.

    `low` and `high` bound the keys, both included (UNSET: no bound). A database that does not exist is empty.
    """

    databases: Sequence[str]
    view: str
    low: Any = UNSET
    high: Any = UNSET


def wanted(query: Mapping[str, str], page_size: int, *, newest_first: bool = False) -> Wanted:
    """What the query asks for; without `page_size` it is the setting's. Raises InvalidData."""
    size = query.get("page_size")
    if size is not None:
        if not (size.isascii() and size.isdigit() and 0 < int(size[:9]) <= MAX_PAGE):
            raise InvalidData.of("page_size", "invalid", f"must be 1 to {MAX_PAGE}", value=size[:32])
        page_size = int(size)
    descending = newest_first
    if "ascending" in query:
        descending = not _flag(query["ascending"])
    elif "descending" in query:
        descending = _flag(query["descending"])
    start_key = query.get("start_key") or None
    start = _decoded(start_key) if start_key is not None else None
    return Wanted(page_size, query.get("paginate", "").lower() in ("false", "no", "0"), descending, start, start_key)


async def page(
    store: Store,
    listing: Listing,
    asked: Wanted,
    *,
    keep: Callable[[Row], bool] | None = None,
    include_docs: bool = False,
) -> tuple[list[Row], Page]:
    """The rows of one page, and how to go on. `keep` says which rows count.

    Raises RangeTooLarge for a whole list that is too long, StoreError.
    """
    size = MAX_UNPAGED if asked.whole else asked.size
    rows: list[Row] = []
    scan = _Scan(store, listing, asked, include_docs)
    while (batch := await scan.batch(size + 1 - len(rows) if keep is None else BATCH)) is not None:
        for row, position in batch:
            if len(rows) == size or scan.looked_at > MAX_SCANNED + size:
                if asked.whole:
                    raise RangeTooLarge(size)
                return rows, Page(len(rows), asked.start_key, _encoded(*position))
            scan.looked_at += 1
            if keep is None or keep(row):
                rows.append(row)
    return rows, Page(len(rows), asked.start_key, None)


class _Scan:
    """Goes through the rows of a listing in batches; each row comes with its position."""

    def __init__(self, store: Store, listing: Listing, asked: Wanted, include_docs: bool) -> None:
        self._store = store
        self._listing = listing
        self._descending = asked.descending
        self._include_docs = include_docs
        first, last = (listing.high, listing.low) if asked.descending else (listing.low, listing.high)
        self._last = last
        self._key = first
        self._skip = 0
        if asked.start is not None and self._within(asked.start[0]):
            self._key, self._skip = asked.start
        self._databases = list(listing.databases)
        self.looked_at = 0

    def _within(self, key: Any) -> bool:
        """Whether a key lies in the listing's range; one that does not starts the list at its beginning."""
        code = encode(key)
        low, high = self._listing.low, self._listing.high
        return (low is UNSET or encode(low) <= code) and (high is UNSET or code <= encode(high))

    async def batch(self, count: int) -> list[tuple[Row, tuple[Any, int]]] | None:
        """The next rows, at most about `count`; None when there are no more."""
        while self._databases:
            limit = min(count, BATCH if self._include_docs else MAX_UNPAGED + 1) + self._skip
            rows = await self._rows(self._databases[0], limit)
            fresh, seen = self._placed(rows)
            if len(rows) < limit:
                self._databases.pop(0)
                # Rows of this key in the next database are new, unless the start key was of a row there.
                self._skip = 0 if seen else self._skip
            if fresh:
                return fresh
        return None

    async def _rows(self, database: str, limit: int) -> list[Row]:
        try:
            result = await self._store.view(
                database,
                self._listing.view,
                startkey=self._key,
                endkey=self._last,
                descending=self._descending,
                limit=limit,
                include_docs=self._include_docs,
            )
        except DatabaseNotFound:
            return []
        return result.rows

    def _placed(self, rows: list[Row]) -> tuple[list[tuple[Row, tuple[Any, int]]], bool]:
        """The rows after those that were seen before, each with its position; moves on behind the last.

        And whether there was any row, seen before or not.
        """
        placed: list[tuple[Row, tuple[Any, int]]] = []
        key, behind = self._key, self._skip
        seen = 0
        for row in rows:
            if key is not UNSET and row.key == key and seen < behind and not placed:
                seen += 1
                continue
            if key is UNSET or row.key != key:
                key, behind = row.key, 0
            placed.append((row, (key, behind)))
            behind += 1
        self._key, self._skip = key, behind
        return placed, bool(placed or seen)


def _flag(text: str) -> bool:
    return text.lower() in ("true", "yes", "1", "")


def start_key_of(key: Any) -> str:
    """The start key of a page that begins with this key of a view."""
    return _encoded(key, 0)


def _encoded(key: Any, skip: int) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([key, skip])).decode().rstrip("=")


def _decoded(text: str) -> tuple[Any, int]:
    try:
        if len(text) > _MAX_KEY or not text.isascii():
            raise ValueError("too long")
        key, skip = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if not (_is_key(key) and type(skip) is int and 0 <= skip <= _MAX_SKIP):
            raise ValueError("no position")
    except (ValueError, TypeError, binascii.Error):
        raise InvalidData.of("start_key", "invalid", "must be a start_key of an earlier answer") from None
    return key, skip


def _is_key(value: Any) -> bool:
    """Whether this can be a key of our views: a scalar, or an array of scalars."""
    scalar = (str, int, float, bool, type(None))
    if isinstance(value, list):
        return len(value) <= 8 and all(isinstance(item, scalar) for item in value)
    return isinstance(value, scalar)
