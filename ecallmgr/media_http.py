"""Media over HTTP: attachments of the store, for switches to play, and recordings that they bring back.

    GET  /spoken/{token}/{key}.wav           a text that media_mgr has had spoken, from its folder
    GET  /media/{token}/{db}/{id}/{name}     also in part (Range), and only if it is another (If-None-Match)
    PUT  /media/{token}/{db}/{id}/{name}     a recording, kept as an attachment of a document that exists

A token is good for one method and one attachment; without it nothing is read or written. A PUT's is good for one
content: what is there already is not replaced, and the same recording once more (a switch tries again when our answer
is lost) is acknowledged. It is acknowledged when it is in the store.

Files are read from the store piece by piece. What comes in is kept on the disk until it is whole, and few are in memory
at once. RFC 9110 (conditional requests, ranges), RFC 9111 (caching).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import tempfile
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import quote

from aiohttp import web

from mirliton.actors.store import Conflict, NotFound, StoreError
from mirliton.actors.store.attachments import OpenAttachment, open_attachment
from mirliton.actors.store.client import StoreClient
from mirliton.actors.store.errors import AttachmentChanged
from mirliton.runtime import Exit, GenServer, message

STORE_ATTEMPTS: Final = 5
MAX_MEDIA: Final = 64 * 1024 * 1024
UPLOAD_TIMEOUT: Final = 60.0
"""Seconds that a recording may take to come."""
PIECE_TIMEOUT: Final = 30.0
"""Seconds that a switch may take to read a piece of a file."""
DOWNLOADS: Final = 200
UPLOADS: Final = 32
"""Of each so many at once; more are told to come again."""
IN_MEMORY: Final = 2
"""Recordings that are whole in memory at once, on their way into the store."""
SPOOLED_FROM: Final = 256 * 1024
MAX_AGE: Final = 60
"""Seconds for which a switch may keep a file that can be replaced."""
MAX_AGE_VERSION: Final = 30 * 86_400
"""The same, for one whose URL tells its version."""


@message("switch.media")
class Media:
    """Makes and checks the URLs of attachments. `base` is how a switch reaches us, `secret` signs."""

    base: str
    secret: bytes

    def __repr__(self) -> str:
        return f"Media({self.base!r})"

    def url(self, method: str, db: str, doc_id: str, name: str, version: str = "") -> str:
        """A URL that lets its bearer do `method` on this attachment. `version` says which content is meant: another
        has another URL, so that a switch may keep what it got."""
        place = "/".join(quote(part, safe="") for part in (_packed(db), doc_id, name))
        marked = f"~{hashlib.sha256(version.encode()).hexdigest()[:12]}" if version else ""
        return f"{self.base.rstrip('/')}/media/{self.token(method, db, doc_id, name)}{marked}/{place}"

    def spoken_url(self, key: str) -> str:
        """The URL of a spoken text."""
        return f"{self.base.rstrip('/')}/spoken/{self.token('GET', '', 'spoken', key)}/{key}.wav"

    def token(self, method: str, db: str, doc_id: str, name: str) -> str:
        text = "\0".join((method, db, doc_id, name)).encode()
        return base64.urlsafe_b64encode(hmac.digest(self.secret, text, hashlib.sha256)[:18]).decode()


class MediaHttp:
    """The two handlers, for `process`."""

    def __init__(self, process: GenServer, secret: bytes, spoken: Path | None = None) -> None:
        self._process = process
        self._spoken = spoken
        self._media = Media("", secret)
        self._downloads = self._uploads = 0
        self._into_store = asyncio.Semaphore(IN_MEMORY)

    def routes(self, app: web.Application) -> None:
        """Serve them."""
        app.router.add_get("/media/{token}/{db}/{id}/{name}", self._get)
        app.router.add_put("/media/{token}/{db}/{id}/{name}", self._put)
        if self._spoken is not None:
            app.router.add_get("/spoken/{token}/{key:[0-9a-f]{64}}.wav", self._get_spoken)

    # Out

    async def _get(self, request: web.Request) -> web.StreamResponse:
        place = self._place(request, "GET")
        if self._downloads >= DOWNLOADS:
            return later(f"{DOWNLOADS} files are read")
        self._downloads += 1
        try:
            file = await open_attachment(StoreClient(self._process), *place)
            return await send_file(request, file, versioned="~" in request.match_info["token"])
        except NotFound:
            return web.Response(status=404)
        except (StoreError, Exit) as error:
            return later(str(error))
        finally:
            self._downloads -= 1

    async def _get_spoken(self, request: web.Request) -> web.StreamResponse:
        key = request.match_info["key"]
        if not _same(request.match_info["token"], self._media.token("GET", "", "spoken", key)):
            raise web.HTTPForbidden
        assert self._spoken is not None
        age = f"private, max-age={MAX_AGE_VERSION}, immutable"
        return web.FileResponse(
            self._spoken / f"{key}.wav", headers={"Cache-Control": age, "Content-Type": "audio/x-wav"}
        )

    # In

    async def _put(self, request: web.Request) -> web.Response:
        place = self._place(request, "PUT")
        if self._uploads >= UPLOADS:
            return later(f"{UPLOADS} recordings are coming")
        self._uploads += 1
        try:
            with tempfile.SpooledTemporaryFile(max_size=SPOOLED_FROM) as spool:
                length, digest = await _received(request, spool)
                return await self._keep(place, request.content_type, spool, length, digest)
        finally:
            self._uploads -= 1

    async def _keep(
        self, place: tuple[str, str, str], content_type: str, spool: IO[bytes], length: int, digest: str
    ) -> web.Response:
        db, doc_id, name = place
        store = StoreClient(self._process)
        async with self._into_store:
            data = await asyncio.to_thread(_whole, spool)
            for _ in range(STORE_ATTEMPTS):
                try:
                    doc = await store.get(db, doc_id)
                    there = doc.get("_attachments", {}).get(name)
                    if there is not None:
                        return _there(there, length, digest)
                    await store.put_attachment(db, doc_id, name, content_type, data, doc["_rev"])
                except Conflict:
                    continue
                except NotFound:
                    return web.Response(status=404)
                except (StoreError, Exit) as error:
                    return later(str(error))
                return web.Response(status=201, text="stored\n")
        return later("the document changes all the time")

    def _place(self, request: web.Request, method: str) -> tuple[str, str, str]:
        info = request.match_info
        try:
            db = _unpacked(info["db"])
        except ValueError:
            raise web.HTTPNotFound from None
        if not _same(info["token"].partition("~")[0], self._media.token(method, db, info["id"], info["name"])):
            raise web.HTTPForbidden
        return db, info["id"], info["name"]


async def send_file(request: web.Request, file: OpenAttachment, *, versioned: bool) -> web.StreamResponse:
    """A file, or the part that is asked for. Raises StoreError while nothing is sent."""
    tag = f'"{hashlib.sha256(file.digest.encode()).hexdigest()[:32]}"'
    age = f"max-age={MAX_AGE_VERSION}, immutable" if versioned else f"max-age={MAX_AGE}"
    headers = {
        "ETag": tag,
        "Cache-Control": f"private, {age}",
        "Accept-Ranges": "bytes",
        "Content-Type": media_type(file.content_type),
        "X-Content-Type-Options": "nosniff",
    }
    if _names(request.headers.get("If-None-Match", ""), tag):
        return web.Response(status=304, headers=headers)
    start, stop, status = 0, file.length, 200
    span = span_of(request, tag, file.length)
    if span is not None:
        start, stop = span
        if start >= stop:
            return web.Response(status=416, headers={**headers, "Content-Range": f"bytes */{file.length}"})
        status = 206
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{file.length}"
    response = web.StreamResponse(status=status, headers=headers)
    response.content_length = stop - start
    await response.prepare(request)
    if request.method != "HEAD":
        await _send(request, response, file, start, stop)
    return response


async def _send(
    request: web.Request, response: web.StreamResponse, file: OpenAttachment, start: int, stop: int
) -> None:
    try:
        async for piece in file.pieces(start, stop):
            async with asyncio.timeout(PIECE_TIMEOUT):
                await response.write(piece)
        await response.write_eof()
    except (AttachmentChanged, StoreError, TimeoutError, Exit):
        # What was promised cannot be kept any more: a cut connection tells so, a short body would not.
        if request.transport is not None:
            request.transport.abort()
    except ConnectionError:
        pass  # the switch has heard enough


def span_of(request: web.Request, tag: str, length: int) -> tuple[int, int] | None:
    """The bytes that are asked for; None for all. What cannot be read, or is for another version, asks for all."""
    if "Range" not in request.headers:
        return None
    condition = request.headers.get("If-Range", tag)
    try:
        asked = request.http_range
    except ValueError:
        return None
    if condition != tag:
        return None
    start, stop = asked.start or 0, asked.stop
    if start < 0:
        start, stop = max(length + start, 0), length
    return start, length if stop is None else min(stop, length)


def _names(header: str, tag: str) -> bool:
    return any(each.strip().removeprefix("W/") in (tag, "*") for each in header.split(","))


async def _received(request: web.Request, spool: IO[bytes]) -> tuple[int, str]:
    """The body, written down; its length and digest. Raises HTTPRequestEntityTooLarge, HTTPRequestTimeout."""
    if (request.content_length or 0) > MAX_MEDIA:
        raise web.HTTPRequestEntityTooLarge(MAX_MEDIA, request.content_length or 0)
    digest = hashlib.md5(usedforsecurity=False)
    length = 0
    try:
        async with asyncio.timeout(UPLOAD_TIMEOUT):
            async for piece in request.content.iter_chunked(SPOOLED_FROM):
                length += len(piece)
                if length > MAX_MEDIA:
                    raise web.HTTPRequestEntityTooLarge(MAX_MEDIA, length)
                digest.update(piece)
                await asyncio.to_thread(spool.write, piece)
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
    return length, "md5-" + base64.b64encode(digest.digest()).decode()


def _whole(spool: IO[bytes]) -> bytes:
    spool.seek(0)
    return spool.read()


def _there(entry: Any, length: int, digest: str) -> web.Response:
    if entry.get("length") == length and entry.get("digest") == digest:
        return web.Response(status=200, text="stored already\n")
    return web.Response(status=409, text="there is another recording already\n")


def later(reason: str) -> web.Response:
    """The same request may succeed in a moment."""
    return web.Response(status=503, text=f"{reason}\n", headers={"Retry-After": "1"})


def media_type(content_type: str) -> str:
    """The stored type without its parameters; nothing that a browser would run."""
    plain = content_type.partition(";")[0].strip()
    return plain if plain.startswith(("audio/", "video/")) else "application/octet-stream"


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), wanted.encode("utf-8", "surrogateescape"))


def _packed(db: str) -> str:
    return base64.urlsafe_b64encode(db.encode()).decode().rstrip("=")


def _unpacked(text: str) -> str:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ValueError(text) from error
