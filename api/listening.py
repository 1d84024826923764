"""The listening socket of an HTTP server that is a process.

A process can be killed, and then no clean-up of it runs; its successor starts at once and needs the port. So it owns
the socket, which is closed in the very moment the process ends; the connections are let go of afterwards.
"""

from __future__ import annotations

import asyncio
import logging
import os
from typing import Any, Final

from aiohttp import web

from mirliton.api.errors import CannotListen
from mirliton.runtime import Node, Process, message

FINISH: Final = 2.0
"""Seconds that requests under way have when their server ends."""
KEEP_ALIVE: Final = 30.0
"""Seconds an idle connection is kept."""

FIRST_REQUEST = 20.0
"""Seconds a connection may take to bring the head of its first request."""
MAX_CONNECTIONS = 2000
"""Connections at once; more are closed at once."""

_leaving: Final[set[asyncio.Task[None]]] = set()


@message("api.where")
class Where:
    """Ask a server where it listens; answered with Listening."""


@message("api.listening")
class Listening:
    """Where a server listens."""

    host: str
    port: int


class Listener:
    """An aiohttp application at one address, for as long as the process `owner` lives."""

    def __init__(self, owner: Process, app: web.Application) -> None:
        node = owner.node
        self._node = node
        self._owner = owner
        self._silent: dict[web.RequestHandler, asyncio.TimerHandle] = {}
        """Connections that have brought no request yet."""
        app.middlewares.append(self._hear)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            handle_signals=False,
            shutdown_timeout=FINISH,
            keepalive_timeout=KEEP_ALIVE,
            logger=_malformed(node),
        )
        self._socket: asyncio.Server | None = None
        self.address = Listening("", 0)

    async def start(self, host: str, port: int) -> Listening:
        """Listen; port 0 takes any free one. Raises CannotListen."""
        await self._runner.setup()
        try:
            self._socket = await self._node.loop.create_server(self._connection, host, port)
        except (OSError, OverflowError) as error:
            await self._runner.cleanup()
            raise CannotListen(host, port, _reason(error)) from None
        self._owner.own(self._on_exit)
        self.address = Listening(host, self._socket.sockets[0].getsockname()[1])
        return self.address

    async def close(self) -> None:
        """Stop listening, let requests under way finish for a moment, and close every connection."""
        self._stop_listening()
        await self._runner.cleanup()

    def _connection(self) -> asyncio.Protocol:
        """The protocol of a new connection."""
        server = self._runner.server
        if server is None or len(server.connections) >= MAX_CONNECTIONS:
            return _Refused()
        connection = server()
        self._silent[connection] = self._node.loop.call_later(FIRST_REQUEST, self._still_silent, connection)
        return connection

    @web.middleware
    async def _hear(self, request: web.Request, handler: Any) -> web.StreamResponse:
        timer = self._silent.pop(request.protocol, None)
        if timer is not None:
            timer.cancel()
        answer: web.StreamResponse = await handler(request)
        return answer

    def _still_silent(self, connection: web.RequestHandler) -> None:
        del self._silent[connection]
        if connection.transport is not None:
            connection.transport.abort()

    def _stop_listening(self) -> None:
        if self._socket is not None:
            self._socket.close()

    def _on_exit(self) -> None:
        self._stop_listening()
        task = self._node.loop.create_task(self._runner.cleanup())
        _leaving.add(task)
        task.add_done_callback(_leaving.discard)


class _Refused(asyncio.Protocol):
    """A connection too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


class _Malformed(logging.Handler):
    """What aiohttp says of requests that are no HTTP, in one line each and without what was in them."""

    def __init__(self, node: Node) -> None:
        super().__init__()
        self._log = node.log

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        self._log.warning("http_malformed", kind=type(error).__name__)


def _malformed(node: Node) -> logging.Logger:
    logger = logging.Logger("mirliton.api.http", logging.ERROR)
    logger.addHandler(_Malformed(node))
    return logger


def _reason(error: OSError | OverflowError) -> str:
    if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
        return os.strerror(error.errno).lower()
    return str(error)
