"""Attachments, as functions of the line to the database: sent and received in chunks."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator
from typing import Final

import orjson

from mirliton.actors.store import revisions
from mirliton.actors.store.couch_answer import Answer
from mirliton.actors.store.couch_documents import absent, get, look, refused
from mirliton.actors.store.couch_line import Line
from mirliton.actors.store.errors import (
    AttachmentNotFound,
    Conflict,
    StoreDamaged,
    StoreError,
    StoreInterrupted,
    TooLarge,
    abridged,
)
from mirliton.actors.store.interface import Attachment

CHUNK: Final = 64 * 1024
_SMALL: Final = 1024 * 1024


async def put(line: Line, db: str, id: str, name: str, content_type: str, data: bytes, rev: str | None) -> str:
    """Add or replace an attachment; returns the document's new revision. Raises DatabaseNotFound, Conflict."""
    if rev is not None and revisions.parse(rev) is None:
        raise Conflict(db, id, rev, (await look(line, db, id)).current)
    answer = await line.write(
        "put_attachment",
        "PUT",
        db,
        id,
        name,
        query={"rev": rev} if rev is not None else None,
        data=lambda: _chunks(data),
        headers={"Content-Type": content_type, "Content-Length": str(len(data))},
        timeout=line.tuning.transfer_timeout,
    )
    if answer.status in (404, 409) and rev is None and (await look(line, db, id)).deleted:
        # Not every server takes a file for a document that was deleted; each takes a document with a file.
        inline = {"content_type": content_type, "data": base64.b64encode(data).decode()}
        body = orjson.dumps({"_id": id, "_attachments": {name: inline}})
        answer = await line.write("put_attachment", "POST", db, body=body, timeout=line.tuning.transfer_timeout)
    if answer.ok:
        return str(answer.data["rev"])
    raise await refused(line, "put_attachment", db, id, rev, answer)


async def get_whole(line: Line, db: str, id: str, name: str, most: int) -> Attachment:
    """An attachment with its data. Raises DatabaseNotFound, DocumentNotFound, AttachmentNotFound, TooLarge."""
    failure: StoreError = StoreDamaged(line.path, f"{id!r} in {db!r} lists attachment {name!r} and does not give it")
    for _ in range(line.tuning.attempts):
        doc = await get(line, db, id)
        entry = doc.get("_attachments", {}).get(name)
        if entry is None:
            raise AttachmentNotFound(db, id, name)
        try:
            data = await read_at(line, db, id, name, doc["_rev"], most)
        except StoreInterrupted as error:
            failure = error
            continue
        if data is None:
            continue  # the document was changed and compacted between the two questions
        digest = await _digest(data)
        return Attachment(name, entry["content_type"], digest, len(data), entry["revpos"], data)
    raise failure


async def get_part(line: Line, db: str, id: str, name: str, start: int, length: int) -> Attachment:
    """Some bytes of an attachment. Raises as `get_whole`."""
    failure: StoreError = StoreDamaged(line.path, f"{id!r} in {db!r} lists attachment {name!r} and does not give it")
    for _ in range(line.tuning.attempts):
        doc = await get(line, db, id)
        entry = doc.get("_attachments", {}).get(name)
        if entry is None:
            raise AttachmentNotFound(db, id, name)
        span = (start, min(start + length, entry["length"]))
        try:
            data = await read_at(line, db, id, name, doc["_rev"], length, span) if span[0] < span[1] else b""
        except StoreInterrupted as error:
            failure = error
            continue
        if data is not None:
            return Attachment(name, entry["content_type"], entry["digest"], entry["length"], entry["revpos"], data)
    raise failure


async def delete(line: Line, db: str, id: str, name: str, rev: str) -> str:
    """Drop an attachment. Raises DatabaseNotFound, DocumentNotFound, AttachmentNotFound, Conflict."""
    doc = await get(line, db, id)
    if name not in doc.get("_attachments", {}):
        raise AttachmentNotFound(db, id, name)
    if doc["_rev"] != rev:
        raise Conflict(db, id, rev, doc["_rev"])
    answer = await line.write("delete_attachment", "DELETE", db, id, name, query={"rev": rev})
    if answer.ok:
        return str(answer.data["rev"])
    raise await refused(line, "delete_attachment", db, id, rev, answer, must_exist=True)


async def read_at(
    line: Line, db: str, id: str, name: str, rev: str, most: int, span: tuple[int, int] | None = None
) -> bytes | None:
    """The data, or of it what is from the first byte of `span` up to the second; None where this revision has it no
    more."""
    async with line.stream("get_attachment", db, id, name, rev=rev, span=span) as found:
        if isinstance(found, Answer):
            if found.status == 404:
                return None
            raise absent(line, "get_attachment", db, id, found)
        parts: list[bytes] = []
        size = 0
        async for part in found:
            parts.append(part)
            size += len(part)
            if size > most:
                raise TooLarge(f"attachment {abridged(name)}", size, most)
        return b"".join(parts)


async def _chunks(data: bytes) -> AsyncIterator[bytes]:
    view = memoryview(data)
    for start in range(0, len(data), CHUNK):
        yield bytes(view[start : start + CHUNK])


async def _digest(data: bytes) -> str:
    if len(data) > _SMALL:
        return await asyncio.to_thread(_digest_now, data)
    return _digest_now(data)


def _digest_now(data: bytes) -> str:
    return "md5-" + base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
