"""Whose turn it is to write, among the processes of a host.

SQLite lets one process write at a time; the others poll with growing pauses, so one that commits without a break
can shut them out for seconds. Here a writer first takes the place at the head of the line (an advisory lock on a file
beside the store), tries for SQLite's lock from there, and leaves the head as soon as it has it: whoever has just
written finds the head taken by one who waits. Correctness never depends on it: SQLite's lock is what protects the
file, and a head that does not come free in time (its holder is stopped, say) is passed over.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from pathlib import Path

from mirliton.actors.store.errors import StoreUnavailable
from mirliton.actors.store.sqlite_file import FileOptions, translate

_FIRST_PAUSE, _LONGEST_PAUSE = 0.0002, 0.002


class Turn:
    """This process's place in the line for one file. Used by one thread.

    The connections given to it do not wait for locks themselves (`busy_timeout` 0): SQLite's pauses grow to 100 ms.
    """

    def __init__(self, options: FileOptions) -> None:
        self._path = options.path
        self._patience = options.lock_timeout
        line = f"{options.path}-turn"
        try:
            self._line = os.open(line, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreUnavailable(options.path, f"{line} beside it cannot be opened: {error.strerror}") from error
        self._file = self._identity()

    def begin(self, connection: sqlite3.Connection) -> None:
        """Begin a write transaction. Raises StoreUnavailable when others hold the file for too long."""
        deadline = time.monotonic() + self._patience
        with_place = self.take_place()
        try:
            pause = _FIRST_PAUSE
            while not self._try(connection):
                if time.monotonic() >= deadline:
                    raise StoreUnavailable(self._path, f"another process has held its lock for {self._patience:g} s")
                time.sleep(pause)
                pause = min(pause * 1.5, _LONGEST_PAUSE)
        finally:
            if with_place:
                self.leave_place()
        try:
            self._same_file()
        except StoreUnavailable:
            connection.execute("ROLLBACK")
            raise

    def _try(self, connection: sqlite3.Connection) -> bool:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_BUSY:
                raise translate(error, self._path) from error
            return False
        return True

    def take_place(self) -> bool:
        """Go to the head of the line; False when it did not come free in half our patience."""
        deadline = time.monotonic() + self._patience / 2
        pause = _FIRST_PAUSE
        while True:
            try:
                fcntl.flock(self._line, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    return False
                time.sleep(pause)
                pause = min(pause * 1.5, _LONGEST_PAUSE)
            else:
                return True

    def leave_place(self) -> None:
        """Let the next one to the head of the line."""
        fcntl.flock(self._line, fcntl.LOCK_UN)

    def _same_file(self) -> None:
        """A store whose file was removed or replaced goes on writing to a file that nobody will find again."""
        if self._identity() != self._file:
            raise StoreUnavailable(self._path, "its file was replaced while it was open")

    def _identity(self) -> tuple[int, int]:
        try:
            now = Path(self._path).stat()
        except OSError as error:
            raise StoreUnavailable(self._path, f"its file is gone: {error.strerror}") from error
        return now.st_dev, now.st_ino

    def close(self) -> None:
        """Give up the place in the line."""
        os.close(self._line)
