"""What a switch asks of us over HTTP: it posts the record of each leg, looks up, and fetches and delivers recordings.

    POST {path}                      the record of one leg (mod_json_cdr), answered 200 only when it is in the store
    POST {lookups.path}              a lookup (mod_xml_curl), answered with XML (`xml_curl/`)
    GET, PUT /media/…                what is played and what was recorded (`media_http.py`)

A leg that began and ended while nobody listened is known by its record alone: the switch keeps it until we answer 200.
A record that will not get better is answered 4xx, and whoever resends spooled records puts it aside.
A lookup that cannot be answered now is answered 503, and the switch goes by its own files.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs

from aiohttp import web

from mirliton.actors.switching import CDR, CdrRefused, CdrStored
from mirliton.ecallmgr.errors import InvalidLegRecord, InvalidLookup
from mirliton.ecallmgr.leg_record import posted_report
from mirliton.ecallmgr.media_http import Media as Media
from mirliton.ecallmgr.media_http import MediaHttp
from mirliton.ecallmgr.xml_curl.answering import Answering, LookupSettings, NotKnownNow
from mirliton.ecallmgr.xml_curl.request import lookup_of
from mirliton.runtime import CallError, Exit, GenServer, Name

SWITCH_HTTP: Final = Name("service", "switch_http")
BODY_TIMEOUT: Final = 60.0
"""Seconds that a request's body may take."""


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
    lookups: LookupSettings | None = None
    """None: nothing can be looked up."""
    spoken: Path | None = None
    """The folder of spoken texts; None: there are none."""

    def __repr__(self) -> str:
        return f"SwitchHttpAddress({self.host}:{self.port}{self.path})"


class SwitchHttp(GenServer):
    """The HTTP server. Not being able to listen is a start error that names the address."""

    async def init(self, address: SwitchHttpAddress) -> None:
        if not address.secret:
            raise ValueError("without a secret anybody could sign media URLs")
        self.address = address
        self.records = 0
        self.refused = 0
        app = web.Application(client_max_size=address.max_body)
        app.router.add_post(address.path, self._leg_record)
        self.lookups: Answering | None = None
        if address.lookups is not None:
            self.lookups = Answering(self, address.lookups)
            app.router.add_post(address.lookups.path, self._lookup)
        MediaHttp(self, address.secret, address.spoken).routes(app)
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
            return _unauthorised()
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

    # Lookups

    async def _lookup(self, request: web.Request) -> web.Response:
        assert self.lookups is not None
        if not self._authorised(request):
            return _unauthorised()
        try:
            answer = await self.lookups.answer(lookup_of(await _body(request, self.address.max_body)))
        except InvalidLookup as error:
            self.log.warning("lookup_refused", reason=error.reason)
            return web.Response(status=400, text=f"refused: {error.reason}\n")
        except NotKnownNow as error:
            return web.Response(status=503, text=f"{error}\n", headers={"Retry-After": "1"})
        return web.Response(body=answer, content_type="text/xml", headers={"Cache-Control": "no-store"})


def _unauthorised() -> web.Response:
    return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="switches"'})


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
