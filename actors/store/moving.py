"""Moving documents from one store to another, or to a file and back.

Databases keep their names, documents their ids and members, attachments their names and types; revisions are made anew.
What is the same on both sides is passed over, so what was interrupted is resumed by doing it again. A document
that is there and differs is left as it is and listed, or written over where that is asked for. Tombstones and design
documents are not moved. The file has a JSON object on each line:

    {"mirliton_export": 1}
    {"db": "system_config"}
    {"doc": {"_id": …}, "attachments": {"f.wav": {"content_type": …, "data": base64}}}
    {"end": {"databases": 1, "documents": 1}}
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Final

import orjson

from mirliton.actors.store.documents import Document
from mirliton.actors.store.errors import (
    Conflict,
    DatabaseNotFound,
    DocumentNotFound,
    NotFound,
    Refused,
    StoreError,
)
from mirliton.actors.store.interface import Attachment, Store

FORMAT: Final = 1
PAGE: Final = 100
"""Documents read and compared at a time."""
_LARGEST_LINE: Final = 256 * 1024 * 1024

Attach = Callable[[str], Awaitable[Attachment]]
"""Reads one attachment of a document, by name."""


@dataclass(slots=True)
class Tally:
    """What was moved and what was not."""

    databases: int = 0
    documents: int = 0
    """Written, or brought up to date."""
    same: int = 0
    """Found to be there already."""
    attachments: int = 0
    differing: list[str] = field(default_factory=list)
    """"database document" of each that is there otherwise and was left alone."""
    refused: list[str] = field(default_factory=list)
    """"database document: reason" of each that the target cannot take."""


class DamagedExport(StoreError):
    """Line `line` of an export is not what should stand there."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line} of the export: {reason}")
        self.line = line
        self.reason = reason


async def copy(source: Store, target: Store, *, prefix: str = "", overwrite: bool = False) -> Tally:
    """Copy every database whose name begins with `prefix`. Raises what the stores raise; nothing needs undoing then."""
    tally = Tally()
    for db in await source.databases(prefix):
        taker = _Taker(target, db, overwrite, tally)
        await taker.begin()
        async for docs in _pages(source, db):
            await taker.take([(doc, _reader(source, db, doc["_id"])) for doc in docs])
    return tally


async def export(source: Store, file: BinaryIO, *, prefix: str = "") -> Tally:
    """Write every database whose name begins with `prefix` to a file."""
    tally = Tally()
    _write(file, {"mirliton_export": FORMAT})
    for db in await source.databases(prefix):
        _write(file, {"db": db})
        tally.databases += 1
        async for docs in _pages(source, db):
            for doc in docs:
                files = {}
                for name in doc.get("_attachments", {}):
                    found = await source.get_attachment(db, doc["_id"], name)
                    data = base64.b64encode(found.data).decode()
                    files[name] = {"content_type": found.content_type, "data": data}
                    tally.attachments += 1
                _write(file, {"doc": _body(doc)} | ({"attachments": files} if files else {}))
                tally.documents += 1
    _write(file, {"end": {"databases": tally.databases, "documents": tally.documents}})
    return tally


async def load(file: BinaryIO, target: Store, *, prefix: str = "", overwrite: bool = False) -> Tally:
    """Store what `export` wrote. Raises DamagedExport; what stands before the damage is stored then."""
    tally = Tally()
    taker: _Taker | None = None
    wanted = ended = False
    number = 0
    while line := file.readline(_LARGEST_LINE):
        number += 1
        entry = _parsed(number, line)
        if ended:
            raise DamagedExport(number, "something stands after the end")
        match entry:
            case {"mirliton_export": version}:
                if number != 1 or version != FORMAT:
                    raise DamagedExport(number, f"it has format {version!r}, this version of Mirliton reads {FORMAT}")
            case _ if number == 1:
                raise DamagedExport(1, "it does not begin as an export of Mirliton does")
            case {"db": str(db)}:
                wanted = db.startswith(prefix)
                taker = _Taker(target, db, overwrite, tally) if wanted else None
                if taker is not None:
                    await taker.begin()
            case {"doc": {"_id": str()} as doc, **rest}:
                files = rest.get("attachments", {})
                if taker is not None:
                    stubs = {"_attachments": files} if files else {}
                    await taker.take([({**doc, **stubs}, _decoder(number, files))])
            case {"end": _}:
                ended = True
            case _:
                raise DamagedExport(number, "it is neither a database nor a document")
    if not ended:
        raise DamagedExport(number, "the export ends before its end: it was cut off")
    return tally


