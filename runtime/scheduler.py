"""The run queue: which process runs next, and for how long.

Processes with mail stand in one queue and take turns on the event loop: no Task and no Future per message (those cost
ten times as much as the message). A turn is at most 16 messages and a loop callback at most 128, which keeps other
users of the loop (sockets, timers) within a fraction of a millisecond and costs nothing measurable.

Plain handlers are called; coroutine processes are resumed directly; an async handler of a GenServer runs in a Task,
because foreign code (asyncio.timeout, aiohttp …) insists on one.
"""

from __future__ import annotations

import asyncio
import inspect
from collections import deque
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Final

from mirliton.runtime import introspect
from mirliton.runtime.codec import encode
from mirliton.runtime.errors import Exit, StrictModeViolation
from mirliton.runtime.protocol import ExitSignal, Init, SystemRequest
from mirliton.runtime.reasons import NORMAL
from mirliton.runtime.waits import Receive, Wait

if TYPE_CHECKING:
    from mirliton.runtime.cell import Cell, Item
    from mirliton.runtime.node import Node

MESSAGES_PER_TURN: Final = 16
MESSAGES_PER_SLICE: Final = 128


class Scheduler:
    """Runs the processes of one node on one event loop."""

    def __init__(self, node: Node, loop: asyncio.AbstractEventLoop) -> None:
        self.node = node
        self.loop = loop
        self.ready: deque[Cell] = deque()
        self.current: Cell | None = None
        """The process whose code runs now, outside Tasks."""
        self.tasks_working = 0
        """Tasks that wait for nothing of ours: virtual time must not move under them."""
        self.turns = 0
        self._tasks: set[asyncio.Task[Any]] = set()
        self._scheduled = False

    def enqueue(self, cell: Cell) -> None:
        """Give the process a turn."""
        if not cell.queued:
            cell.queued = True
            self.ready.append(cell)
            if not self._scheduled:
                self._scheduled = True
                self.loop.call_soon(self._slice)

    def wake(self, cell: Cell, value: Any, error: BaseException | None) -> None:
        """What the process waited for has come."""
        cell.wait = None
        cell.busy = False
        cell.resume = (value, error)
        self.enqueue(cell)

    def tracks(self, task: asyncio.Task[Any] | None) -> bool:
        """Whether it is one of the Tasks that `track` started."""
        return task in self._tasks

    def track(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run a coroutine in a Task that the scheduler knows of."""
        task = self.loop.create_task(coroutine)
        self._tasks.add(task)
        self.tasks_working += 1
        task.add_done_callback(self._task_done)
        return task

    def run_task(self, cell: Cell, coroutine: Coroutine[Any, Any, Any]) -> None:
        """Run an async handler of the process; until it ends the process takes no other message."""
        cell.busy = True
        task = self.track(self._drive(cell, coroutine))
        # A Task that is cancelled before its first step never begins the coroutine inside it.
        task.add_done_callback(lambda _: discard(coroutine))
        cell.task = task

    @property
    def tasks(self) -> frozenset[asyncio.Task[Any]]:
        return frozenset(self._tasks)

    def _task_done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        self.tasks_working -= 1
        if not task.cancelled() and (error := task.exception()) is not None:
            self.node.log.error("task_failed", error=repr(error))

    async def _drive(self, cell: Cell, coroutine: Coroutine[Any, Any, Any]) -> None:
        try:
            await coroutine
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever a process raises is its exit reason
            cell.busy = False
            cell.task = None
            if cell.alive:
                self._failed(cell, error)
        else:
            if cell.alive and cell.task is asyncio.current_task():
                cell.busy = False
                cell.task = None
                cell.last = None
        if cell.alive and cell.mailbox:
            self.enqueue(cell)

    def _slice(self) -> None:
        ready = self.ready
        budget = MESSAGES_PER_SLICE
        self.turns += 1
        try:
            while ready and budget > 0:
                cell = ready.popleft()
                cell.queued = False
                budget -= self._turn(cell) + 1
        finally:
            # Whatever happens, the queue goes on.
            if ready:
                self.loop.call_soon(self._slice)
            else:
                self._scheduled = False

    def _turn(self, cell: Cell) -> int:
        handled = 0
        before, self.current = self.current, cell
        try:
            while handled < MESSAGES_PER_TURN and cell.alive and not cell.busy:
                if cell.coroutine is not None:
                    if not self._advance(cell):
                        break
                else:
                    mailbox = cell.mailbox
                    if not mailbox:
                        break
                    self._handle(cell, mailbox.popleft())
                handled += 1
        finally:
            self.current = before
        if cell.alive:
            if cell.mailbox:
                if not cell.busy and (cell.coroutine is None or handled == MESSAGES_PER_TURN):
                    self.enqueue(cell)
            else:
                cell.mailbox = None
                if handled == MESSAGES_PER_TURN and cell.coroutine is not None and not cell.busy:
                    self.enqueue(cell)
        return handled

    def _handle(self, cell: Cell, item: Item) -> None:
        message = item[0]
        kind = type(message)
        if kind is SystemRequest:
            self._serve(cell, item)
            return
        if cell.suspended and not _from_parent(cell, message):
            introspect.hold(cell, item)
            return
        cell.last = item
        cell.handled += 1
        try:
            if len(item) == 3:
                self._verify(item)
            actor = cell.actor
            result = actor._runtime_begin(message) if kind is Init else actor.receiveMessage(message, item[1])
            if type(result) is _Coroutine:
                if cell.alive:
                    self.run_task(cell, result)
                else:
                    result.close()
                return
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever a process raises is its exit reason
            if cell.alive:
                self._failed(cell, error)
            return
        cell.last = None

    def _serve(self, cell: Cell, item: Item) -> None:
        try:
            introspect.serve(cell, item[0])
        except Exit as stop:
            cell.last = item
            self._failed(cell, stop)

    def _advance(self, cell: Cell) -> bool:
        """Resume a coroutine process once. False when it has nothing to go on with."""
        coroutine = cell.coroutine
        assert coroutine is not None
        value: Any = None
        error: BaseException | None = None
        if cell.resume is not None:
            value, error = cell.resume
            cell.resume = None
        elif (wait := cell.wait) is not None:
            assert isinstance(wait, Receive)
            item = self._select(cell, wait)
            if item is None:
                return cell.resume is not None
            wait.finish()
            cell.wait = None
            cell.last = item
            cell.handled += 1
            value = item[0]
        try:
            waited = coroutine.send(value) if error is None else coroutine.throw(error)
        except KeyboardInterrupt:
            raise
        except StopIteration:
            cell.coroutine = None
            self.node.signals.die(cell, NORMAL)
        except BaseException as raised:  # noqa: BLE001 - whatever a process raises is its exit reason
            cell.coroutine = None
            if cell.alive:
                self._failed(cell, raised)
        else:
            self._wait_for(cell, coroutine, waited)
        return True

    def _wait_for(self, cell: Cell, coroutine: Coroutine[Any, Any, None], waited: Any) -> None:
        if not cell.alive:
            cell.coroutine = None
            close(cell, coroutine)
        elif isinstance(waited, Wait):
            cell.wait = waited
            cell.busy = type(waited) is not Receive
            if not cell.busy:
                cell.last = None
        else:
            fault = RuntimeError(f"a coroutine process awaited {waited!r}; foreign awaitables go through self.io(…)")
            cell.resume = (None, fault)

    def _select(self, cell: Cell, wait: Receive) -> Item | None:
        """The first message that the receive accepts, taken out of the mailbox. None also when the receive failed."""
        try:
            saved = cell.saved
            if saved and not wait.scanned and not cell.suspended:
                for index, item in enumerate(saved):
                    if wait.accepts(item[0]):
                        del saved[index]
                        return item
                wait.scanned = True
            mailbox = cell.mailbox
            while mailbox:
                item = mailbox[0]
                message = item[0]
                if type(message) is SystemRequest:
                    mailbox.popleft()
                    introspect.serve(cell, message)
                    if not cell.alive:
                        return None
                    mailbox = cell.mailbox
                elif cell.suspended and not _from_parent(cell, message):
                    introspect.hold(cell, mailbox.popleft())
                else:
                    if len(item) == 3:
                        self._verify(item)
                    accepted = wait.accepts(message)  # one that raises loses nothing
                    mailbox.popleft()
                    if accepted:
                        return item
                    if cell.saved is None:
                        cell.saved = []
                    cell.saved.append(item)
            if wait.last_look and not cell.suspended:
                self._fail(cell, wait, wait.nothing_came())
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - a predicate of the process raised: so does its receive
            self._fail(cell, wait, error)
        return None

    def _fail(self, cell: Cell, wait: Receive, error: BaseException) -> None:
        wait.finish()
        self.wake(cell, None, error)

    @staticmethod
    def _failed(cell: Cell, error: BaseException) -> None:
        cell.actor._runtime_failed(error)

    def _verify(self, item: Item) -> None:
        if item[2] is not None and encode(item[0]) != item[2]:
            violation = StrictModeViolation(item[0], "something else than was sent: it was changed after the send")
            self.node.strict_violations.append(violation)
            raise violation


async def _probe() -> None:
    """Only there for its type."""


_coroutine = _probe()
_Coroutine: Final = type(_coroutine)
_coroutine.close()


def discard(coroutine: Any) -> None:
    """Close a coroutine that may not have begun, and then those it was given to await."""
    if inspect.getcoroutinestate(coroutine) == inspect.CORO_CREATED:
        for value in tuple(coroutine.cr_frame.f_locals.values()):
            if type(value) is _Coroutine:
                discard(value)
    coroutine.close()


def close(cell: Cell, coroutine: Coroutine[Any, Any, None]) -> None:
    """End the coroutine of a dead process; its `finally` blocks run, but may not wait."""
    try:
        coroutine.close()
    except Exit:
        return  # what it tried was refused, since it is dead
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - a dead process has nobody left to tell
        cell.node.log.warning("cleanup_failed", pid=str(cell.pid), error=repr(error))


def _from_parent(cell: Cell, message: Any) -> bool:
    """The parent's exit is obeyed even while suspended: the process goes on, to end as it should."""
    if type(message) is ExitSignal and message.sender == cell.parent:
        cell.suspended = False
        return True
    return False
