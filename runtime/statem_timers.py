"""The timeouts of one state machine: at most one for a change of state, one for silence, and one for each name.

A timeout whose time is 0 uses no clock: it waits in `due_now` until the machine has no queued event left.
A timeout that has run out stands in the mailbox like any message; when it was cancelled or replaced meanwhile it is
found to be stale there and dropped.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from mirliton.runtime.protocol import Proceed
from mirliton.runtime.statem import EventTimedOut, EventTimeout, StateTimedOut, StateTimeout, TimedOut, Timeout
from mirliton.runtime.timers import TimerRef

if TYPE_CHECKING:
    from mirliton.runtime.cell import Cell

EVENT: Final = ("event",)
STATE: Final = ("state",)
Key = tuple[Any, ...]
"""EVENT, STATE or ("named", name)."""

Setting = EventTimeout | StateTimeout | Timeout
SETTINGS: Final = (EventTimeout, StateTimeout, Timeout)

_WORDS: Final = ("infinity", "cancel", "update")


def is_valid(setting: Setting) -> bool:
    """Whether its time is one that can be waited for."""
    after = setting.after
    if isinstance(after, str):
        return after in _WORDS
    return type(after) in (int, float) and (after >= 0 or setting.absolute)


def key_of(setting: Setting) -> Key:
    if isinstance(setting, Timeout):
        return "named", setting.name
    return EVENT if isinstance(setting, EventTimeout) else STATE


class Countdown:
    """One timeout that runs. `timer` is None when its time is 0."""

    __slots__ = ("content", "key", "timer")

    def __init__(self, key: Key, content: Any) -> None:
        self.key = key
        self.content = content
        self.timer: TimerRef | None = None

    @property
    def event(self) -> EventTimedOut | StateTimedOut | TimedOut:
        """What the machine is told."""
        if self.key == EVENT:
            return EventTimedOut(self.content)
        return StateTimedOut(self.content) if self.key == STATE else TimedOut(self.key[1], self.content)


class StatemTimers:
    """The timeouts of one machine."""

    __slots__ = ("_cell", "_running", "due_now")

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self._running: dict[Key, Countdown] = {}
        self.due_now: list[Countdown] = []
        """Those of time 0, in the order they were set."""

    def __len__(self) -> int:
        return len(self._running)

    def apply(self, settings: list[Setting]) -> None:
        """Do what one answer of the machine set: of several settings of one timeout only the last counts.

        They are set from the last to the first, as OTP does it: of those due together the last comes first. Those of
        time 0 come in the order they are given.
        """
        last: dict[Key, Setting] = {}
        for setting in settings:
            key = key_of(setting)
            last.pop(key, None)
            last[key] = setting
        now = [made for key in reversed(last) if (made := self._set(key, last[key])) is not None]
        self.due_now += reversed(now)

    def _set(self, key: Key, setting: Setting) -> Countdown | None:
        """Returns what is due now."""
        after = setting.after
        if after == "update" and (running := self._running.get(key)) is not None:
            running.content = setting.content
            return None
        self.cancel(key)
        if after in ("cancel", "infinity"):
            return None
        countdown = self._running[key] = Countdown(key, setting.content)
        if isinstance(after, str) or (after == 0 and not setting.absolute):
            return countdown
        cell = self._cell
        delay = max(0.0, after - cell.node.clock.now()) if setting.absolute else after
        countdown.timer = TimerRef.arm(cell, delay, partial(self._ran_out, countdown), cell)
        return None

    def _ran_out(self, countdown: Countdown) -> None:
        self._cell.node.deliver(self._cell, Proceed(countdown), None)

    def cancel(self, key: Key) -> None:
        countdown = self._running.pop(key, None)
        if countdown is None:
            return
        if countdown.timer is None:
            self.due_now.remove(countdown)
        else:
            countdown.timer.cancel()

    def take(self, countdown: Countdown) -> bool:
        """Whether a timeout that has run out still counts; it runs no more."""
        if self._running.get(countdown.key) is not countdown:
            return False
        del self._running[countdown.key]
        return True

    def take_due_now(self) -> Countdown:
        """The first timeout of time 0."""
        countdown = self.due_now.pop(0)
        del self._running[countdown.key]
        return countdown
