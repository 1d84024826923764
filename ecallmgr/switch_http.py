"""What a switch asks of us over HTTP: it posts the record of each leg, and fetches and delivers recordings.

    POST {path}                      the record of one leg (mod_json_cdr), answered 200 only when it is in the store
    GET  /media/{db}/{id}/{name}     an attachment, for playback
    PUT  /media/{db}/{id}/{name}     a recording, kept as an attachment of a document that exists

A leg that began and ended while nobody listened is known by its record alone: the switch keeps it until we answer 200.
A record that will not get better is answered 4xx, and whoever resends spooled records puts it aside.
Media URLs carry a token that is good for one method and one attachment; without it nothing is read or written.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs, quote

from aiohttp import web

from mirliton.actors.store import Conflict, NotFound, StoreError
from mirliton.actors.store.client import StoreClient
from mirliton.actors.switching import CDR, CdrRefused, CdrStored
from mirliton.ecallmgr.errors import InvalidLegRecord
from mirliton.ecallmgr.leg_record import posted_report
from mirliton.runtime import CallError, Exit, GenServer, Name, message

SWITCH_HTTP: Final = Name("service", "switch_http")
STORE_ATTEMPTS: Final = 5
BODY_TIMEOUT: Final = 60.0
"""Seconds that a request's body may take."""
MAX_MEDIA: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class SwitchHttpAddress:
    """Where to listen, and what to ask for. `secret` signs media URLs; `url` is how the switch reaches us."""

    host: str
    port: int
    path: str
    username: str
    password: str
    secret: bytes
    max_body: int = 1024 * 1024
    shared: bool = False
    """Whether other nodes of this host may listen there too: the kernel gives each connection to one of them."""

    def __repr__(self) -> str:
        return f"SwitchHttpAddress({self.host}:{self.port}{self.path})"


@message("switch.media")
class Media:
    """Makes and checks the URLs of attachments. `base` is how a switch reaches us, `secret` signs."""

    base: str
    secret: bytes

    def __repr__(self) -> str:
        return f"Media({self.base!r})"

    def url(self, method: str, db: str, doc_id: str, name: str) -> str:
        """A URL that lets its bearer do `method` on this attachment."""
        place = "/".join(quote(part, safe="") for part in (_packed(db), doc_id, name))
        return f"{self.base.rstrip('/')}/media/{self.token(method, db, doc_id, name)}/{place}"

    def token(self, method: str, db: str, doc_id: str, name: str) -> str:
        text = "\0".join((method, db, doc_id, name)).encode()
        return base64.urlsafe_b64encode(hmac.digest(self.secret, text, hashlib.sha256)[:18]).decode()


