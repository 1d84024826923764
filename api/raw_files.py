"""A file of the store as an answer: whole, or the part that is asked for (Range), or that it is known already."""

from __future__ import annotations

import hashlib

from mirliton.actors.store.attachments import open_attachment
from mirliton.api.context import Context, Raw
from mirliton.api.envelope import matches
from mirliton.ecallmgr.media_http import span_of


async def raw_file(context: Context, db: str, doc_id: str, name: str) -> Raw:
    """Attachment `name` of a document. Raises StoreError."""
    file = await open_attachment(context.store, db, doc_id, name)
    version = hashlib.sha256(file.digest.encode()).hexdigest()[:32]
    headers = {"ETag": f'"{version}"', "Accept-Ranges": "bytes", "Cache-Control": "private, no-cache"}
    if matches(context.request.headers.get("If-None-Match"), version):
        return Raw(b"", file.content_type, headers=headers, status=304)
    start, stop, status = 0, file.length, 200
    span = span_of(context.request, f'"{version}"', file.length)
    if span is not None:
        start, stop = span
        if start >= stop:
            return Raw(
                b"", file.content_type, headers={**headers, "Content-Range": f"bytes */{file.length}"}, status=416
            )
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{file.length}"
        status = 206
    body = b"".join([piece async for piece in file.pieces(start, stop)])
    return Raw(body, file.content_type, name, headers, status)
