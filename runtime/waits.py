"""What a process can wait for. One object serves both ways of running code:

in a coroutine process the scheduler drives the coroutine itself and sees the object yielded (no Task, no Future);
in a Task (an async handler) the object turns into a Future of the event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from typing import TYPE_CHECKING, Any

from mirliton.runtime.timers import Timer

if TYPE_CHECKING:
    from mirliton.runtime.cell import Cell

Match = type | tuple[type, ...] | Callable[[Any], bool] | None


class Wait:
    """Waits until `resolve` or `fail` is called, once. Subclasses say what that hangs on."""

    __slots__ = ("cell", "done", "future", "outcome")

    def __init__(self, cell: Cell | None) -> None:
        self.cell = cell
        self.done = False
        self.future: asyncio.Future[Any] | None = None
        self.outcome: tuple[Any, BaseException | None] = (None, None)

    def __await__(self) -> Generator[Any, Any, Any]:
        if self.done:
            value, error = self.outcome
            if error is not None:
                raise error
            return value
        cell = self.cell
        if cell is not None and cell.coroutine is not None and cell.task is None:
            return (yield self)
        scheduler = cell.node.scheduler if cell is not None else None
        self.future = asyncio.get_running_loop().create_future()
        if scheduler is not None:
            scheduler.tasks_working -= 1
        try:
            return (yield from self.future)
        finally:
            if scheduler is not None:
                scheduler.tasks_working += 1

    def resolve(self, value: Any) -> None:
        self._settle(value, None)

    def fail(self, error: BaseException) -> None:
        self._settle(None, error)

    def _settle(self, value: Any, error: BaseException | None) -> None:
        if self.done:
            return
        self.done = True
        self.outcome = (value, error)
        if self.future is not None:
            if not self.future.done():
                if error is not None:
                    self.future.set_exception(error)
                else:
                    self.future.set_result(value)
        elif self.cell is not None and self.cell.wait is self:
            self.cell.node.scheduler.wake(self.cell, value, error)


class Receive(Wait):
    """Waits for the first message that matches; the scheduler offers it the mailbox."""

    __slots__ = ("match", "poll", "scanned", "timer")

    def __init__(self, cell: Cell, match: Match) -> None:
        super().__init__(cell)
        self.match = match
        self.scanned = False
        """Mail that was passed over earlier has been looked at; what is passed over now need not be again."""
        self.timer: Timer | None = None
        self.poll = False
        """Do not wait: fail when nothing that matches is there."""

    def accepts(self, message: Any) -> bool:
        match = self.match
        if match is None:
            return True
        if isinstance(match, type | tuple):
            return isinstance(message, match)
        return match(message)


class Io(Wait):
    """Waits for a foreign awaitable, which runs in a Task of its own and is cancelled with the process."""

    __slots__ = ("awaitable", "task")

    def __init__(self, cell: Cell, awaitable: Awaitable[Any]) -> None:
        super().__init__(cell)
        self.awaitable = awaitable
        self.task: asyncio.Task[Any] | None = None

    def start(self) -> None:
        assert self.cell is not None
        self.task = self.cell.node.scheduler.track(self._run())

    async def _run(self) -> None:
        try:
            value = await self.awaitable
        except asyncio.CancelledError:
            self.fail(asyncio.CancelledError())
        except Exception as error:  # noqa: BLE001 - handed to the process that waits
            self.fail(error)
        else:
            self.resolve(value)
