"""The listening socket of an HTTP server that is a process.

A process can be killed, and then no clean-up of it runs; its successor starts at once and needs the port. So the socket
is closed from the node's exit hook, in the very moment the process ends; the connections are let go of afterwards.
"""

from __future__ import annotations

import asyncio
import logging
import os
from typing import Any, Final

from aiohttp import web

from mirliton.api.errors import CannotListen
from mirliton.runtime import Node, Pid, message

FINISH: Final = 2.0
"""Seconds that requests under way have when their server ends."""
KEEP_ALIVE: Final = 30.0
"""Seconds an idle connection is kept."""

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

    def __init__(self, node: Node, owner: Pid, app: web.Application) -> None:
        self._node = node
        self._owner = owner
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
        assert self._runner.server is not None
        try:
            self._socket = await self._node.loop.create_server(self._runner.server, host, port)
        except (OSError, OverflowError) as error:
            await self._runner.cleanup()
            raise CannotListen(host, port, _reason(error)) from None
        self._node.on_exit.append(self._on_exit)
        self.address = Listening(host, self._socket.sockets[0].getsockname()[1])
        return self.address

    async def close(self) -> None:
        """Stop listening, let requests under way finish for a moment, and close every connection."""
        self._stop_listening()
        self._unhook()
        await self._runner.cleanup()

    def _stop_listening(self) -> None:
        if self._socket is not None:
            self._socket.close()

    def _on_exit(self, cell: Any, *_: object) -> None:
        if cell.pid == self._owner:
            self._stop_listening()
            # Later: the list of hooks must not change while the node goes through it.
            self._node.loop.call_soon(self._leave)

    def _leave(self) -> None:
        self._unhook()
        task = self._node.loop.create_task(self._runner.cleanup())
        _leaving.add(task)
        task.add_done_callback(_leaving.discard)

    def _unhook(self) -> None:
        if self._on_exit in self._node.on_exit:
            self._node.on_exit.remove(self._on_exit)


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
