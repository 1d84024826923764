"""What was spoken, in files of one folder: by what was said and in which voice, and no more bytes than a bound.

A restart finds them again. What has not been wanted for longest makes room. Who reads a file that is taken away
meanwhile reads it to its end.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SUFFIX = ".wav"


class Spoken:
    """The files in `folder`, at most `most` bytes together (but for the newest, whatever its size)."""

    def __init__(self, folder: Path, most: int) -> None:
        self._folder = folder
        self._most = most

    def key(self, *of: str) -> str:
        """The key of what is said by these."""
        return hashlib.sha256("\0".join(of).encode()).hexdigest()

    def has(self, key: str) -> bool:
        """Whether it is there; it is wanted now."""
        try:
            os.utime(self._folder / f"{key}{SUFFIX}")
        except FileNotFoundError:
            return False
        return True

    @contextmanager
    def new(self, key: str) -> Iterator[Path]:
        """A file to write, which is there under its key when the block has ended well. Raises OSError."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        partial = self._folder / f"{key}.{secrets.token_hex(8)}.partial"
        try:
            yield partial
            partial.rename(self._folder / f"{key}{SUFFIX}")
        finally:
            partial.unlink(missing_ok=True)

    def tidy(self) -> None:
        """Take the oldest away until the rest fits. Raises OSError."""
        files = []
        for entry in os.scandir(self._folder):
            try:
                told = entry.stat()
            except FileNotFoundError:
                continue
            files.append((told.st_mtime_ns, told.st_size, Path(entry.path)))
        files.sort(reverse=True)
        kept = 0
        for number, (_, size, path) in enumerate(files):
            kept += size
            if number and kept > self._most and path.suffix == SUFFIX:
                path.unlink(missing_ok=True)
