"""The run queue: which process runs next, and for how long.

Processes with mail stand in one queue and take turns on the event loop: no Task and no Future per message (those cost
ten times as much as the message). A turn is at most 16 messages and a loop callback at most 128, or 4 ms of slow ones,
which keeps other users of the loop (sockets, timers) within a fraction of a millisecond and costs nothing measurable.

Plain handlers are called; coroutine processes are resumed directly; an async handler of a GenServer runs in a Task,
because foreign code (asyncio.timeout, aiohttp …) insists on one.

The two kinds of turn (`_handle_mail`, `_run_script`) hold the whole usual way of a message in one loop, since a call of
a Python function costs a tenth of the message; what is rare is done elsewhere.
"""

from __future__ import annotations

import asyncio
import inspect
from collections import deque
from collections.abc import Coroutine
from time import monotonic
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Final

from mypy_extensions import mypyc_attr

from mirliton.runtime import introspect
from mirliton.runtime.errors import Exit
from mirliton.runtime.protocol import ExitSignal, Init, SystemRequest
from mirliton.runtime.reasons import NORMAL
from mirliton.runtime.saved_mail import SavedMail
from mirliton.runtime.serving import ENVELOPES, serves_plainly
from mirliton.runtime.waits import ANY_MAIL, Receive, Wait

if TYPE_CHECKING:
    from mirliton.runtime.cell import Cell, Item
    from mirliton.runtime.node import Node

MESSAGES_PER_TURN: Final = 16
MESSAGES_PER_SLICE: Final = 128
COROUTINE: Final = CoroutineType
"""Compiled, a constant is read faster than a name that was imported."""
SENT_PER_TURN: Final = 64
"""Who has sent so much in its turn gives way, so that the receivers keep up."""
MUCH_SENT: Final = 8
"""After a turn with so much sent it is worth a look whether that was too much for the receiver."""
FLOODED: Final = 256
"""A process with more mail than this goes on to the end of the slice, and its next turn comes soon."""
SECONDS_PER_SLICE: Final = 0.004
"""After so long the other users of the loop get their turn, however few messages it were."""
NESTED_STARTS: Final = 8
"""How deep processes may start one another at once, a tree of supervisors say, each in the turn of the one above."""
SPARE_MAILBOXES: Final = 1024
"""Empty mailboxes that busy processes keep for the next message; an idle node has none."""


