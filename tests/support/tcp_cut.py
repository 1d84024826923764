"""A way to a TCP server that can be cut: then nothing goes through it any more, and neither side is told."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator


class TcpCut:
    """Listens on `port`, while its block lasts."""

    def __init__(self, to: int) -> None:
        self._to = to
        self._open = asyncio.Event()
        self._open.set()
        self._ends: set[asyncio.Task[None]] = set()
        self.port = 0

    def cut(self) -> None:
        self._open.clear()

    def heal(self) -> None:
        """What waited goes through."""
        self._open.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._to)
        for source, sink in ((reader, there_writer), (there_reader, writer)):
            task = asyncio.get_running_loop().create_task(self._pump(source, sink))
            self._ends.add(task)
            task.add_done_callback(self._ends.discard)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                await self._open.wait()
                sink.write(data)
                await sink.drain()
            await self._open.wait()
        except OSError:
            pass  # the other end is told by the close
        finally:
            sink.close()

    def close(self) -> None:
        for task in list(self._ends):
            task.cancel()


@contextlib.asynccontextmanager
async def a_way_that_can_be_cut(to: int) -> AsyncIterator[TcpCut]:
    """In front of the server on this port of this host."""
    way = TcpCut(to)
    server = await asyncio.start_server(way.serve, "127.0.0.1", 0)
    way.port = int(server.sockets[0].getsockname()[1])
    try:
        yield way
    finally:
        server.close()
        way.close()
