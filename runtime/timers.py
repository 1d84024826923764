"""Deadlines: one heap for a whole node, one timer of the event loop for the nearest of them.

A cancelled timer stays in the heap as an empty entry until it comes up or until more than half the heap is empty;
cancelling is then one assignment, and most deadlines are cancelled.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from typing import Any


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
