"""The thread that writes: one transaction for everything that waits, one wait for the disk, then all answers at once.

While the disk is busy with one group the next one gathers, so the more callers there are the more share a wait (group
commit). A job that fails is undone alone; the others of its group stand. Nothing is answered before its transaction
is on the disk.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import structlog

from mirliton.actors.store import sqlite_changes
from mirliton.actors.store.errors import StoreClosed, StoreError
from mirliton.actors.store.sqlite_file import FileOptions, check, connect, create, translate, translated
from mirliton.actors.store.sqlite_session import Maps, Session
from mirliton.actors.store.sqlite_turn import Turn
from mirliton.actors.store.work import Done, Job, Worker, WorkQueue, hand_back

log = structlog.get_logger()


@dataclass(slots=True)
class WriterCounts:
    """What the writer has done since it was opened."""

    jobs: int = 0
    groups: int = 0
    largest_group: int = 0
    failures: int = 0
    """Jobs that ended in an error, conflicts included."""


class Writer(Worker[Session]):
    """The only thread of this process that changes the file."""

    def __init__(
        self,
        queue: WorkQueue[Session],
        options: FileOptions,
        maps: Maps,
        *,
        group: int,
        group_bytes: int,
    ) -> None:
        super().__init__("store-writer", options.path, queue)
        self.counts = WriterCounts()
        self._options = options
        self._maps = maps
        self._group = group
        self._group_bytes = group_bytes
        self._connection: sqlite3.Connection | None = None

    def serve(self, ready: Callable[[], None]) -> None:
        """Open the file, making it if there is none, and write until the queue is closed and empty."""
        created = create(self._options.path)
        turn = Turn(self._options)
        try:
            connection = self._open(turn)
            try:
                log.info("store opened", path=self.path, created=created)
                ready()
                self._write(connection, turn)
            finally:
                self._connection = None
                with translated(self.path):
                    connection.close()
        finally:
            turn.close()

    def interrupt(self) -> None:
        """Break off the transaction under way, if there is one; its callers are told, and nothing of it stays."""
        connection = self._connection
        if connection is not None:
            with suppress(sqlite3.ProgrammingError):  # it has just been closed, which is as good
                connection.interrupt()

    def _open(self, turn: Turn) -> sqlite3.Connection:
        placed = turn.take_place()  # of processes that open at once, one makes the tables
        try:
            connection = connect(self._options)
        finally:
            if placed:
                turn.leave_place()
        try:
            check(connection, self._options)
            connection.execute("PRAGMA busy_timeout = 0")  # see Turn
            turn.begin(connection)
            # An empty transaction writes nothing; this one shows at once, not at the first call, what cannot be
            # written.
            connection.execute("UPDATE meta SET value = value WHERE name = 'epoch'")
            sqlite_changes.install(connection)
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            connection.close()
            raise translate(error, self.path) from error
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return connection

    def _write(self, connection: sqlite3.Connection, turn: Turn) -> None:
        session = Session(connection, self._maps)
        while jobs := self.queue.take(self._group, weight=self._group_bytes):
            done = self._transaction(session, turn, jobs)
            self.counts.groups += 1
            self.counts.jobs += len(done)
            self.counts.largest_group = max(self.counts.largest_group, len(done))
            self.counts.failures += sum(error is not None for _, _, error in done)
            hand_back(done)

    def _transaction(self, session: Session, turn: Turn, jobs: list[Job[Session]]) -> list[Done]:
        try:
            turn.begin(session.connection)
        except StoreError as error:
            return [(job, None, error) for job in jobs if job.claim()]
        done: list[Done] = []
        try:
            session.begin()
            for job in jobs:
                # Only now: a job given up while we waited for other processes is certain not to happen.
                if job.claim():
                    done.append(self._do(session, job))
            session.finish()
            session.connection.execute("COMMIT")
        except BaseException as error:  # noqa: BLE001 - whatever it is, the group's callers are told
            return self._undone(session, done, jobs, error)
        return done

    def _do(self, session: Session, job: Job[Session]) -> Done:
        """Do one job so that its failure leaves the others' work alone."""
        session.execute("SAVEPOINT job")
        try:
            value = job.work(session)
        except Exception as error:
            if not session.connection.in_transaction:
                raise  # SQLite has undone the whole group (disk full, disk failure, interrupt)
            session.execute("ROLLBACK TO job")
            session.execute("RELEASE job")
            session.job_done(kept=False)
            return job, None, self._told(error)
        session.execute("RELEASE job")
        session.job_done(kept=True)
        return job, value, None

    def _undone(self, session: Session, done: list[Done], jobs: list[Job[Session]], error: BaseException) -> list[Done]:
        """The transaction is lost: whoever had succeeded in it has not."""
        session.forget()
        if session.connection.in_transaction:
            session.execute("ROLLBACK")
        told = self._told(error)
        log.error("store transaction undone", path=self.path, jobs=len(jobs), reason=str(told))
        failed = {job for job, _, problem in done if problem is not None}
        return [one for one in done if one[0] in failed] + [(job, None, told) for job in jobs if job not in failed]

    def _told(self, error: BaseException) -> BaseException:
        if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
            return StoreClosed(self.path)
        return translate(error, self.path) if isinstance(error, sqlite3.Error) else error