class _Taker:
    """Stores the documents of one database in the target."""

    def __init__(self, target: Store, db: str, overwrite: bool, tally: Tally) -> None:
        self._target = target
        self._db = db
        self._overwrite = overwrite
        self._tally = tally

    async def begin(self) -> None:
        await self._target.create_database(self._db)
        self._tally.databases += 1

    async def take(self, docs: list[tuple[Document, Attach]]) -> None:
        there = await self._there([doc["_id"] for doc, _ in docs])
        new: list[Document] = []
        for (doc, attach), found in zip(docs, there, strict=True):
            if found is None and not doc.get("_attachments"):
                new.append(_body(doc))
            else:
                await self._one(doc, attach, found)
        for row in await self._bulk(new):
            if row.error:  # somebody else wrote it meanwhile
                self._tally.differing.append(f"{self._db} {row.id}")
            else:
                self._tally.documents += 1

    async def _there(self, ids: list[str]) -> list[Document | None]:
        try:
            return await self._target.get_many(self._db, ids)
        except Refused:
            return [await self._find(id) for id in ids]

    async def _find(self, id: str) -> Document | None:
        try:
            return await self._target.get(self._db, id)
        except (DocumentNotFound, Refused):  # one that is refused is refused again when it is written
            return None

    async def _bulk(self, docs: list[Document]) -> list[Any]:
        if not docs:
            return []
        try:
            return await self._target.bulk(self._db, docs)
        except Refused as refused:
            if len(docs) == 1:
                self._tally.refused.append(f"{self._db} {docs[0]['_id']}: {refused}")
                return []
            # One of them is: which?
            half = len(docs) // 2
            return [*await self._bulk(docs[:half]), *await self._bulk(docs[half:])]

    async def _one(self, doc: Document, attach: Attach, found: Document | None) -> None:
        """A document that is there, or that has attachments."""
        id, files = doc["_id"], doc.get("_attachments", {})
        kept = (found or {}).get("_attachments", {})
        same = found is not None and _body(found) == _body(doc)
        if found is not None and not same and not self._overwrite:
            self._tally.differing.append(f"{self._db} {id}")
            return
        try:
            rev = str(found["_rev"]) if found is not None else None
            changed = False
            if not same:
                stubs = {name: stub for name, stub in kept.items() if name in files}
                written = {**_body(doc), **({"_rev": rev} if rev else {}), **({"_attachments": stubs} if stubs else {})}
                rev = await self._target.put(self._db, written)
                changed = True
            for name in files:
                made = await attach(name)
                if name in kept and await self._is_there(id, made):
                    continue
                if name in kept and same and not self._overwrite:
                    self._tally.differing.append(f"{self._db} {id} {name}")
                    continue
                rev = await self._target.put_attachment(self._db, id, name, made.content_type, made.data, rev)
                self._tally.attachments += 1
                changed = True
        except Conflict:
            self._tally.differing.append(f"{self._db} {id}")
        except Refused as refused:
            self._tally.refused.append(f"{self._db} {id}: {refused}")
        else:
            if changed:
                self._tally.documents += 1
            else:
                self._tally.same += 1

    async def _is_there(self, id: str, made: Attachment) -> bool:
        """By content: servers keep some types compressed, and then give the digest of that."""
        try:
            found = await self._target.get_attachment(self._db, id, made.name)
        except NotFound:
            return False
        return (found.data, found.content_type) == (made.data, made.content_type)


async def _pages(source: Store, db: str) -> AsyncIterator[list[Document]]:
    """The documents of a database by id, some at a time; those that come while it is read may be among them."""
    last: str | None = None
    while True:
        try:
            page = await source.all_docs(
                db, startkey=last, skip=0 if last is None else 1, limit=PAGE, include_docs=True
            )
        except DatabaseNotFound:
            return  # removed since it was listed
        docs = [row.doc for row in page.rows if row.doc is not None]
        if docs:
            yield docs
        if len(page.rows) < PAGE:
            return
        last = page.rows[-1].id


def _reader(source: Store, db: str, id: str) -> Attach:
    async def read(name: str) -> Attachment:
        return await source.get_attachment(db, id, name)

    return read


def _decoder(line: int, files: Any) -> Attach:
    async def read(name: str) -> Attachment:
        try:
            entry = files[name]
            data = base64.b64decode(entry["data"], validate=True)
            return Attachment(name, str(entry["content_type"]), "", len(data), 1, data)
        except (KeyError, TypeError, ValueError) as error:
            raise DamagedExport(line, f"attachment {name!r} cannot be read: {error}") from error

    return read


def _body(doc: Document) -> Document:
    return {name: value for name, value in doc.items() if name not in ("_rev", "_attachments")}


def _write(file: BinaryIO, entry: dict[str, Any]) -> None:
    file.write(orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE))


def _parsed(number: int, line: bytes) -> Any:
    if not line.endswith(b"\n"):
        raise DamagedExport(number, "it is cut off")
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise DamagedExport(number, f"it is not JSON: {error}") from error
