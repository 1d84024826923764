"""What a switch asks of us over HTTP: it posts the record of each leg, and fetches and delivers recordings.

    POST {path}                      the record of one leg (mod_json_cdr), answered 200 only when it is in the store
    GET  /media/{db}/{id}/{name}     an attachment, for playback
    PUT  /media/{db}/{id}/{name}     a recording, kept as an attachment of a document that exists

A leg that began and ended while nobody listened is known by its record alone: the switch keeps it until we answer 200.
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
from urllib.parse import quote

import orjson
from aiohttp import BasicAuth, web

from mirliton.actors.kapi.cdr import CdrReport
from mirliton.actors.store import Conflict, NotFound, StoreError
from mirliton.actors.store.client import StoreClient
from mirliton.actors.switching import CDR, CdrStored
from mirliton.ecallmgr import mapping
from mirliton.ecallmgr.errors import InvalidLegRecord
from mirliton.runtime import CallError, Exit, GenServer, Name, message

SWITCH_HTTP: Final = Name("service", "switch_http")
STORE_ATTEMPTS: Final = 5
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
        server = await loop.create_server(runner.server, address.host, address.port, reuse_address=True)
        self.own(server.close)

    def state(self) -> Any:
        return {"listening": f"{self.address.host}:{self.address.port}", "records": self.records}

    # Leg records

    async def _leg_record(self, request: web.Request) -> web.Response:
        if not self._authorised(request):
            return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="leg records"'})
        try:
            report = leg_report(await self._body(request))
        except InvalidLegRecord as error:
            # 422: it will not get better, so whoever re-sends spooled records puts this one aside.
            self.refused += 1
            self.log.warning("leg_record_refused", reason=error.reason)
            return web.Response(status=422, text=f"refused: {error.reason}\n")
        try:
            answer = await self.call(CDR, report, timeout=10.0)
        except (CallError, Exit) as error:
            return web.Response(status=503, text=f"{error}\n", headers={"Retry-After": "1"})
        if not isinstance(answer, CdrStored):
            return web.Response(status=503, text=f"{answer}\n", headers={"Retry-After": "1"})
        self.records += 1
        return web.Response(status=200, text="stored\n")

    def _authorised(self, request: web.Request) -> bool:
        if not self.address.password:
            return True
        try:
            given = BasicAuth.decode(request.headers.get("Authorization", ""))
        except ValueError:
            return False
        return hmac.compare_digest(given.login, self.address.username) and hmac.compare_digest(
            given.password, self.address.password
        )

    async def _body(self, request: web.Request) -> bytes:
        if (request.content_length or 0) > self.address.max_body:
            raise InvalidLegRecord(f"{request.content_length} bytes are more than {self.address.max_body}")
        if request.content_type == "application/x-www-form-urlencoded":
            fields = await request.post()
            return str(fields.get("cdr", "")).encode()
        return await request.read()

    # Media

    async def _get_media(self, request: web.Request) -> web.Response:
        place = self._place(request, "GET")
        try:
            found = await StoreClient(self).get_attachment(*place)
        except NotFound:
            return web.Response(status=404)
        except (StoreError, CallError) as error:
            return web.Response(status=503, text=f"{error}\n", headers={"Retry-After": "1"})
        return web.Response(body=found.data, content_type=found.content_type)

    async def _put_media(self, request: web.Request) -> web.Response:
        db, doc_id, name = self._place(request, "PUT")
        if (request.content_length or 0) > MAX_MEDIA:
            return web.Response(status=413)
        data = await request.read()
        store = StoreClient(self)
        for _ in range(STORE_ATTEMPTS):
            try:
                doc = await store.get(db, doc_id)
                await store.put_attachment(db, doc_id, name, request.content_type, data, doc["_rev"])
            except Conflict:
                continue
            except NotFound:
                return web.Response(status=404)
            except (StoreError, CallError) as error:
                return web.Response(status=503, text=f"{error}\n", headers={"Retry-After": "1"})
            return web.Response(status=201, text="stored\n")
        return web.Response(status=503, text="the document changes all the time\n", headers={"Retry-After": "1"})

    def _place(self, request: web.Request, method: str) -> tuple[str, str, str]:
        info = request.match_info
        try:
            db = _unpacked(info["db"])
        except ValueError:
            raise web.HTTPNotFound from None
        if not hmac.compare_digest(info["token"], self.media.token(method, db, info["id"], info["name"])):
            raise web.HTTPForbidden
        return db, info["id"], info["name"]


def leg_report(body: bytes) -> CdrReport:
    """The record of a leg from what mod_json_cdr posts. Raises InvalidLegRecord."""
    try:
        record = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidLegRecord(f"no JSON ({error})") from error
    if not isinstance(record, dict):
        raise InvalidLegRecord("the JSON is no object")
    headers = mapping.from_record(record)
    uuid = headers["Unique-ID"]
    if not uuid or len(uuid) > 255 or not uuid.isprintable():
        raise InvalidLegRecord("variables.uuid names no leg")
    return mapping.cdr_report(headers)


def _packed(db: str) -> str:
    return base64.urlsafe_b64encode(db.encode()).decode().rstrip("=")


def _unpacked(text: str) -> str:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ValueError(text) from error
