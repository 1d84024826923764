"""Attachments read piece by piece, so that no file is ever whole in memory.

    file = await open_attachment(store, db, doc_id, "greeting.mp3")
    async for piece in file.pieces(1000, 5000):
        ...

A file that is replaced meanwhile ends the reading with AttachmentChanged: what was read and what would come do not
belong together.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from mirliton.actors.store.errors import AttachmentChanged
from mirliton.actors.store.interface import Attachment, Store

PIECE: Final = 256 * 1024
"""Bytes that are asked for at once; what SqliteStore has in a row."""


@dataclass(frozen=True, slots=True)
class OpenAttachment:
    """A file in a store: what is known of it, and its bytes on demand. `digest` changes with its content."""

    content_type: str
    digest: str
    length: int
    _store: Store
    _place: tuple[str, str, str]
    _first: bytes

    async def pieces(self, start: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
        """The bytes from `start` up to `stop` (all that follow, for None). Raises AttachmentChanged, StoreError."""
        stop = self.length if stop is None else min(stop, self.length)
        at = max(start, 0)
        if at < min(stop, len(self._first)):
            piece = self._first[at:stop]
            at += len(piece)
            yield piece
        while at < stop:
            part = await self._store.get_part(*self._place, at, min(PIECE, stop - at))
            if part.digest != self.digest or not part.data:
                raise AttachmentChanged(*self._place)
            at += len(part.data)
            yield part.data


async def open_attachment(store: Store, db: str, doc_id: str, name: str) -> OpenAttachment:
    """A file, with its first piece read. Raises DatabaseNotFound, DocumentNotFound, AttachmentNotFound."""
    part: Attachment = await store.get_part(db, doc_id, name, 0, PIECE)
    return OpenAttachment(part.content_type, part.digest, part.length, store, (db, doc_id, name), part.data)
