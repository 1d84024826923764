"""Exit reasons: why a process ended. Any value may be one; four shapes matter (OTP, "Exit reasons").

`"normal"`, `"shutdown"` and `Shutdown(detail)` are quiet: the process did what it was asked. Everything else is a
crash: it is reported, kept as a dossier, and restarts a transient child. Strings stand for Erlang's atoms.
"""

from __future__ import annotations

import linecache
from types import TracebackType
from typing import Final

from mirliton.runtime.errors import CallError, Exit
from mirliton.runtime.messages import message

NORMAL: Final = "normal"
SHUTDOWN: Final = "shutdown"
KILL: Final = "kill"
KILLED: Final = "killed"
NOPROC: Final = "noproc"
NOCONNECTION: Final = "noconnection"

_MAX_FRAMES = 64


@message("otp.shutdown")
class Shutdown:
    """A planned stop with an explanation: Erlang's {shutdown, Term}."""

    detail: object


@message("otp.crash")
class Crash:
    """An exception that nobody caught: Erlang's {Error, Stack}.

    `frames` are (file, line, function), innermost last. They cost a microsecond to note; the text of the traceback is
    made when someone looks (`traceback()`), since formatting one costs as much as ten restarts.
    """

    kind: str
    text: str
    frames: tuple[tuple[str, int, str], ...] = ()

    def traceback(self, longest: int = 10_000) -> str:
        """The traceback as text, with at most `longest` characters of the error's own."""
        lines = [f"{self.kind}: {self.text[:longest]}"]
        for file, line, function in self.frames:
            lines.append(f'  File "{file}", line {line}, in {function}')
            source = linecache.getline(file, line).strip()
            if source:
                lines.append(f"    {source}")
        return "\n".join(lines)

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}"


def is_quiet(reason: object) -> bool:
    """Whether ending with this reason is no crash."""
    return reason == NORMAL or reason == SHUTDOWN or type(reason) is Shutdown


def kind_of(reason: object) -> str:
    """Which of four: "normal", "shutdown", "killed" or "crash"."""
    if reason == NORMAL or reason == KILLED:
        return str(reason)
    return SHUTDOWN if is_quiet(reason) else "crash"


def reason_of(error: BaseException) -> object:
    """The exit reason of a process in which `error` was raised and not caught.

    The exception itself is not kept: its traceback holds every local variable of the dead process alive.
    """
    if isinstance(error, Exit):
        return error.reason
    reason = _crash(error)
    error.__traceback__ = None
    return reason


def _crash(error: BaseException) -> Crash:
    kind = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    if isinstance(error, CallError):
        kind = type(error).__qualname__
    return Crash(kind, str(error), _frames(error.__traceback__))


def _frames(traceback: TracebackType | None) -> tuple[tuple[str, int, str], ...]:
    frames = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        frames.append((code.co_filename, traceback.tb_lineno, code.co_name))
        traceback = traceback.tb_next
    return tuple(frames[-_MAX_FRAMES:])
