"""Deadlines: one heap for a whole node, one timer of the event loop for the nearest of them (see alarm.py).

Most deadlines are cancelled. What a cancelled timer held is free at once; its place in the heap, a pair of numbers,
stays until it comes up, or until more than half the heap is empty places.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mypy_extensions import mypyc_attr

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

    @property
    def pending(self) -> bool:
        return self.callback is not None

    def over(self) -> None:
        """It fires: nobody has to keep it."""


@mypyc_attr(allow_interpreted_subclasses=True)
class TimerQueue:
    """The node's deadlines, soonest first; those due at the same time fire in the order they were set."""

    __slots__ = ("_heap", "_order", "_pending")

    def __init__(self) -> None:
        # Pairs of numbers are compared in C, and the garbage collector does not look at them.
        self._heap: list[tuple[float, int]] = []
        self._pending: dict[int, Timer] = {}
        self._order = 0

    def __len__(self) -> int:
        return len(self._pending)

    def pending(self) -> list[Timer]:
        """The deadlines that are set, in the order they were."""
        return list(self._pending.values())

    def take_turn(self) -> int:
        """Where the next timer stands among those of its time."""
        self._order += 1
        return self._order

    def add(self, due: float, callback: Callable[[Any], None], argument: Any = None) -> Timer:
        timer = Timer(due, self.take_turn(), callback, argument)
        self.put(timer)
        return timer

    def put(self, timer: Timer) -> None:
        """Let a timer wait for its time."""
        self._pending[timer.order] = timer
        heapq.heappush(self._heap, (timer.due, timer.order))

    def cancel(self, timer: Timer) -> bool:
        """Whether the timer was still pending."""
        if timer.callback is None:
            return False
        timer.callback = None
        timer.argument = None
        pending = self._pending
        del pending[timer.order]
        if len(self._heap) > 2 * len(pending) + 64:
            self._heap = [(kept.due, order) for order, kept in pending.items()]
            heapq.heapify(self._heap)
        return True

    def next_due(self) -> float | None:
        heap = self._heap
        while heap:
            due, order = heap[0]
            if order in self._pending:
                return due
            heapq.heappop(heap)
        return None

    def pop_due(self, now: float) -> Timer | None:
        """The soonest timer that is due at `now`, taken out. The caller runs it."""
        due = self.next_due()
        if due is None or due > now:
            return None
        return self._pending.pop(heapq.heappop(self._heap)[1])


class TimerRef(Timer):
    """A timer that a process has set; give it to `cancel_timer`. It dies with its owner, and with its target."""

    __slots__ = ("_ref", "owner", "target")

    def __init__(
        self, due: float, order: int, callback: Callable[[Any], None], argument: Any, owner: Cell, target: Cell | None
    ) -> None:
        self.due = due
        self.order = order
        self.callback = callback
        self.argument = argument
        self.owner = owner
        self.target = target
        self._ref: Ref | None = None

    @classmethod
    def arm(cls, owner: Cell, delay: float, action: Callable[[], None], target: Cell | None) -> TimerRef:
        """Do `action()` in `delay` seconds. Without a `target` (a Pid that is dead by now) it is dead at once."""
        return cls.set(owner, delay, _act, action, target)

    @classmethod
    def set(
        cls, owner: Cell, delay: float, callback: Callable[[Any], None], argument: Any, target: Cell | None
    ) -> TimerRef:
        """`arm` for `callback(argument)`: with a plain function that costs no closure."""
        node = owner.node
        due = node.clock.now()
        if delay > 0:
            due += delay
        made = cls(due, node.timers.take_turn(), callback, argument, owner, target)
        if target is None:
            made.callback = made.argument = None
            return made
        if owner.timers is None:
            owner.timers = {made}
        else:
            owner.timers.add(made)
        if target is not owner:
            if target.timers is None:
                target.timers = {made}
            else:
                target.timers.add(made)
        node.set_timer(made)
        return made

    @property
    def ref(self) -> Ref:
        """What the message of `start_timer` calls it."""
        if self._ref is None:
            self._ref = self.owner.node.new_ref()
        return self._ref

    def over(self) -> None:
        """It has fired or is cancelled: nobody has to keep it."""
        if self.owner.timers is not None:
            self.owner.timers.discard(self)
        target = self.target
        if target is not None and target is not self.owner and target.timers is not None:
            target.timers.discard(self)

    def cancel(self) -> None:
        if self.owner.node.timers.cancel(self):
            self.over()


def _act(action: Callable[[], None]) -> None:
    action()
