"""A scheduler and a timer queue that leave to `Choices` what is nobody's promise: who runs next, whose timer fires."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from mirliton.runtime.cell import Cell
from mirliton.runtime.scheduler import NESTED_STARTS, Scheduler
from mirliton.runtime.timers import Timer, TimerQueue, TimerRef
from mirliton.runtime.waits import Wait

if TYPE_CHECKING:
    import asyncio

    from mirliton.runtime.node import Node
    from mirliton.runtime.testing.choices import Choices


class ChosenQueue(deque[Cell]):
    """A run queue out of which any process may come next."""

    def __init__(self, choices: Choices) -> None:
        super().__init__()
        self._choices = choices

    def popleft(self) -> Cell:
        index = self._choices.choose("runs", self, _label)
        cell = self[index]
        del self[index]
        return cell


class ExploringScheduler(Scheduler):
    """One message per turn, a turn or two per callback of the loop: every interleaving of messages can come about."""

    def __init__(self, node: Node, loop: asyncio.AbstractEventLoop, choices: Choices) -> None:
        super().__init__(node, loop)
        self.ready = ChosenQueue(choices)
        self.seconds_per_slice = -1.0
        self.messages_per_turn = 1
        self._choices = choices

    def may_begin(self, starter: Cell) -> bool:
        """A new process may run its init at once or in its own turn."""
        if self.current is not starter or self._nested >= NESTED_STARTS:
            return False
        return self._choices.choose("begins", ("at once", "later"), str) == 0


class ExploringTimers(TimerQueue):
    """Of the deadlines that are due at the same moment any process's first may come first."""

    __slots__ = ("_choices",)

    def __init__(self, choices: Choices) -> None:
        super().__init__()
        self._choices = choices

    def pop_due(self, now: float) -> Timer | None:
        due = self.next_due()
        if due is None or due > now:
            return None
        firsts: dict[Any, Timer] = {}
        for timer in sorted((timer for timer in self._pending.values() if timer.due == due), key=lambda t: t.order):
            firsts.setdefault(owner_of(timer), timer)
        options = list(firsts.items())
        _, timer = options[self._choices.choose("fires the timer of", options, lambda option: _label(option[0]))]
        return self._pending.pop(timer.order)


def owner_of(timer: Timer) -> Cell | None:
    """Whose deadline it is; None: the node's own."""
    if isinstance(timer, TimerRef):
        return timer.owner
    for of in (timer.argument, getattr(timer.callback, "__self__", None)):
        if isinstance(of, Wait):
            return of.cell
        if isinstance(of, Cell):
            return of
    return None


def _label(cell: Cell | None) -> str:
    return f"{cell.label} {cell.pid.serial}" if cell is not None else "the node"
