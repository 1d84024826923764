"""The entities of a cluster in the document store: an EntityStore (see supervisors/entities/store.py) on any Store.

Each entity is one document, so that its state, the keys of what it has done and who owns it change together or not at
all; each shard is one, whose revision makes the raising of its epoch a compare-and-set. Whether an owner is still the
owner of an entity shows by the document's revision: the next one changes it before it runs the entity.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Awaitable, Sequence
from dataclasses import replace
from typing import Any, Final, TypeVar

from mirliton.actors.store.documents import Document
from mirliton.actors.store.errors import Conflict, DocumentNotFound, InvalidName, StoreUnavailable
from mirliton.actors.store.interface import Store
from mirliton.actors.store.names import check_document
from mirliton.runtime import Name
from mirliton.supervisors.entities import EntityStoreAway, Ownership, Record, StaleEpoch, WrongShardCount, shard_of

DATABASE: Final = "entities"
LIVE: Final = "entities/live"
LAYOUT: Final = "layout"
"""The document that says into how many shards the entities are divided."""
ATTEMPTS: Final = 20
"""At one document; each failure means that somebody else has written it."""
LONGEST_ID: Final = 500
"""Characters of a name that is its document's id as it is; a longer one has a digest for an id."""

T = TypeVar("T")


def database_of(zone: str) -> str:
    """Where the entities of a zone are kept: each zone has its own, also where all have one store."""
    return f"{DATABASE}/{zone}" if zone else DATABASE


class DocumentEntityStore:
    """`shards`: how many there are; the same for all nodes, and for ever."""

    def __init__(self, store: Store, shards: int, database: str = DATABASE) -> None:
        self._store = store
        self._shards = shards
        self._db = database

    async def open(self) -> None:
        """Make the database. Raises StoreError, or WrongShardCount."""
        await self._store.create_database(self._db)
        try:
            found = (await self._store.get(self._db, LAYOUT)).get("shards")
        except DocumentNotFound:
            try:
                await self._store.put(self._db, {"_id": LAYOUT, "pvt_type": "layout", "shards": self._shards})
                return
            except Conflict:  # another node was first
                found = (await self._store.get(self._db, LAYOUT)).get("shards")
        if found != self._shards:
            raise WrongShardCount(found, self._shards)

    async def raise_epoch(self, shard: int, node: str) -> Ownership:
        for _ in range(ATTEMPTS):
            doc = await self._shard(shard)
            before = int(doc.get("epoch", 0))
            # Who comes second finds another revision, and raises it once more.
            wanted = {**doc, "pvt_type": "shard", "epoch": before + 1, "node": node}
            try:
                await _answered(self._store.put(self._db, wanted))
            except Conflict:
                continue
            return Ownership(shard, before + 1, int(doc.get("released", 0)) == before)
        raise EntityStoreAway(f"shard {shard} is fought over")

    async def release(self, shard: int, epoch: int) -> None:
        doc = await self._shard(shard)
        if doc.get("epoch") == epoch:
            try:
                await _answered(self._store.put(self._db, {**doc, "released": epoch}))
            except Conflict:
                return

    async def live(self, shard: int) -> list[Name]:
        found = await _answered(self._store.view(self._db, LIVE, key=shard))
        return [Name(row.value["kind"], row.value["key"]) for row in found.rows]

    async def claim(self, shard: int, epoch: int, names: Sequence[Name]) -> list[Record]:
        claimed: dict[Name, Record] = {}
        for _ in range(ATTEMPTS):
            missing = [name for name in names if name not in claimed]
            if not missing:
                break
            docs = await _answered(self._store.get_many(self._db, [_id(name) for name in missing]))
            wanted = []
            for name, doc in zip(missing, docs, strict=True):
                current = int(doc["epoch"]) if doc is not None else 0
                if current > epoch:
                    raise StaleEpoch(shard, epoch, current)
                record = _record(name, doc, epoch)
                wanted.append((record, {**_document(record, shard), **_revision(doc)}))
            for (record, _), version in zip(wanted, await self._write([doc for _, doc in wanted]), strict=True):
                if version is not None:
                    claimed[record.name] = replace(record, version=version)
        else:
            raise EntityStoreAway(f"entities of shard {shard} are fought over")
        # An owner that was deposed before it claimed an entity that the next one does not know of must not run it.
        current = int((await self._shard(shard)).get("epoch", 0))
        if current > epoch:
            raise StaleEpoch(shard, epoch, current)
        return [claimed[name] for name in names]

    async def states(self, names: Sequence[Name]) -> list[bytes | None]:
        docs = await _answered(self._store.get_many(self._db, [_id(name) for name in names]))
        return [None if doc is None else _state(doc) for doc in docs]

    async def commit(self, records: Sequence[Record]) -> list[Any]:
        docs = [
            {**_document(record, shard_of(record.name, self._shards)), "_rev": record.version} for record in records
        ]
        versions = await self._write(docs)
        for _ in range(ATTEMPTS):
            lost = [place for place, version in enumerate(versions) if version is None]
            if not lost:
                break
            current = await _answered(self._store.get_many(self._db, [docs[place]["_id"] for place in lost]))
            again = []
            for place, doc in zip(lost, current, strict=True):
                # Within one epoch only its owner writes: what came between is its own, of which it has not heard.
                if doc is not None and doc.get("epoch") == records[place].epoch:
                    docs[place]["_rev"] = doc["_rev"]
                    again.append(place)
            if not again:
                break
            for place, version in zip(again, await self._write([docs[place] for place in again]), strict=True):
                versions[place] = version
        return versions

    async def _write(self, docs: list[Document]) -> list[str | None]:
        """The revision of each, None for a conflict."""
        if len(docs) == 1:
            try:
                return [await _answered(self._store.put(self._db, docs[0]))]
            except Conflict:
                return [None]
        return [row.rev for row in await _answered(self._store.bulk(self._db, docs))]

    async def _shard(self, shard: int) -> Document:
        id = f"shard-{shard:05d}"
        try:
            return await _answered(self._store.get(self._db, id))
        except DocumentNotFound:
            return {"_id": id}


async def _answered(asked: Awaitable[T]) -> T:
    try:
        return await asked
    except StoreUnavailable as error:
        raise EntityStoreAway(str(error)) from error


def _id(name: Name) -> str:
    """The id of an entity's document: readable where it can be."""
    plain = f"{name.kind}/{name.key}"
    if len(plain) <= LONGEST_ID:
        try:
            return check_document(f"entity-{plain}")
        except InvalidName:
            pass  # a digest it is
    return f"digest-{hashlib.sha256(plain.encode()).hexdigest()}"


def _document(record: Record, shard: int) -> Document:
    return {
        "_id": _id(record.name),
        "pvt_type": "entity",
        "kind": record.name.kind,
        "key": record.name.key,
        "shard": shard,
        "epoch": record.epoch,
        "live": record.live,
        "state": None if record.state is None else base64.b64encode(record.state).decode(),
        "keys": record.keys,
        "suspect": record.suspect,
        "deaths": record.deaths,
    }


def _revision(doc: Document | None) -> Document:
    return {} if doc is None else {"_rev": doc["_rev"]}


def _record(name: Name, doc: Document | None, epoch: int) -> Record:
    if doc is None:
        return Record(name, epoch, None)
    return Record(
        name,
        epoch,
        doc["_rev"],
        True,
        _state(doc),
        doc["keys"],
        doc["suspect"],
        doc["deaths"],
    )


def _state(doc: Document) -> bytes | None:
    state = doc["state"]
    return None if state is None else base64.b64decode(state)
