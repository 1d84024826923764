"""A server that answers as a test says: with a status and JSON, with anything else, by hanging or by hanging up."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

HANG_UP = object()
"""Answers by closing the connection."""
SILENCE = object()
"""Answers never."""


@dataclass
class Request:
    """What was asked."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class ScriptedCouch:
    """Answers each request with what `answer` gives: (status, JSON or text), HANG_UP or SILENCE."""

    def __init__(self, answer: Callable[[Request], Any]) -> None:
        self.answer = answer
        self.requests: list[Request] = []
        self.heard = asyncio.Event()
        """Set once `asked()` has something to tell."""
        self.port = 0
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def asked(self, method: str | None = None) -> list[Request]:
        """The requests but for probes and the first look."""
        quiet = ("/_up", "/", "/_all_dbs?limit=1")
        return [each for each in self.requests if each.path not in quiet and method in (None, each.method)]

    async def start(self) -> None:
        """Listen; on the same port as before."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Refuse connections and cut those that are open."""
        if self._server is not None:
            self._server.close()
            for writer in list(self._connections):
                writer.transport.abort()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        try:
            while True:
                request = await _read(reader)
                self.requests.append(request)
                if self.asked():
                    self.heard.set()
                told = self._usual(request) or self.answer(request)
                if told is SILENCE:
                    await reader.read()
                    return
                if told is HANG_UP:
                    return
                writer.write(_response(*told))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._connections.discard(writer)
            writer.close()

    def _usual(self, request: Request) -> Any:
        """What every server says to a probe and to the first look, unless the test's answer has a say in it."""
        if getattr(self.answer, "says_all", False):
            return None
        return {"/_up": (200, {"status": "ok"}), "/_all_dbs?limit=1": (200, [])}.get(request.path)


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.strip().split("\r\n")
    method, path, _ = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    assert "chunked" not in headers.get("transfer-encoding", ""), "a length was to be given"
    return Request(method, path, headers, await reader.readexactly(int(headers.get("content-length", 0))))


def _response(status: int, content: Any) -> bytes:
    body = content.encode() if isinstance(content, str) else json.dumps(content).encode()
    return b"HTTP/1.1 %d Scripted\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body


@contextlib.asynccontextmanager
async def scripted(answer: Callable[[Request], Any]) -> AsyncIterator[ScriptedCouch]:
    """Such a server for the length of a block."""
    server = ScriptedCouch(answer)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
