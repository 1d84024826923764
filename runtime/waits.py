"""What a process can wait for. One object serves both ways of running code:

in a coroutine process the scheduler drives the coroutine itself and sees the object yielded (no Task, no Future);
in a Task (an async handler, `background`, `io`) the object turns into a Future of the event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Generator
from typing import TYPE_CHECKING, Any, Final

from mypy_extensions import mypyc_attr

from mirliton.runtime.errors import StartError
from mirliton.runtime.protocol import Completed
from mirliton.runtime.reasons import reason_of
from mirliton.runtime.saved_mail import Match

if TYPE_CHECKING:
    from mirliton.runtime.cell import Cell
    from mirliton.runtime.scheduler import Scheduler
    from mirliton.runtime.timers import Timer


NOTHING: Final[tuple[Any, BaseException | None]] = (None, None)


@mypyc_attr(allow_interpreted_subclasses=True)
class Wait:
    """Waits until it is settled, with a value or an error; the first time counts. Subclasses say what that hangs on.

    `cell` is the process that waits; where none does, `scheduler` knows the Task that may.

    An error is kept only until it is raised: an exception that its own traceback can reach is a reference cycle.
    """

    __slots__ = ("cell", "done", "future", "outcome", "scheduler")

    def __init__(self, cell: Cell | None, scheduler: Scheduler | None = None) -> None:
        if scheduler is None:
            assert cell is not None
            scheduler = cell.node.scheduler
        self.cell = cell
        self.scheduler: Scheduler = scheduler
        self.done = False
        self.future: asyncio.Future[Any] | None = None
        self.outcome = NOTHING
        """What it came to before anybody awaited it."""

    def __await__(self) -> Generator[Any, Any, Any]:
        if self.done:
            (value, error), self.outcome = self.outcome, NOTHING
            if error is not None:
                try:
                    raise error
                finally:
                    del error
            return value
        if self.cell is not None and self.scheduler.current is self.cell:
            return (yield self)
        return (yield from self._in_task())

    def _in_task(self) -> Generator[Any, Any, Any]:
        self.future = future = asyncio.get_running_loop().create_future()
        # Time may move while this Task waits for something of ours.
        scheduler = self.scheduler
        counted = self.cell is not None or asyncio.current_task() in scheduler.tasks
        if counted:
            scheduler.tasks.working -= 1
        try:
            return (yield from future)
        finally:
            if counted:
                scheduler.tasks.working += 1
            self.future = None
            del future

    def resolve(self, value: Any) -> None:
        self._settle(value, None)

    def fail(self, error: BaseException) -> None:
        self._settle(None, error)

    def _settle(self, value: Any, error: BaseException | None) -> None:
        if self.done:
            return
        self.done = True
        cell = self.cell
        if cell is not None and cell.wait is self:
            self.scheduler.wake(cell, value, error)
        elif self.future is None:
            self.outcome = (value, error)
        elif not self.future.done():
            if error is not None:
                self.future.set_exception(error)
            else:
                self.future.set_result(value)


class Receive:
    """Waits for the first message that matches; the scheduler offers it the mailbox.

    When its time is up the mailbox is looked at once more, so that a message that came in time is never missed.
    """

    __slots__ = ("cell", "last_look", "match", "scanned", "timeout", "timer")

    def __init__(self, cell: Cell | None, match: Match, timeout: float | None) -> None:
        self.cell = cell
        self.match = match
        self.timeout = timeout
        self.scanned = False
        """Mail that was passed over earlier has been looked at; what is passed over now need not be again."""
        self.last_look = timeout is not None and timeout <= 0
        """Do not wait: fail when nothing that matches is there."""
        self.timer: Timer | None = None

    def accepts(self, message: Any) -> bool:
        match = self.match
        if match is None:
            return True
        if isinstance(match, type | tuple):
            return isinstance(message, match)
        return match(message)

    def nothing_came(self) -> TimeoutError:
        return TimeoutError(f"nothing that matches came within {self.timeout:g} s")

    def set_deadline(self) -> None:
        """Called at the end of the slice in which it began to wait, if it still does."""
        cell = self.cell
        if cell is not None and cell.wait is self and self.timeout is not None and not self.last_look:
            self.timer = cell.node.after(self.timeout, self._time_is_up)

    def finish(self) -> None:
        """It waits no more."""
        if self.timer is not None:
            assert self.cell is not None
            self.cell.node.timers.cancel(self.timer)
            self.timer = None

    def _time_is_up(self, _: Any) -> None:
        self.timer = None
        self.last_look = True
        if self.cell is not None and self.cell.wait is self:
            self.cell.node.scheduler.enqueue(self.cell)


ANY_MAIL: Final = Receive(None, None, None)
"""Waits for any message, for ever, in whatever process: the usual receive needs no object of its own."""


class Io(Wait):
    """Waits for a foreign awaitable, which runs in a Task of its own and is cancelled with the process."""

    __slots__ = ("awaitable", "task")

    def __init__(self, cell: Cell, awaitable: Awaitable[Any]) -> None:
        super().__init__(cell)
        self.awaitable = awaitable
        self.task: asyncio.Task[Any] | None = None

    def start(self) -> None:
        self.task = self.scheduler.tasks.start(self._run())
        self.task.add_done_callback(self._dispose)

    async def _run(self) -> None:
        try:
            value = await self.awaitable
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - handed to the process that waits
            self.fail(error)
        else:
            self.resolve(value)

    def _dispose(self, _: asyncio.Task[Any]) -> None:
        # A Task that is cancelled before its first step never begins the coroutine inside it.
        if asyncio.iscoroutine(self.awaitable):
            self.awaitable.close()
        self.task = None


class Notice(Wait):
    """Waits without holding the process up: what comes of it arrives as a Completed(tag, value, error)."""

    __slots__ = ("tag",)

    def __init__(self, cell: Cell, tag: Any) -> None:
        super().__init__(cell)
        self.tag = tag

    def _settle(self, value: Any, error: BaseException | None) -> None:
        reason = error.reason if isinstance(error, StartError) else error and reason_of(error)
        assert self.cell is not None
        self.cell.node.deliver(self.cell, Completed(self.tag, value, reason), None)


class Beside:
    """Foreign work beside a process: runs in a Task, ends as a Completed, is cancelled with the process."""

    __slots__ = ("awaitable", "cell", "tag")

    def __init__(self, cell: Cell, awaitable: Awaitable[Any], tag: Any) -> None:
        self.cell = cell
        self.awaitable = awaitable
        self.tag = tag

    def start(self) -> None:
        task = self.cell.node.scheduler.tasks.start(self._run())
        if self.cell.beside is None:
            self.cell.beside = set()
        self.cell.beside.add(task)
        task.add_done_callback(self._done)

    async def _run(self) -> None:
        cell = self.cell
        try:
            done = Completed(self.tag, await self.awaitable)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - handed to the process
            done = Completed(self.tag, None, reason_of(error))
        if cell.alive:
            cell.node.deliver(cell, done, None)

    def _done(self, task: asyncio.Task[None]) -> None:
        # A Task that is cancelled before its first step never begins the coroutine inside it.
        if asyncio.iscoroutine(self.awaitable):
            self.awaitable.close()
        if self.cell.beside is not None:
            self.cell.beside.discard(task)
            if not self.cell.beside:
                self.cell.beside = None
