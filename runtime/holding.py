"""Who holds an event loop, and whether an exception may be raised where it stands.

These are looks from outside at code that runs: from the watchdog's thread (reading a few attributes, and the frames of
the other thread) and from its signal handler (in the thread itself, between two instructions).
"""

from __future__ import annotations

import asyncio
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

from mirliton.runtime.waits import Io

if TYPE_CHECKING:
    from mirliton.runtime.cell import Cell
    from mirliton.runtime.scheduler import Scheduler

MAX_FRAMES: Final = 64

_SHARED: Final = frozenset({"asyncio", "concurrent", "importlib", "logging", "queue", "selectors", "structlog"})
"""Libraries whose state all processes share: none may be interrupted half-way. `threading` holds their locks."""
_LOCKS: Final = frozenset({"threading", "_weakrefset", "weakref", "_bootstrap", "_bootstrap_external"})


_CATCHERS: Final = frozenset(
    {
        ("mirliton.runtime.handler_turn", "handle_mail"),
        ("mirliton.runtime.handler_turn", "begin"),
        ("mirliton.runtime.script_turn", "run_script"),
        ("mirliton.runtime.tasks", "_drive"),
        ("mirliton.runtime.waits", "_run"),
    }
)
"""Where the runtime makes an exit reason of what a process raises."""


class Holder:
    """What runs on a loop now. Two looks that give equal holders, with the loop not turned meanwhile, saw one handler.

    `cell` is None when no process could be named: a foreign callback, or a Task that belongs to none.
    """

    __slots__ = ("cell", "handled", "message", "task", "turns")

    def __init__(self, scheduler: Scheduler) -> None:
        cell = scheduler.current
        self.turns = scheduler.turns
        self.task: asyncio.Task[Any] | None = None
        if cell is None:
            self.task = asyncio.current_task(scheduler.loop)
        self.cell = cell
        self.handled = cell.handled if cell is not None else 0
        self.message = ""

    def is_same(self, other: Holder) -> bool:
        return (
            self.turns == other.turns
            and self.task is other.task
            and (self.cell is other.cell or self.task is not None)
            and self.handled == other.handled
        )

    def name(self, scheduler: Scheduler) -> None:
        """Find out whose Task it is, and what is being handled: too much work for every look."""
        if self.cell is None and self.task is not None:
            self.cell = _owner(scheduler, self.task)
        last = self.cell.last if self.cell is not None else None
        if last is not None:
            message = last[0]
            self.message = type(getattr(message, "request", message)).__qualname__

    @property
    def kind(self) -> str:
        """The class of the process, or what else it is."""
        if self.cell is not None:
            return self.cell.kind
        return "(task)" if self.task is not None else "(callback)"


def _owner(scheduler: Scheduler, task: asyncio.Task[Any]) -> Cell | None:
    """The process whose handler, `io` or `background` this Task runs."""
    for cell in scheduler.node.processes():
        if cell.task is task or (cell.beside is not None and task in cell.beside):
            return cell
        wait = cell.wait
        if type(wait) is Io and wait.task is task:
            return cell
    return None


def stack(frame: FrameType | None) -> tuple[tuple[str, int, str], ...]:
    """(file, line, function) of what a handler is doing, innermost last, without the way that led to it."""
    frames: list[tuple[str, int, str, bool]] = []
    while frame is not None and not _is_loop(frame):
        code = frame.f_code
        frames.append((code.co_filename, frame.f_lineno, code.co_name, _is_shared(frame)))
        frame = frame.f_back
    while len(frames) > 1 and frames[-1][3]:
        frames.pop()
    return tuple(entry[:3] for entry in reversed(frames[:MAX_FRAMES]))


def may_raise(frame: FrameType | None) -> bool:
    """Whether an exception that comes up in `frame` ends the handler and nothing else.

    The innermost code must be the handler's own, and the runtime must have called it to handle a message: in the
    middle of a `send` or of another process's death, say, the tables of the node are half changed, and a caller that
    holds a lock of `logging` must give it back first. The loop may be left at almost any of the handler's instructions,
    so whoever finds it in such a place tries again a moment later.
    """
    if frame is None or _is_shared(frame):
        return False
    while frame is not None and not _is_shared(frame):
        frame = frame.f_back
    while frame is not None and not _is_loop(frame) and not _catches(frame):
        if not _is_shared(frame):
            return False
        frame = frame.f_back
    return frame is not None


def _catches(frame: FrameType) -> bool:
    """Whether what comes up in the frame's callees ends one process. A start can be nested in another's handler."""
    return (frame.f_globals.get("__name__", ""), frame.f_code.co_name) in _CATCHERS


def _is_shared(frame: FrameType) -> bool:
    module = frame.f_globals.get("__name__", "")
    if not isinstance(module, str):
        return False
    package = module.partition(".")[0]
    return module.startswith("mirliton.runtime.") or package in _SHARED or module.rpartition(".")[2] in _LOCKS


def _is_loop(frame: FrameType) -> bool:
    return frame.f_code.co_name in ("_run", "_run_once") and frame.f_globals.get("__name__", "").startswith("asyncio.")
