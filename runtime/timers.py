"""Deadlines: one heap for a whole node, one timer of the event loop for the nearest of them.

A cancelled timer stays in the heap as an empty entry until it comes up or until more than half the heap is empty;
cancelling is then one assignment, and most deadlines are cancelled.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mirliton.runtime.cell import Cell
    from mirliton.runtime.protocol import Ref


class Timer:
    """A deadline that has been set. `due` is monotonic seconds of the node's clock."""

    __slots__ = ("argument", "callback", "due", "order")

    def __init__(self, due: float, order: int, callback: Callable[[Any], None], argument: Any) -> None:
        self.due = due
        self.order = order
        self.callback: Callable[[Any], None] | None = callback
        self.argument = argument

    def __lt__(self, other: Timer) -> bool:
        return (self.due, self.order) < (other.due, other.order)

    @property
    def pending(self) -> bool:
        return self.callback is not None


class TimerQueue:
    """The node's deadlines, soonest first; those due at the same time fire in the order they were set."""

    def __init__(self) -> None:
        self._heap: list[Timer] = []
        self._order = itertools.count()
        self._cancelled = 0

    def __len__(self) -> int:
        return len(self._heap) - self._cancelled

    def add(self, due: float, callback: Callable[[Any], None], argument: Any = None) -> Timer:
        timer = Timer(due, next(self._order), callback, argument)
        heapq.heappush(self._heap, timer)
        return timer

    def cancel(self, timer: Timer) -> bool:
        """Whether the timer was still pending."""
        if timer.callback is None:
            return False
        timer.callback = None
        timer.argument = None
        self._cancelled += 1
        if self._cancelled > 64 and self._cancelled * 2 > len(self._heap):
            self._heap = [entry for entry in self._heap if entry.callback is not None]
            heapq.heapify(self._heap)
            self._cancelled = 0
        return True

    def next_due(self) -> float | None:
        while self._heap and self._heap[0].callback is None:
            heapq.heappop(self._heap)
            self._cancelled -= 1
        return self._heap[0].due if self._heap else None

    def pop_due(self, now: float) -> Timer | None:
        """The soonest timer that is due at `now`, taken out. The caller runs it."""
        due = self.next_due()
        if due is None or due > now:
            return None
        return heapq.heappop(self._heap)


class TimerRef:
    """A timer that a process has set; give it to `cancel_timer`. It dies with its owner, and with its target."""

    __slots__ = ("owner", "ref", "target", "timer")

    def __init__(self, ref: Ref, timer: Timer, owner: Cell, target: Cell | None) -> None:
        self.ref = ref
        self.timer = timer
        self.owner = owner
        self.target = target
        for cell in (owner, target):
            if cell is not None:
                if cell.timers is None:
                    cell.timers = set()
                cell.timers.add(self)

    @classmethod
    def arm(
        cls, owner: Cell, delay: float, action: Callable[[], None], target: Cell | None, ref: Ref | None = None
    ) -> TimerRef:
        """Do `action` in `delay` seconds. Without a `target` (a Pid that is dead by now) the timer is dead too."""
        node = owner.node

        def fire(made: TimerRef) -> None:
            made.let_go()
            action()

        timer = node.after(delay, fire)
        timer.argument = made = cls(ref or node.new_ref(), timer, owner, target)
        if target is None:
            made.cancel()
        return made

    def let_go(self) -> None:
        """It has fired or is cancelled: nobody has to keep it."""
        for cell in (self.owner, self.target):
            if cell is not None and cell.timers is not None:
                cell.timers.discard(self)

    def cancel(self) -> None:
        self.let_go()
        self.owner.node.timers.cancel(self.timer)
