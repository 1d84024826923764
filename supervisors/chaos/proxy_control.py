"""Steering a Proxy that runs in another OS process, over a Unix socket that only its owner may open (0600).

One JSON object per line in (Proxy.answer says which), one per line out: {"ok": true, "result": {…}} or {"ok": false,
"error": "…"}.
"""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any, Final

from mirliton.supervisors.chaos.errors import ChaosRefused
from mirliton.supervisors.chaos.proxy import Proxy

MAX_REQUEST: Final = 4096
ANSWER_TIMEOUT: Final = 5.0
MOST_CLIENTS: Final = 16


class ProxyControl:
    """The proxy's end, at `path`; a socket's file that is there already is replaced. Use it in `async with`."""

    def __init__(self, proxy: Proxy, path: Path) -> None:
        self._proxy = proxy
        self._path = path
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> ProxyControl:
        """Listen. Raises OSError where that cannot be."""
        if self._path.exists() and not self._path.is_socket():
            raise FileExistsError(f"{self._path} is there, and is no socket")
        self._path.unlink(missing_ok=True)
        mask = os.umask(0o177)
        try:
            self._server = await asyncio.start_unix_server(self._serve, self._path, limit=MAX_REQUEST)
        finally:
            os.umask(mask)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        for writer in self._clients:
            writer.transport.abort()
        self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._clients) >= MOST_CLIENTS:
            writer.transport.abort()
            return
        self._clients.add(writer)
        try:
            while line := await reader.readline():
                writer.write(json.dumps(self._answer(line)).encode() + b"\n")
                async with asyncio.timeout(ANSWER_TIMEOUT):
                    await writer.drain()
        except (OSError, TimeoutError, ValueError):
            pass  # gone, slow, or a line that is too long: nothing of theirs is left to do
        finally:
            self._clients.discard(writer)
            writer.transport.abort()

    def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
            if not isinstance(request, dict):
                raise ChaosRefused('a request is an object such as {"do": "status"}')
            return {"ok": True, "result": self._proxy.answer(request)}
        except (ValueError, RecursionError):
            return {"ok": False, "error": "the request is no JSON"}
        except ChaosRefused as refused:
            return {"ok": False, "error": str(refused)}


async def ask_proxy(path: Path, request: dict[str, Any], timeout: float = ANSWER_TIMEOUT) -> dict[str, Any]:
    """The answer of the proxy that is steered at `path`, within `timeout` seconds. Raises ChaosRefused."""
    try:
        async with asyncio.timeout(timeout):
            reader, writer = await asyncio.open_unix_connection(path, limit=1024 * 1024)
            try:
                writer.write(json.dumps(request).encode() + b"\n")
                line = await reader.readline()
            finally:
                writer.transport.abort()
        answer = json.loads(line)
    except TimeoutError:
        raise ChaosRefused(f"the proxy at {path} does not answer within {timeout:g} s") from None
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or "it gave no answer"
        raise ChaosRefused(f"the proxy at {path} cannot be asked: {said}") from None
    if not answer["ok"]:
        raise ChaosRefused(answer["error"])
    result: dict[str, Any] = answer["result"]
    return result
