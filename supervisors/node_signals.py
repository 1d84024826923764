"""The parent's signals, delivered through a pipe so that its poll sees them; held back around fork."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Collection, Iterator
from types import FrameType, TracebackType
from typing import Final

# SIGQUIT keeps its default (end at once, with a core); SIGCHLD is not needed: pidfds tell of children.
HANDLED: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR2)


class SignalPipe:
    """While entered, the handled signals arrive as numbers from `read`; `fileno` is readable when there are any.

    Entering also unblocks them: a reload blocks them before exec, and those that came meanwhile are then
    delivered.
    """

    def __init__(self) -> None:
        self._read_end, self._write_end = os.pipe()
        for fd in self.fds:
            os.set_blocking(fd, False)

    def __enter__(self) -> SignalPipe:
        signal.set_wakeup_fd(self._write_end, warn_on_full_buffer=False)
        for number in HANDLED:
            signal.signal(number, _noticed)
        # Were SIGCHLD ignored (an inherited setting), the kernel would discard how a child ended.
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # The handlers stay: the process is about to end, and a late signal is not to change its exit status.
        signal.set_wakeup_fd(-1)
        for fd in self.fds:
            os.close(fd)

    @property
    def fds(self) -> tuple[int, int]:
        """Both ends: what a forked child must close."""
        return self._read_end, self._write_end

    def fileno(self) -> int:
        """The end to poll."""
        return self._read_end

    def read(self) -> bytes:
        """The numbers of the signals that came since the last time, in order, one byte each."""
        try:
            numbers = os.read(self._read_end, 4096)
        except BlockingIOError:
            return b""
        return bytes(number for number in numbers if number in HANDLED)


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """No handled signal is delivered inside; a fork or an exec inside takes this over."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def back_to_default(*, blocked: Collection[int] = ()) -> None:
    """In a forked child: undo what the parent set, as if the program had been started by itself.

    Those `blocked` are kept for whoever unblocks them.
    """
    signal.set_wakeup_fd(-1)
    for number in HANDLED:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [number for number in HANDLED if number not in blocked])


def has_terminal() -> bool:
    """Whether SIGHUP can mean that the terminal was closed."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _noticed(number: int, frame: FrameType | None) -> None:
    """The wakeup pipe has the number already; this only keeps the default action from being taken."""
