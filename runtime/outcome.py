"""What comes of a call that was begun and is asked for later: kept until then, or told as a message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mirliton.runtime.errors import CallError
from mirliton.runtime.protocol import Completed
from mirliton.runtime.reasons import reason_of
from mirliton.runtime.waits import Wait

if TYPE_CHECKING:
    from mirliton.runtime.cell import Cell


class Outcome(Wait):
    """Keeps the answer or the error. Its process may wait for it, with a deadline, as often as it likes."""

    __slots__ = ("error", "value", "waiter")

    cell: Cell

    def __init__(self, cell: Cell) -> None:
        super().__init__(cell)
        self.value: Any = None
        self.error: BaseException | None = None
        self.waiter: Wait | None = None

    def _settle(self, value: Any, error: BaseException | None) -> None:
        if self.done:
            return
        self.done = True
        self.value = value
        self.error = error
        if self.waiter is not None:
            self.waiter.resolve(None)


async def first_of(cell: Cell, outcomes: list[Outcome], timeout: float | None) -> bool:
    """Wait until one of these has come, `timeout` seconds at most. Whether one has."""
    if any(outcome.done for outcome in outcomes):
        return True
    wait = Wait(cell)
    timer = None if timeout is None else cell.node.after(max(0.0, timeout), wait.resolve)
    for outcome in outcomes:
        outcome.waiter = wait
    try:
        await wait
    finally:
        for outcome in outcomes:
            outcome.waiter = None
        if timer is not None:
            cell.node.timers.cancel(timer)
    return any(outcome.done for outcome in outcomes)


class Told(Wait):
    """The answer or the error comes to its process as a Completed(tag, value, error) message."""

    __slots__ = ("tag",)

    cell: Cell

    def __init__(self, cell: Cell, tag: Any) -> None:
        super().__init__(cell)
        self.tag = tag

    def _settle(self, value: Any, error: BaseException | None) -> None:
        if self.done:
            return
        self.done = True
        reason = error.reason if isinstance(error, CallError) else error and reason_of(error)
        self.cell.node.deliver(self.cell, Completed(self.tag, value, reason), None)
