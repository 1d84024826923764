"""The threads of an open SQLite store, and how calls are handed to them."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from mirliton.actors.store.errors import StoreTimeout
from mirliton.actors.store.sqlite_file import FileOptions
from mirliton.actors.store.sqlite_readers import Reader, ReaderCounts
from mirliton.actors.store.sqlite_session import Maps, Session
from mirliton.actors.store.sqlite_writer import Writer
from mirliton.actors.store.views import View
from mirliton.actors.store.work import Job, WorkQueue, run

_GRACE = 1.0
"""Seconds that a broken-off thread gets to end."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """How the embedded store works. Durations in seconds."""

    timeout: float = 10.0
    """Deadline of every call."""
    build_timeout: float = 600.0
    """Deadline for building one view's index in `refresh`; a view that is asked has `timeout`, and is built on."""
    lock_timeout: float = 5.0
    """How long to wait for other processes that write."""
    readers: int = 2
    """Reading threads; more help only where reads wait for the disk."""
    queue: int = 4096
    """Calls that may wait, for the writer and for the readers."""
    queue_bytes: int = 256 * 1024 * 1024
    """Bytes that may wait to be written."""
    group: int = 256
    """Writes in one transaction at most."""
    group_bytes: int = 8 * 1024 * 1024
    """Bytes in one transaction, about."""
    max_bytes: int | None = None
    """A quota for the file."""
    check_up_to: int = 64 * 1024 * 1024
    """Files up to this size are checked whole when opened."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """What the store has done since it was opened, and what waits."""

    waiting_writes: int = 0
    waiting_reads: int = 0
    writes: int = 0
    """Write calls answered; a bulk call counts once."""
    failed_writes: int = 0
    """Of these, answered with an error, conflicts included."""
    groups: int = 0
    """Transactions, and so waits for the disk."""
    largest_group: int = 0
    reads: int = 0
    failed_reads: int = 0


class Threads:
    """One writer and some readers on one file, from `start` to `stop`. Not used again after that."""

    def __init__(self, path: str, views: Iterable[View], tuning: Tuning) -> None:
        self._path = path
        self._tuning = tuning
        options = FileOptions(path, tuning.lock_timeout, tuning.max_bytes, tuning.check_up_to)
        bounds = {"jobs": tuning.queue, "weight": tuning.queue_bytes}
        self._writes: WorkQueue[Session] = WorkQueue(path, "write", **bounds)
        self._reads: WorkQueue[sqlite3.Connection] = WorkQueue(path, "read", **bounds)
        self._writer = Writer(self._writes, options, Maps(views), group=tuning.group, group_bytes=tuning.group_bytes)
        self._counts = ReaderCounts()
        self._readers = [
            Reader(number, self._reads, options, self._counts, sharers=tuning.readers)
            for number in range(tuning.readers)
        ]
        self._workers: list[Writer | Reader] = [self._writer, *self._readers]

    async def start(self) -> None:
        """Open the file, first for writing. Raises StoreUnavailable or StoreDamaged, and leaves no thread then."""
        try:
            for worker in self._workers:
                worker.start()
                done, _ = await asyncio.wait([worker.ready], timeout=self._tuning.timeout)
                if not done:
                    raise StoreTimeout(self._path, "open", self._tuning.timeout, "unknown")
                worker.ready.result()
        except BaseException:
            self._reads.close()
            self._writes.close()
            await self._ended([worker for worker in self._workers if worker.is_alive()], _GRACE)
            raise

    async def stop(self, timeout: float) -> None:
        """Finish what waits within `timeout` seconds; break off the rest. Raises StoreTimeout if a thread hangs.

        The writer's connection is the last to be closed: when several close at once, SQLite may leave its log behind.
        """
        deadline = time.monotonic() + timeout
        finished = True
        for queue, workers in ((self._reads, self._readers), (self._writes, [self._writer])):
            queue.close()
            if await self._ended(workers, deadline - time.monotonic()):
                continue
            queue.abandon()
            for worker in workers:
                worker.interrupt()
            finished = await self._ended(workers, _GRACE) and finished
        if not finished:
            raise StoreTimeout(self._path, "close", timeout, "unknown")

    async def _ended(self, workers: Sequence[Writer | Reader], timeout: float) -> bool:
        """Whether these threads have ended by then."""
        if not workers:
            return True
        _, running = await asyncio.wait([worker.ended for worker in workers], timeout=max(0.0, timeout))
        return not running

    async def read(self, operation: str, work: Callable[[sqlite3.Connection], Any]) -> Any:
        """Do this on a reader; its deadline is the store's."""
        return await run(self._reads, Job(operation, work, path=self._path, timeout=self._tuning.timeout))

    async def write(
        self, operation: str, work: Callable[[Session], Any], weight: int = 0, timeout: float | None = None
    ) -> Any:
        """Do this on the writer; `weight` is about how many bytes it holds."""
        deadline = self._tuning.timeout if timeout is None else timeout
        return await run(self._writes, Job(operation, work, path=self._path, timeout=deadline, weight=weight))

    def statistics(self) -> Statistics:
        """Counts since the start."""
        writes = self._writer.counts
        return Statistics(
            waiting_writes=len(self._writes),
            waiting_reads=len(self._reads),
            writes=writes.jobs,
            failed_writes=writes.failures,
            groups=writes.groups,
            largest_group=writes.largest_group,
            reads=self._counts.jobs,
            failed_reads=self._counts.failures,
        )
