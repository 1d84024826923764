"""The threads that read, each on its own connection: they see the last commit and wait for no writer."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from mirliton.actors.store.errors import StoreClosed, StoreTimeout
from mirliton.actors.store.sqlite_file import FileOptions, connect, translate, translated
from mirliton.actors.store.work import Done, Job, Worker, WorkQueue, hand_back

_MOST_AT_ONCE = 16
_LOOK_AT_CLOCK = 50_000
"""Steps of SQLite's machine between two looks at the clock; some milliseconds."""


@dataclass(slots=True)
class ReaderCounts:
    """What the readers have done since they were opened."""

    jobs: int = 0
    failures: int = 0


class Reader(Worker[sqlite3.Connection]):
    """One of the threads that read. A read that runs past its deadline is broken off."""

    def __init__(
        self,
        number: int,
        queue: WorkQueue[sqlite3.Connection],
        options: FileOptions,
        counts: ReaderCounts,
        *,
        sharers: int,
    ) -> None:
        super().__init__(f"store-reader-{number}", options.path, queue)
        self._options = options
        self._counts = counts
        self._sharers = sharers
        self._deadline = 0.0
        self._broken_off = False

    def serve(self, ready: Callable[[], None]) -> None:
        """Open the file and read until the queue is closed and empty."""
        connection = connect(self._options)
        try:
            with translated(self.path):
                connection.execute("PRAGMA query_only = ON")
                connection.set_progress_handler(self._overdue, _LOOK_AT_CLOCK)
            ready()
            while jobs := self.queue.take(_MOST_AT_ONCE, sharers=self._sharers):
                done = [self._do(connection, job) for job in jobs if job.claim()]
                self._counts.jobs += len(done)
                self._counts.failures += sum(error is not None for _, _, error in done)
                hand_back(done)
        finally:
            connection.close()

    def interrupt(self) -> None:
        """Break off the read under way and those after it."""
        self._broken_off = True

    def _do(self, connection: sqlite3.Connection, job: Job[sqlite3.Connection]) -> Done:
        self._deadline = job.deadline
        try:
            return job, job.work(connection), None
        except sqlite3.Error as error:
            return job, None, self._told(error, job)
        except Exception as error:  # noqa: BLE001 - it goes to the job's caller
            return job, None, error
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    def _told(self, error: sqlite3.Error, job: Job[sqlite3.Connection]) -> Exception:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:
            if self._broken_off:
                return StoreClosed(self.path)
            return StoreTimeout(self.path, job.operation, job.timeout, "not done")
        return translate(error, self.path)

    def _overdue(self) -> int:
        return self._broken_off or time.monotonic() > self._deadline


@contextmanager
def snapshot(connection: sqlite3.Connection) -> Iterator[None]:
    """Everything read inside is from one moment."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        if connection.in_transaction:
            connection.execute("COMMIT")
