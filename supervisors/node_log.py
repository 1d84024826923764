"""The node supervisor's log: one event, one line (logfmt) on stderr, written whole; never a reason to die."""

from __future__ import annotations

import os
from typing import Final

import structlog
from structlog.typing import FilteringBoundLogger

_STDERR: Final = 2
_ORDER: Final = ["timestamp", "level", "event", "node", "os_pid"]


def write_stderr(text: str) -> bool:
    """With one system call, so that texts of several processes do not mix; False when it could not be written.

    A stderr whose terminal or reader is gone must not end the parent, for every node would die with it.
    """
    return _written(_STDERR, text)


def _written(fd: int, text: str) -> bool:
    try:
        os.write(fd, text.encode(errors="backslashreplace"))
    except OSError:
        return False
    return True


class Lines:
    """A structlog logger that writes to a file descriptor, and whom a full disk costs lines and nothing else.

    It counts the lines that could not be written, and says so with the next that can.
    """

    def __init__(self, fd: int = _STDERR) -> None:
        self._fd = fd
        self._lost = 0

    def msg(self, line: str) -> None:
        """Write one line."""
        notice = f" lost_lines={self._lost}" if self._lost else ""
        self._lost = 0 if _written(self._fd, f"{line}{notice}\n") else self._lost + 1

    # structlog calls a logger by the name of the level.
    debug = info = warning = error = critical = exception = msg


def stderr_log(level: str = "info") -> FilteringBoundLogger:
    """A logger that is independent of how the application configures its own."""
    logger: FilteringBoundLogger = structlog.wrap_logger(
        Lines(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.LogfmtRenderer(key_order=_ORDER, drop_missing=True),
        ],
    )
    return logger