class SwitchHttp(GenServer):
    """The HTTP server. Not being able to listen is a start error that names the address."""

    async def init(self, address: SwitchHttpAddress) -> None:
        if not address.secret:
            raise ValueError("without a secret anybody could sign media URLs")
        self.address = address
        self.media = Media("", address.secret)
        self.records = 0
        self.refused = 0
        app = web.Application(client_max_size=max(address.max_body, MAX_MEDIA))
        app.router.add_post(address.path, self._leg_record)
        app.router.add_get("/media/{token}/{db}/{id}/{name}", self._get_media)
        app.router.add_put("/media/{token}/{db}/{id}/{name}", self._put_media)
        loop = asyncio.get_running_loop()
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0)
        await runner.setup()
        self.own(lambda: loop.create_task(runner.cleanup()))
        assert runner.server is not None
        server = await loop.create_server(
            runner.server, address.host, address.port, reuse_address=True, reuse_port=address.shared
        )
        self.own(server.close)
        self.port: int = server.sockets[0].getsockname()[1]

    def state(self) -> Any:
        return {"listening": f"{self.address.host}:{self.port}", "records": self.records, "refused": self.refused}

    # Leg records

    async def _leg_record(self, request: web.Request) -> web.Response:
        if not self._authorised(request):
            return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="leg records"'})
        try:
            report = posted_report(await self._record(request))
        except InvalidLegRecord as error:
            self.refused += 1
            self.log.warning("leg_record_refused", reason=error.reason)
            return web.Response(status=422, text=f"refused: {error.reason}\n")
        try:
            answer = await self.call(CDR, report, timeout=10.0)
        except (CallError, Exit) as error:
            return web.Response(status=503, text=f"{error}\n", headers={"Retry-After": "1"})
        if isinstance(answer, CdrRefused):
            self.refused += 1
            self.log.warning("leg_record_refused", call_id=report.call_id, reason=answer.reason)
            return web.Response(status=422, text=f"refused: {answer.reason}\n")
        if not isinstance(answer, CdrStored):
            return web.Response(status=503, text=f"{answer}\n", headers={"Retry-After": "1"})
        self.records += 1
        return web.Response(status=200, text="stored\n")

    def _authorised(self, request: web.Request) -> bool:
        if not self.address.password:
            return True
        scheme, _, packed = request.headers.get("Authorization", "").partition(" ")
        try:
            given = base64.b64decode(packed, validate=True)
        except (binascii.Error, ValueError):
            return False
        wanted = f"{self.address.username}:{self.address.password}".encode()
        return hmac.compare_digest(given, wanted) and scheme.lower() == "basic"

    async def _record(self, request: web.Request) -> bytes:
        """The record in a request: its body, or the field `cdr` of a form (mod_json_cdr's `encode`)."""
        body = await _body(request, self.address.max_body)
        if request.content_type != "application/x-www-form-urlencoded":
            return body
        try:
            fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=16)
        except ValueError as error:
            raise InvalidLegRecord(f"the form cannot be read ({error})") from error
        return fields.get("cdr", [""])[0].encode()

    # Media

    async def _get_media(self, request: web.Request) -> web.Response:
        place = self._place(request, "GET")
        try:
            found = await StoreClient(self).get_attachment(*place)
        except NotFound:
            return web.Response(status=404)
        except (StoreError, Exit) as error:
            return web.Response(status=503, text=f"{error}\n", headers={"Retry-After": "1"})
        return web.Response(body=found.data, content_type=_media_type(found.content_type))

    async def _put_media(self, request: web.Request) -> web.Response:
        db, doc_id, name = self._place(request, "PUT")
        data = await _body(request, MAX_MEDIA)
        store = StoreClient(self)
        for _ in range(STORE_ATTEMPTS):
            try:
                doc = await store.get(db, doc_id)
                await store.put_attachment(db, doc_id, name, request.content_type, data, doc["_rev"])
            except Conflict:
                continue
            except NotFound:
                return web.Response(status=404)
            except (StoreError, Exit) as error:
                return web.Response(status=503, text=f"{error}\n", headers={"Retry-After": "1"})
            return web.Response(status=201, text="stored\n")
        return web.Response(status=503, text="the document changes all the time\n", headers={"Retry-After": "1"})

    def _place(self, request: web.Request, method: str) -> tuple[str, str, str]:
        info = request.match_info
        try:
            db = _unpacked(info["db"])
        except ValueError:
            raise web.HTTPNotFound from None
        if not _same(info["token"], self.media.token(method, db, info["id"], info["name"])):
            raise web.HTTPForbidden
        return db, info["id"], info["name"]


async def _body(request: web.Request, most: int) -> bytes:
    """The body. Raises HTTPRequestEntityTooLarge beyond `most` bytes, HTTPRequestTimeout when it takes too long."""
    if (request.content_length or 0) > most:
        raise web.HTTPRequestEntityTooLarge(most, request.content_length or 0)
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT):
            async for piece in request.content.iter_any():
                body += piece
                if len(body) > most:
                    raise web.HTTPRequestEntityTooLarge(most, len(body))
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
    return bytes(body)


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), wanted.encode("utf-8", "surrogateescape"))


def _media_type(content_type: str) -> str:
    """The stored type without its parameters; nothing that a browser would run."""
    plain = content_type.partition(";")[0].strip()
    return plain if plain.startswith(("audio/", "video/")) else "application/octet-stream"


def _packed(db: str) -> str:
    return base64.urlsafe_b64encode(db.encode()).decode().rstrip("=")


def _unpacked(text: str) -> str:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ValueError(text) from error
