"""Revisions that contradict each other: what a cluster has after two of its parts were apart and both were written to.

CouchDB takes both, shows one (the same on every node) and keeps the others out of sight: a change is lost to everybody
unless somebody looks. `conflicting` finds such documents, `settle` makes one of each.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Final

import orjson

from mirliton.actors.store.couch import CouchStore
from mirliton.actors.store.couch_attachments import read_at
from mirliton.actors.store.couch_design import not_there
from mirliton.actors.store.couch_documents import absent, document
from mirliton.actors.store.documents import Document
from mirliton.actors.store.errors import Conflict
from mirliton.actors.store.names import check_database, check_document
from mirliton.actors.store.updates import ATTEMPTS

PAGE: Final = 200

Merge = Callable[[Document, Sequence[Document]], Document]
"""From the revision that is shown and the others to what the document is to be; may be asked more than once."""


def newest(shown: Document, others: Sequence[Document]) -> Document:
    """The one that was written last, by Kazoo's pvt_modified; of equals the one that is shown."""
    return max((shown, *others), key=lambda doc: _seconds(doc.get("pvt_modified")))


async def conflicting(store: CouchStore, db: str) -> AsyncIterator[str]:
    """The ids of all documents that have more than one revision. Raises DatabaseNotFound."""
    check_database(db)
    last: dict[str, Any] = {}
    while True:
        query = {"include_docs": True, "conflicts": True, "limit": PAGE, **last}
        answer = await store.line.read("conflicts", "GET", db, "_all_docs", query=query)
        if not answer.ok:
            raise not_there(store.line, "conflicts", db, answer)
        rows = answer.data["rows"]
        for row in rows:
            if (row.get("doc") or {}).get("_conflicts") and not row["id"].startswith("_"):
                yield row["id"]
        if len(rows) < PAGE:
            return
        last = {"startkey": rows[-1]["id"], "skip": 1}


async def settle(store: CouchStore, db: str, id: str, merge: Merge = newest) -> Document:
    """Make one revision of all; returns the document. One without conflict is left as it is.

    The merged document is written before the others are removed: interrupted in between, it is settled again with the
    same others. Attachments that any revision has are kept. Raises DocumentNotFound, and what `put` raises; Conflict
    when others keep writing.
    """
    check_database(db)
    check_document(id)
    for _ in range(ATTEMPTS):
        answer = await store.line.read("conflicts", "GET", db, id, query={"conflicts": True})
        if not answer.ok:
            raise absent(store.line, "conflicts", db, id, answer)
        shown = document(answer.data)
        revs: list[str] = answer.data.get("_conflicts", [])
        if not revs:
            return shown
        others = [found for rev in revs if (found := await _at(store, db, id, rev)) is not None]
        merged = merge(shown, others)
        kept, elsewhere = _files(merged, shown, others)
        wanted = {**merged, "_id": id, "_rev": shown["_rev"], "_attachments": kept}
        try:
            rev = await store.put(db, wanted)
            for name, (where, content_type) in elsewhere.items():
                data = await read_at(store.line, db, id, name, where, store.limits.attachment)
                if data is not None:
                    rev = await store.put_attachment(db, id, name, content_type, data, rev)
        except Conflict:
            continue
        gone = [{"_id": id, "_rev": other, "_deleted": True} for other in revs]
        answer = await store.line.write("conflicts", "POST", db, "_bulk_docs", body=orjson.dumps({"docs": gone}))
        if not answer.ok:
            raise not_there(store.line, "conflicts", db, answer)
        return await store.get(db, id)
    raise Conflict(db, id, None, None)


def _files(
    merged: Document, shown: Document, others: Sequence[Document]
) -> tuple[dict[str, Any], dict[str, tuple[str, str]]]:
    """The attachments of the merged document, and those that only the others have: stubs of the revision shown, and
    for the rest the revision that has it, and its content type."""
    kept: dict[str, Any] = {}
    elsewhere: dict[str, tuple[str, str]] = {}
    mine = shown.get("_attachments", {})
    # The merged document's own come first: of two files of one name its own is kept.
    for doc in (merged, shown, *others):
        for name, stub in doc.get("_attachments", {}).items():
            if name in kept or name in elsewhere:
                continue
            if mine.get(name, {}).get("digest") == stub["digest"]:
                kept[name] = mine[name]
            else:
                elsewhere[name] = (_holder(name, stub, others), stub["content_type"])
    return kept, elsewhere


def _holder(name: str, stub: dict[str, Any], others: Sequence[Document]) -> str:
    """The revision that has this very file."""
    for doc in others:
        if doc.get("_attachments", {}).get(name, {}).get("digest") == stub["digest"]:
            return str(doc["_rev"])
    raise ValueError(f"the merged document lists attachment {name!r}, which no revision has so")


async def _at(store: CouchStore, db: str, id: str, rev: str) -> Document | None:
    answer = await store.line.read("conflicts", "GET", db, id, query={"rev": rev})
    if answer.ok:
        return document(answer.data)
    if answer.status == 404:
        return None  # removed, and compacted, since it was listed
    raise absent(store.line, "conflicts", db, id, answer)


def _seconds(value: object) -> float:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else 0