@mypyc_attr(allow_interpreted_subclasses=True)
class Scheduler:
    """Runs the processes of one node on one event loop."""

    def __init__(self, node: Node, loop: asyncio.AbstractEventLoop) -> None:
        self.node = node
        self.post = node.post
        self.loop = loop
        self.ready: deque[Cell] = deque()
        self.current: Cell | None = None
        """The process whose code runs now, outside Tasks."""
        self.tasks_working = 0
        """Tasks that wait for nothing of ours: virtual time must not move under them."""
        self.turns = 0
        self.seconds_per_slice = SECONDS_PER_SLICE
        self.messages_per_turn = MESSAGES_PER_TURN
        self._most = MESSAGES_PER_TURN
        """Messages that the present turn may have."""
        self._tasks: set[asyncio.Task[Any]] = set()
        self._scheduled = False
        self._budget = 0
        """Messages that this slice of the loop may still handle."""
        self._ends = 0.0
        self._nested = 0
        self._flooded: deque[Cell] = deque()
        """Processes with much mail: every other turn is one of theirs. Empty where `ready` is."""
        self._flooded_next = False
        self._undated: list[Receive] = []
        """Receives of this slice that have no deadline yet."""
        self._warm: list[Cell] = []
        """Processes that have an empty mailbox."""

    def enqueue(self, cell: Cell) -> None:
        """Give the process a turn."""
        if not cell.queued:
            cell.queued = True
            self.ready.append(cell)
            if not self._scheduled:
                self._schedule()

    def _schedule(self) -> None:
        self._scheduled = True
        self.loop.call_soon(self._slice)

    def wake(self, cell: Cell, value: Any, error: BaseException | None) -> None:
        """What the process waited for has come."""
        cell.wait = None
        cell.busy = False
        cell.answer = value
        cell.error = error
        if not cell.queued:
            cell.queued = True
            self.ready.append(cell)
            if not self._scheduled:
                self._schedule()

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
        flooded = self._flooded
        self._budget = MESSAGES_PER_SLICE
        self.turns += 1
        # The clock is read after 1, 2, 4 … 16 messages: slow handlers are noticed early, quick ones cost few readings.
        ends = self._ends = monotonic() + self.seconds_per_slice
        self._most = 1
        next_look = MESSAGES_PER_SLICE - 1
        try:
            while self._budget > 0:
                if flooded and (self._flooded_next or not ready):
                    cell = flooded.popleft()
                    self._flooded_next = False
                elif ready:
                    cell = ready.popleft()
                    self._flooded_next = True
                else:
                    break
                cell.queued = False
                self.current = cell
                handled = self._turn(cell) or 1
                self._budget -= handled  # not in one statement: a turn lowers it too, see `begin`
                if self._budget < next_look:
                    if monotonic() > ends:
                        break
                    if self._most < self.messages_per_turn:
                        self._most *= 2
                    next_look = self._budget - self._most
        finally:
            # Whatever happens, the queue goes on.
            self.current = None
            if flooded and not ready:
                ready.extend(flooded)
                flooded.clear()
            if ready:
                self.loop.call_soon(self._slice)
            else:
                self._scheduled = False
            self._tidy_up()

    def _let_receiver_follow(self) -> None:
        """Much was sent in this turn: if that has flooded the receiver its turn is near, before more is sent to it."""
        cell = self.post.last_receiver
        if cell is not None and cell.queued and cell.mailbox is not None and len(cell.mailbox) > FLOODED:
            try:
                self.ready.remove(cell)
            except ValueError:
                return  # it is among the flooded already
            self._flooded.append(cell)

    def _tidy_up(self) -> None:
        """What can wait until the slice is over, and is often not needed any more by then."""
        self.post.last_receiver = None
        self.post.calls.set_deadlines()
        if self._undated:
            undated, self._undated = self._undated, []
            for wait in undated:
                wait.set_deadline()
        if not self.ready or len(self._warm) > SPARE_MAILBOXES:
            for cell in self._warm:
                cell.warm = False
                if not cell.mailbox:
                    cell.mailbox = None
            self._warm.clear()

    def may_begin(self, starter: Cell) -> bool:
        """Whether a process that `starter` makes now may `begin` in its turn, or has to wait for one of its own."""
        if self.current is not starter or self._budget <= 0 or self._nested >= NESTED_STARTS:
            return False
        return monotonic() < self._ends

    def begin(self, cell: Cell) -> None:
        """Let a new process run its init at once, as a part of the turn of the process that starts it."""
        self._budget -= 1
        self._nested += 1
        before, self.current = self.current, cell
        try:
            self._begin(cell)
            if cell.coroutine is not None:
                self._run_script(cell)
            elif cell.alive and cell.mailbox and not cell.busy:
                self.enqueue(cell)
        finally:
            self.current = before
            self._nested -= 1

    def _begin(self, cell: Cell) -> None:
        begin, cell.init = cell.init, None
        self._handle_rare(cell, (begin, None) if begin is not None else cell.mail().popleft())

    def _turn(self, cell: Cell) -> int:
        """Let the process handle what waits, 16 messages at most. How many it was."""
        if cell.busy:
            return 0
        if cell.init is not None:
            self._begin(cell)
        return self._handle_mail(cell) if cell.coroutine is None else self._run_script(cell)

    def _handle_mail(self, cell: Cell) -> int:
        """A turn of a process with handlers. How many messages it took."""
        actor = cell.actor
        serves = cell.serves
        post = self.post
        strict = post.strict
        most = self._most
        sent_before = post.sent
        handled = 0
        while (mailbox := cell.mailbox) and not cell.busy:  # None once it has ended
            item = mailbox.popleft()
            message = item[0]
            kind = type(message)
            handled += 1
            if kind is SystemRequest or kind is Init or cell.suspended:
                self._handle_rare(cell, item)
                if cell.coroutine is not None:
                    break
            else:
                cell.last = item
                cell.handled += 1
                try:
                    if strict:
                        self._verify(item)
                    if not serves or kind in ENVELOPES or cell.idle is not None:
                        result = actor.receiveMessage(message, item[1])
                    else:
                        result = actor.handle_info(message)
                        if result is not None:
                            result = actor._runtime_after(result, None)
                except KeyboardInterrupt:
                    raise
                except BaseException as error:  # noqa: BLE001 - whatever a process raises is its exit reason
                    if cell.alive:
                        actor._runtime_failed(error)
                else:
                    if type(result) is COROUTINE:
                        self._begin_async(cell, result)
            if post.sent - sent_before > SENT_PER_TURN:
                break
            if handled == most:
                if not self._goes_on(mailbox, handled):
                    break
                most += MESSAGES_PER_TURN
        if post.sent - sent_before > MUCH_SENT:
            self._let_receiver_follow()
        if cell.alive and not cell.busy:
            cell.last = None
            if (mailbox := cell.mailbox) or cell.coroutine is not None:
                self._requeue(cell)
            elif cell.mailbox is not None and not cell.warm:
                cell.warm = True
                self._warm.append(cell)
        return handled

    def _goes_on(self, mailbox: deque[Item], handled: int) -> bool:
        """Whether a turn that has had its messages goes on, since the process is flooded and the slice is not over."""
        return len(mailbox) > FLOODED and handled < self._budget and monotonic() < self._ends

    def _requeue(self, cell: Cell) -> None:
        """Its turn is over, and it has more to do."""
        if cell.mailbox is not None and len(cell.mailbox) > FLOODED and not cell.queued:
            cell.queued = True
            self._flooded.append(cell)
        else:
            self.enqueue(cell)

    def _begin_async(self, cell: Cell, handler: Coroutine[Any, Any, Any]) -> None:
        if cell.alive:
            self.run_task(cell, handler)
        else:
            handler.close()

    def _handle_rare(self, cell: Cell, item: Item) -> None:
        """Begin, obey `sys`, or be suspended."""
        message = item[0]
        if type(message) is SystemRequest:
            self._serve(cell, item)
            return
        if cell.suspended and not _from_parent(cell, message):
            introspect.hold(cell, item)
            return
        cell.last = item
        cell.handled += 1
        actor = cell.actor
        try:
            self._verify(item)
            if type(message) is Init:
                cell.serves = serves_plainly(type(actor))
                result = actor._runtime_begin(message)
            else:
                result = actor.receiveMessage(message, item[1])
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever a process raises is its exit reason
            if cell.alive:
                actor._runtime_failed(error)
        else:
            if type(result) is COROUTINE:
                self._begin_async(cell, result)
            else:
                cell.last = None

    def _serve(self, cell: Cell, item: Item) -> None:
        try:
            introspect.serve(cell, item[0])
        except Exit as stop:
            cell.last = item
            self._failed(cell, stop)

    def _run_script(self, cell: Cell) -> int:
        """A turn of a coroutine process. How often it was resumed."""
        handled = 0
        post = self.post
        strict = post.strict
        most = self._most
        sent_before = post.sent
        is_over = False
        while not (is_over or cell.busy) and (coroutine := cell.coroutine) is not None:
            wait = cell.wait
            if wait is None:
                value, error = cell.answer, cell.error
                cell.answer = cell.error = None
            else:
                mailbox = cell.mailbox
                if wait is ANY_MAIL and not mailbox and not cell.saved:
                    break
                if (
                    wait is ANY_MAIL
                    and mailbox
                    and type(mailbox[0][0]) is not SystemRequest
                    and not (strict or cell.saved or cell.suspended)
                ):
                    item = mailbox.popleft()
                else:
                    assert type(wait) is Receive
                    found = self._select(cell, wait)
                    if found is None:
                        if cell.wait is not None or not cell.alive:
                            break
                        continue
                    item = found
                    wait.finish()
                cell.wait = None
                cell.last = item
                cell.handled += 1
                value, error = item[0], None
            handled += 1
            try:
                waited = coroutine.send(value) if error is None else coroutine.throw(error)
            except KeyboardInterrupt:
                raise
            except StopIteration as stop:
                if type(stop.value) is CoroutineType:
                    cell.coroutine = coroutine = stop.value  # `init` is done, this is `run`
                    continue
                cell.coroutine = None
                self.node.signals.die(cell, NORMAL)
            except BaseException as raised:  # noqa: BLE001 - whatever a process raises is its exit reason
                cell.coroutine = None
                if cell.alive:
                    cell.actor._runtime_failed(raised)
            else:
                if not cell.alive:
                    cell.coroutine = None
                    close(cell, coroutine)
                elif type(waited) is Receive:
                    cell.wait = waited
                    cell.last = None
                    if waited.timeout is not None:
                        self._undated.append(waited)
                elif isinstance(waited, Wait):
                    cell.wait = waited
                    cell.busy = True
                else:
                    cell.error = RuntimeError(
                        f"a coroutine process awaited {waited!r}; foreign awaitables go through self.io(…)"
                    )
                if post.sent - sent_before > SENT_PER_TURN:
                    is_over = True
                elif handled >= most:
                    is_over = cell.mailbox is None or not self._goes_on(cell.mailbox, handled)
                    most += MESSAGES_PER_TURN
        if post.sent - sent_before > MUCH_SENT:
            self._let_receiver_follow()
        if cell.alive and not cell.busy:
            if is_over:
                self._requeue(cell)
            elif cell.mailbox is not None and not cell.mailbox and not cell.warm:
                cell.warm = True
                self._warm.append(cell)
        return handled

    def _select(self, cell: Cell, wait: Receive) -> Item | None:
        """The first message that the receive accepts, taken out of the mailbox. None also when the receive failed."""
        try:
            saved = cell.saved
            if saved and not wait.scanned and not cell.suspended:
                item = saved.take(wait.match)
                if item is not None:
                    if not saved:
                        cell.saved = None
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
                    self._verify(item)
                    accepted = wait.accepts(message)  # one that raises loses nothing
                    mailbox.popleft()
                    if accepted:
                        return item
                    if cell.saved is None:
                        cell.saved = SavedMail()
                    cell.saved.append(item)
            if wait.last_look and not cell.suspended:
                self._fail(cell, wait, wait.nothing_came())
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - a predicate of the process raised: so does its receive
            self._fail(cell, wait, error)
        return None

    @staticmethod
    def _fail(cell: Cell, wait: Receive, error: BaseException) -> None:
        wait.finish()
        cell.wait = None
        cell.error = error

    @staticmethod
    def _failed(cell: Cell, error: BaseException) -> None:
        cell.actor._runtime_failed(error)

    def _verify(self, item: Item) -> None:
        """Strict mode: raise if the message has changed since it was sent."""
        if len(item) == 3 and item[2] is not None:
            self.node.strictness.verify(item[0], item[2])


def discard(coroutine: Any) -> None:
    """Close a coroutine that may not have begun, and then those it was given to await."""
    if inspect.getcoroutinestate(coroutine) == inspect.CORO_CREATED:
        for value in tuple(coroutine.cr_frame.f_locals.values()):
            if type(value) is CoroutineType:
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
