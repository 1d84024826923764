"""What passes through a proxy: each connection is two ways, each way holds back what its trouble says.

Bytes keep their order. A way reads no more than WINDOW ahead of what it has passed on, so whoever sends into a trouble
feels it as it would feel a network: its own buffers fill.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
from collections import deque
from dataclasses import dataclass
from typing import Any, Final, Literal

PIECE: Final = 64 * 1024
WINDOW: Final = 256 * 1024
"""Bytes of one way of one connection that may wait here."""
TENTH: Final = 0.1
"""Seconds' worth of bytes that a throttled way passes on at a time."""

Side = Literal["client", "server"]


@dataclass(frozen=True, slots=True)
class Weather:
    """What holds for all bytes just now. `open`: they pass at all. `delay`: so many seconds later, and up to `jitter`
    more. `bytes_per_second`: no faster, each way of each connection; 0 is as fast as they come."""

    open: bool = True
    delay: float = 0.0
    jitter: float = 0.0
    bytes_per_second: float = 0.0


CALM: Final = Weather()


class Sky:
    """The weather, and a way to wait until it changes."""

    def __init__(self) -> None:
        self.now = CALM
        self._changed = asyncio.Event()

    def turn(self, weather: Weather) -> None:
        """From now on it is so, also for what is under way."""
        self.now = weather
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait(self, seconds: float | None) -> None:
        """Until it changes, or so many seconds are over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()


class Way:
    """From one end of a connection to the other."""

    def __init__(self, sky: Sky, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.passed = 0
        """Bytes that have come out at its end."""
        self._sky = sky
        self._reader = reader
        self._writer = writer
        self._waiting: deque[tuple[float, float, bytes]] = deque()
        """When it came, its share of the jitter, and what; nothing is the end."""
        self._held = 0
        self._news = asyncio.Event()
        self._room = asyncio.Event()

    async def run(self) -> None:
        """Until its beginning says no more, and all is passed on. Raises OSError when one end is gone."""
        async with asyncio.TaskGroup() as both:
            both.create_task(self._take())
            both.create_task(self._give())

    @property
    def is_idle(self) -> bool:
        """Nothing waits in it."""
        return not self._waiting and self._held == 0

    async def _take(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            while self._held >= WINDOW:
                self._room.clear()
                await self._room.wait()
            data = await self._reader.read(PIECE)
            self._held += len(data)
            self._waiting.append((loop.time(), random.random(), data))  # noqa: S311 - jitter, no secret
            self._news.set()
            if not data:
                return

    async def _give(self) -> None:
        while True:
            while not self._waiting:
                self._news.clear()
                await self._news.wait()
            came, share, data = self._waiting.popleft()
            await self._until_due(came, share)
            if not data:
                if self._writer.can_write_eof():
                    self._writer.write_eof()
                return
            await self._pass(data)
            self._held -= len(data)
            self._room.set()

    async def _until_due(self, came: float, share: float) -> None:
        """What the weather is meanwhile counts, not what it was."""
        loop = asyncio.get_running_loop()
        while True:
            weather = self._sky.now
            left = came + weather.delay + share * weather.jitter - loop.time()
            if weather.open and left <= 0:
                return
            await self._sky.wait(left if weather.open else None)

    async def _pass(self, data: bytes) -> None:
        while data:
            if not self._sky.now.open:
                await self._sky.wait(None)
                continue
            rate = self._sky.now.bytes_per_second
            piece = data[: max(1, int(rate * TENTH))] if rate else data
            self._writer.write(piece)
            await self._writer.drain()
            self.passed += len(piece)
            data = data[len(piece) :]
            if rate:
                await self._sky.wait(len(piece) / rate)


class Passage:
    """One connection through the proxy: the client's end, the server's, and the two ways between."""

    def __init__(self, sky: Sky, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._sky = sky
        self._reader = reader
        self._ends: dict[Side, asyncio.StreamWriter] = {"client": writer}
        self._there: Way | None = None
        self._back: Way | None = None
        self._before: int | None = None
        """What had come back when `watch` was called, if it was."""
        self._fate: asyncio.Future[Side | None] = asyncio.get_running_loop().create_future()
        """Which side is to be lost, or None for both."""
        self._over = asyncio.Event()

    async def run(self, host: str, port: int, timeout: float) -> None:
        """Connect to the server and pass on what comes, until one end is gone or both have said all."""
        passing = asyncio.ensure_future(self._pass(host, port, timeout))
        try:
            what_ends_it: set[asyncio.Future[Any]] = {passing, self._fate}
            await asyncio.wait(what_ends_it, return_when=asyncio.FIRST_COMPLETED)
            lost = self._fate.result() if self._fate.done() else None
            passing.cancel()
            await asyncio.wait({passing})
            if not passing.cancelled():
                passing.result()  # what it may raise is a fault of ours
            if lost is not None and lost in self._ends:
                reset(self._ends.pop(lost))
                await self._over.wait()
        finally:
            passing.cancel()
            for end in self._ends.values():
                reset(end)

    async def _pass(self, host: str, port: int, timeout: float) -> None:
        while not self._sky.now.open:
            await self._sky.wait(None)
        try:
            async with asyncio.timeout(timeout):
                reader, writer = await asyncio.open_connection(host, port, limit=PIECE)
        except (OSError, TimeoutError):
            return  # the client is reset, as it would be by a network that has no way there
        self._ends["server"] = writer
        self._there = there = Way(self._sky, self._reader, writer)
        self._back = back = Way(self._sky, reader, self._ends["client"])
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(there.run())
                both.create_task(back.run())
        except* OSError:
            for end in self._ends.values():
                reset(end)
        with contextlib.suppress(OSError):
            for end in self._ends.values():
                end.close()
                await end.wait_closed()

    def watch(self) -> None:
        """From now on `alive` is asked for anew."""
        self._before = self._back.passed if self._back is not None else 0

    @property
    def alive(self) -> bool:
        """Whether something of the server has come to the client since `watch`; or it was there then, has both ends
        still, and nothing waits in it: its two sides may just have nothing to say."""
        if self._there is None or self._back is None or self._fate.done():
            return False
        was_there = self._before is not None
        return self._back.passed > (self._before or 0) or (was_there and self._there.is_idle and self._back.is_idle)

    def lose(self, side: Side) -> None:
        """This end is gone, and the other does not learn of it before `end`."""
        if not self._fate.done():
            self._fate.set_result(side)

    def end(self) -> None:
        """Reset what is left of it."""
        if not self._fate.done():
            self._fate.set_result(None)
        self._over.set()


def reset(writer: asyncio.StreamWriter) -> None:
    """Let the other end see a reset, not an orderly end."""
    line = writer.get_extra_info("socket")
    if line is not None and not writer.is_closing():
        with contextlib.suppress(OSError):
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
