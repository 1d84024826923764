"""A parent of programs in a process of its own, seen as an operator sees it: its log, its output, its exit status."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

PATIENCE = 30.0
_FIELD = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|\S*)')


class Supervised:
    """A running parent. Every wait ends after PATIENCE seconds with what was seen until then."""

    def __init__(self, command: Sequence[str], *, stdin: int = subprocess.DEVNULL, **options: Any) -> None:
        self.process = subprocess.Popen(
            command,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            **options,
        )
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self._streams = {self.process.stdout.fileno(): "out", self.process.stderr.fileno(): "log"}
        self._partial = {"out": b"", "log": b""}
        self._unread: dict[str, list[str]] = {"out": [], "log": []}
        self.seen: list[str] = []

    @property
    def pid(self) -> int:
        return self.process.pid

    def event(self, event: str, **facts: str) -> dict[str, str]:
        """The next log line of that event and those facts; lines before it are passed over."""
        wanted = {"event": event, **facts}
        return self._next("log", lambda line: _matching(line, wanted), f"a log line with {wanted}")

    def line(self, start: str, *, stream: str = "out") -> str:
        """The next line that starts so: of the programs' output, or of stderr (`stream` "log")."""
        return self._next(stream, lambda line: line if line.startswith(start) else None, f"a line {start!r}")

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def exit_status(self) -> int:
        """Wait for the end, reading what is said until then."""
        deadline = time.monotonic() + PATIENCE
        while self._streams and self._read(deadline):
            pass
        return self.process.wait(max(0.1, deadline - time.monotonic()))

    def read_for(self, seconds: float) -> None:
        """Take what is said within so long."""
        deadline = time.monotonic() + seconds
        while self._read(deadline):
            pass

    def stop_reading_the_log(self) -> None:
        """Close this end of its stderr."""
        assert self.process.stderr is not None
        del self._streams[self.process.stderr.fileno()]
        self.process.stderr.close()

    def log_has(self, event: str, **facts: str) -> bool:
        """Among all that was seen so far."""
        return any(_matching(line, {"event": event, **facts}) for line in self.seen)

    def _next(self, stream: str, look: Callable[[str], Any], what: str) -> Any:
        deadline = time.monotonic() + PATIENCE
        while True:
            lines = self._unread[stream]
            while lines:
                found = look(lines.pop(0))
                if found is not None:
                    return found
            if not self._read(deadline):
                raise AssertionError(f"no {what} within {PATIENCE} s; seen:\n" + "\n".join(self.seen))

    def _read(self, deadline: float) -> bool:
        """False when the time is over or nothing more can come."""
        ready, _, _ = select.select(list(self._streams), [], [], max(0.0, deadline - time.monotonic()))
        for fd in ready:
            stream = self._streams[fd]
            data = os.read(fd, 65536)
            if not data:
                del self._streams[fd]
            *lines, self._partial[stream] = (self._partial[stream] + data).split(b"\n")
            for line in lines:
                text = line.decode()
                self._unread[stream].append(text)
                self.seen.append(text)
        return bool(ready)

    def close(self) -> None:
        for pid in [*children_of(self.pid), self.pid] if self.process.poll() is None else []:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(PATIENCE)
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.process.stdout.close()
        self.process.stderr.close()


def _matching(line: str, wanted: dict[str, str]) -> dict[str, str] | None:
    facts = {name: value.strip('"') for name, value in _FIELD.findall(line)}
    return facts if all(facts.get(name) == value for name, value in wanted.items()) else None


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@contextlib.contextmanager
def watching_end(pid: int) -> Iterator[Callable[[], bool]]:
    """`with watching_end(pid) as ended:` then `ended()` waits until that very process has ended."""
    pidfd = os.pidfd_open(pid)
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    try:
        yield lambda: bool(poll.poll(PATIENCE * 1000))
    finally:
        os.close(pidfd)
