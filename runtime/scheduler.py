"""The run queue: which process runs next, and for how long.

Processes with mail stand in one queue and take turns on the event loop: no Task and no Future per message (those cost
ten times as much as the message). A turn is at most 16 messages, a loop callback at most 256 handled or sent, or 4 ms
of slow ones, which keeps other users of the loop (sockets, timers) within a fraction of a millisecond and costs nothing
measurable.

What a process does in its turn is in handler_turn.py and script_turn.py; what it leaves to a Task is in tasks.py.
"""

from __future__ import annotations

from collections import deque
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from mypy_extensions import mypyc_attr

from mirliton.runtime import handler_turn
from mirliton.runtime.handler_turn import handle_mail
from mirliton.runtime.script_turn import run_script
from mirliton.runtime.tasks import Tasks

if TYPE_CHECKING:
    import asyncio

    from mirliton.runtime.cell import Cell, Item
    from mirliton.runtime.node import Node
    from mirliton.runtime.waits import Receive

MESSAGES_PER_TURN: Final = 16
MESSAGES_PER_SLICE: Final = 256
"""Handled and sent: of a flood as much is sent as is handled, so that neither side outruns the other."""
FLOODED: Final = 256
"""A process with more mail than this goes on to the end of the slice, and its next turn comes soon."""
SECONDS_PER_SLICE: Final = 0.004
"""After so long the other users of the loop get their turn, however few messages it were."""
MESSAGES_PER_START: Final = 2
"""What a process that begins in the turn of its starter takes of that slice."""
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
        self.tasks = Tasks(node, loop)
        self.turns = 0
        self.seconds_per_slice = SECONDS_PER_SLICE
        self.messages_per_turn = MESSAGES_PER_TURN
        self.step = 1
        """Messages until the clock is looked at."""
        self.undated: list[Receive] = []
        """Receives of this slice that have no deadline yet."""
        self._scheduled = False
        self._budget = 0
        """Messages that this slice of the loop may still handle."""
        self._ends = 0.0
        self._nested = 0
        self._flooded: deque[Cell] = deque()
        """Processes with much mail: every other turn is one of theirs. Empty where `ready` is."""
        self._flooded_next = False
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

    def _slice(self) -> None:
        ready = self.ready
        flooded = self._flooded
        self._budget = MESSAGES_PER_SLICE
        self.turns += 1
        # The clock is read after 1, 2, 4 … 16 messages: slow handlers are noticed early, quick ones cost few readings.
        ends = self._ends = monotonic() + self.seconds_per_slice
        self.step = 1
        unwatched = 0
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
                work = 0
                if not cell.busy:
                    if cell.init is not None:
                        handler_turn.begin(self, cell)
                    work = handle_mail(self, cell) if cell.coroutine is None else run_script(self, cell)
                if work == 0:
                    work = 1
                self._budget -= work  # not in one statement: a turn lowers it too, see `begin`
                unwatched += work
                if unwatched >= self.step:
                    if monotonic() > ends:
                        break
                    unwatched = 0
                    if self.step < self.messages_per_turn:
                        self.step *= 2
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

    def next_stop(self, cell: Cell, handled: int) -> int:
        """After how many messages a turn that has had `handled` is to ask again; the same number when it is over.

        A turn that the process's flood has made longer than others goes on until the mailbox is empty.
        """
        usual = self.messages_per_turn
        if handled == usual and (cell.mailbox is None or len(cell.mailbox) <= FLOODED):
            return handled
        if handled >= self._budget or monotonic() > self._ends:
            return handled
        if self.step < usual:
            self.step *= 2
        stop = handled + self.step
        return usual if handled < usual < stop else min(stop, self._budget)

    def requeue(self, cell: Cell) -> None:
        """Its turn is over, and it has more to do."""
        if cell.mailbox is not None and len(cell.mailbox) > FLOODED and not cell.queued:
            cell.queued = True
            self._flooded.append(cell)
        else:
            self.enqueue(cell)

    def let_receiver_follow(self) -> None:
        """Much was sent in this turn: if that has flooded the receiver its turn is near, before more is sent to it."""
        cell = self.post.last_receiver
        if cell is not None and cell.queued and cell.mailbox is not None and len(cell.mailbox) > FLOODED:
            try:
                self.ready.remove(cell)
            except ValueError:
                return  # it is among the flooded already
            self._flooded.append(cell)

    def keep_warm(self, cell: Cell) -> None:
        """Leave the process its empty mailbox for a while: more is likely to come soon."""
        if cell.mailbox is not None:
            cell.warm = True
            self._warm.append(cell)

    def _tidy_up(self) -> None:
        """What can wait until the slice is over, and is often not needed any more by then."""
        self.post.last_receiver = None
        self.post.calls.set_deadlines()
        if self.undated:
            undated, self.undated = self.undated, []
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
        self._budget -= MESSAGES_PER_START
        self._nested += 1
        before, self.current = self.current, cell
        try:
            handler_turn.begin(self, cell)
            if cell.coroutine is not None:
                run_script(self, cell)
            elif cell.alive and cell.mailbox and not cell.busy:
                self.enqueue(cell)
        finally:
            self.current = before
            self._nested -= 1

    def verify(self, item: Item) -> None:
        """Strict mode: raise if the message has changed since it was sent."""
        if len(item) == 3 and item[2] is not None:
            self.node.strictness.verify(item[0], item[2])
