"""What a GenServer does, event by event: the log and the statistics of `sys` (OTP: sys, debug options).

    await node.sys.start_log(pid, keep=4)
    await node.call(pid, Get())
    await node.sys.get_log(pid)         # [("in", Call(…, Get())), ("out", 7, <pid of the caller>)]

While it is on, the server's callbacks go through a `Watched` that stands in their place on the instance; a server that
nobody watches pays nothing. A restart ends it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Final

from mirliton.runtime.messages import message
from mirliton.runtime.protocol import Call, Cast

if TYPE_CHECKING:
    from mirliton.runtime.cell import Cell

LOGGED: Final = 10
"""Events that a log keeps where nothing else is said."""

Event = tuple[Any, ...]


@message("sys.statistics")
class Statistics:
    """What a watched server has done since `started`; both times are seconds since 1970.

    `messages_in` counts calls, casts and messages, `messages_out` the answers that callbacks gave.
    """

    started: float
    now: float
    messages_in: int
    messages_out: int


class Debug:
    """What is kept of one server's events."""

    def __init__(self) -> None:
        self.log: deque[Event] | None = None
        self.since: float | None = None
        """When the statistics began."""
        self.messages_in = 0
        self.messages_out = 0

    def note(self, event: Event) -> None:
        if self.log is not None:
            self.log.append(event)
        if self.since is not None:
            self.messages_in += event[0] == "in"
            self.messages_out += event[0] == "out"


class Watched:
    """Stands for one callback of a server: notes what goes in and what comes out of it."""

    __slots__ = ("callback", "cell", "debug")

    def __init__(self, cell: Cell, callback: str, debug: Debug) -> None:
        self.cell = cell
        self.callback = callback
        self.debug = debug

    def __call__(self, request: Any, sender: Any = None) -> Any:
        self.debug.note(("in", _WRAPPED[self.callback](request, sender)))
        # By way of the cell: a dead server must not be held by its own callbacks.
        actor = self.cell.actor
        callback = getattr(type(actor), self.callback)
        result = callback(actor, request) if sender is None else callback(actor, request, sender)
        return self._later(result, sender) if type(result) is CoroutineType else self._came(result, sender)

    async def _later(self, result: Coroutine[Any, Any, Any], sender: Any) -> Any:
        return self._came(await result, sender)

    def _came(self, result: Any, sender: Any) -> Any:
        if hasattr(result, "value") and sender is not None:
            self.debug.note(("out", result.value, sender.pid))
        elif result is None or hasattr(result, "then"):
            self.debug.note(("noreply",))
        return result


_WRAPPED: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "handle_call": lambda request, sender: Call(sender, request),
    "handle_cast": lambda request, _: Cast(request),
    "handle_info": lambda message, _: message,
}


def start_log(cell: Cell, keep: int) -> None:
    """Keep the last `keep` events from now on."""
    debug = _watch(cell)
    debug.log = deque(debug.log or (), maxlen=keep)


def get_log(cell: Cell, _: Any) -> list[Event]:
    """The events kept, oldest first; none when there is no log."""
    debug = _debug_of(cell)
    return list(debug.log or ()) if debug is not None else []


def stop_log(cell: Cell, _: Any) -> None:
    """Keep none."""
    debug = _debug_of(cell)
    if debug is not None:
        debug.log = None
        _unwatch(cell, debug)


def start_statistics(cell: Cell, _: Any) -> None:
    """Count from now on."""
    debug = _watch(cell)
    debug.since = cell.node.clock.time()
    debug.messages_in = debug.messages_out = 0


def get_statistics(cell: Cell, _: Any) -> Statistics | None:
    """The counts; None when nothing is counted."""
    debug = _debug_of(cell)
    if debug is None or debug.since is None:
        return None
    return Statistics(debug.since, cell.node.clock.time(), debug.messages_in, debug.messages_out)


def stop_statistics(cell: Cell, _: Any) -> None:
    """Count no more."""
    debug = _debug_of(cell)
    if debug is not None:
        debug.since = None
        _unwatch(cell, debug)


def _debug_of(cell: Cell) -> Debug | None:
    standing = vars(cell.actor).get("handle_call")
    return standing.debug if type(standing) is Watched else None


def _watch(cell: Cell) -> Debug:
    debug = _debug_of(cell)
    if debug is None:
        if not all(hasattr(cell.actor, callback) for callback in _WRAPPED):
            raise TypeError(f"{cell.kind} is no GenServer: it has no callbacks that could be watched")
        debug = Debug()
        for callback in _WRAPPED:
            setattr(cell.actor, callback, Watched(cell, callback, debug))
    return debug


def _unwatch(cell: Cell, debug: Debug) -> None:
    if debug.log is None and debug.since is None:
        for callback in _WRAPPED:
            delattr(cell.actor, callback)
