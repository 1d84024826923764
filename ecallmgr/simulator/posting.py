"""Posting the records of ended legs over HTTP, spooling them while nobody listens.

As mod_json_cdr is set up for a controller: each record is POSTed as JSON to `url?uuid=…`; what is not
accepted (2xx) after some tries goes to a spool, a directory or, without one, memory, and is sent again at
intervals, oldest first, until it is accepted. A spool directory outlives the process: what lies there is
sent by the next one. The spool is bounded; beyond its limit the oldest records are dropped and counted.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, unquote, urlsplit

import aiohttp
import structlog

from mirliton.ecallmgr.simulator.clock import Clock, sleep

SUFFIX = ".cdr.json"
WORKERS = 4
_log = structlog.get_logger(__name__)


class Spawn(Protocol):
    """Starts a task that is cancelled when the switch stops."""

    def __call__(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]: ...


@dataclass
class PostStatistics:
    """What became of the records."""

    posted: int = 0
    spooled: int = 0  # waiting now
    dropped: int = 0


class Spool(Protocol):
    """Where records wait: oldest first."""

    def add(self, uuid: str, record: bytes) -> None:
        """Keep a record."""

    def oldest(self) -> tuple[str, bytes] | None:
        """The record that waits longest."""

    def discard(self, uuid: str) -> None:
        """Forget a record, because it was accepted or there is no room."""

    def __len__(self) -> int: ...


class MemorySpool:
    """A spool that is gone with the process."""

    def __init__(self) -> None:
        self._records: dict[str, bytes] = {}

    def add(self, uuid: str, record: bytes) -> None:
        """Keep a record."""
        self._records[uuid] = record

    def oldest(self) -> tuple[str, bytes] | None:
        """The record that waits longest."""
        return next(iter(self._records.items()), None)

    def discard(self, uuid: str) -> None:
        """Forget a record."""
        self._records.pop(uuid, None)

    def __len__(self) -> int:
        return len(self._records)


class DirectorySpool:
    """A spool in a directory, one file per leg, as mod_json_cdr's err-log-dir."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        found = sorted(folder.glob(f"*{SUFFIX}"), key=lambda path: path.stat().st_mtime_ns)
        self._names: dict[str, Path] = {unquote(path.name[: -len(SUFFIX)]): path for path in found}

    def add(self, uuid: str, record: bytes) -> None:
        """Write a record, under another name first so that a half-written one is never read."""
        path = self._folder / f"{quote(uuid, safe='')}{SUFFIX}"  # a controller may choose a leg's uuid
        partial = path.with_suffix(".partial")
        partial.write_bytes(record)
        partial.rename(path)
        self._names[uuid] = path

    def oldest(self) -> tuple[str, bytes] | None:
        """The record that waits longest; a file that somebody took away is passed over."""
        while self._names:
            uuid, path = next(iter(self._names.items()))
            try:
                return uuid, path.read_bytes()
            except OSError as error:
                _log.warning("spooled record cannot be read", path=str(path), error=str(error))
                del self._names[uuid]
        return None

    def discard(self, uuid: str) -> None:
        """Delete a record's file."""
        path = self._names.pop(uuid, None)
        if path is not None:
            path.unlink(missing_ok=True)

    def __len__(self) -> int:
        return len(self._names)


class RecordPoster:
    """Delivers records in the background; `post` only takes them."""

    def __init__(
        self,
        url: str,
        clock: Clock,
        spawn: Spawn,
        *,
        tries: int = 2,
        delay: float = 1.0,
        resend_every: float = 5.0,
        spool: Path | None = None,
        limit: int = 100_000,
        timeout: float = 10.0,
    ) -> None:
        self.statistics = PostStatistics()
        self._url = url
        self._host = urlsplit(url).netloc.rpartition("@")[2]  # for the log, without the password it may carry
        self._clock = clock
        self._spawn = spawn
        self._tries, self._delay, self._resend_every = max(tries, 1), delay, resend_every
        self._spool: Spool = MemorySpool() if spool is None else DirectorySpool(spool)
        self.statistics.spooled = len(self._spool)
        self._limit = limit
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._fresh: deque[tuple[str, bytes]] = deque()
        self._arrived = asyncio.Event()
        self._changed = asyncio.Event()
        self._session: aiohttp.ClientSession | None = None
        self._under_way = 0

    def start(self) -> None:
        """Begin to deliver."""
        self._session = aiohttp.ClientSession(timeout=self._timeout)
        for number in range(WORKERS):
            self._spawn(self._deliver_fresh(), f"record poster {number}")
        self._spawn(self._resend(), "record resender")

    async def close(self) -> None:
        """Close the connections; what was not delivered stays in the spool directory, if there is one."""
        for uuid, record in self._fresh:
            self._keep(uuid, record)
        self._fresh.clear()
        if self._session is not None:
            await self._session.close()

    def post(self, uuid: str, record: bytes) -> None:
        """Take a record to deliver."""
        self._fresh.append((uuid, record))
        self._arrived.set()

    async def changed(self) -> None:
        """Until a record was accepted, spooled or dropped; for tests, under a timeout of theirs."""
        self._changed.clear()
        await self._changed.wait()

    async def drained(self) -> None:
        """Until every record was accepted (or dropped); for tests, under a timeout of theirs."""
        while self._fresh or self._under_way or len(self._spool):
            await self.changed()

    async def _deliver_fresh(self) -> None:
        while True:
            while not self._fresh:
                self._arrived.clear()
                await self._arrived.wait()
            uuid, record = self._fresh.popleft()
            self._under_way += 1
            delivered = False
            try:
                delivered = await self._try(uuid, record)
            finally:
                self._under_way -= 1
                if delivered:
                    self.statistics.posted += 1
                else:
                    self._keep(uuid, record)
                self._changed.set()

    async def _try(self, uuid: str, record: bytes) -> bool:
        for attempt in range(self._tries):
            if attempt:
                await sleep(self._clock, self._delay)
            if await self._post_once(uuid, record):
                return True
        return False

    async def _post_once(self, uuid: str, record: bytes) -> bool:
        assert self._session is not None
        headers = {"Content-Type": "application/json", "User-Agent": "freeswitch-json/1.0"}
        try:
            async with self._session.post(self._url, params={"uuid": uuid}, data=record, headers=headers) as response:
                await response.read()
                return 200 <= response.status < 300
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            _log.debug("record not posted", call_id=uuid, host=self._host, error=str(error))
            return False

    def _keep(self, uuid: str, record: bytes) -> None:
        try:
            self._spool.add(uuid, record)
        except OSError as error:
            self.statistics.dropped += 1
            _log.error("record dropped: it cannot be spooled", call_id=uuid, error=str(error))
        while len(self._spool) > self._limit:
            oldest = self._spool.oldest()
            if oldest is None:
                break
            self._spool.discard(oldest[0])
            self.statistics.dropped += 1
            _log.error("record dropped: the spool is full", call_id=oldest[0], limit=self._limit)
        self.statistics.spooled = len(self._spool)

    async def _resend(self) -> None:
        while True:
            await sleep(self._clock, self._resend_every)
            while (waiting := self._spool.oldest()) is not None:
                if not await self._post_once(*waiting):
                    break
                self._spool.discard(waiting[0])
                self.statistics.posted += 1
                self.statistics.spooled = len(self._spool)
                self._changed.set()
