"""A node: the processes of one event loop, their names, calls, timers and dossiers.

async with Node("whapps1@host") as node:
    pid = await node.start(Counter, name=Name("service", "counter"))
    await node.call(Name("service", "counter"), Get())
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from typing import Any, Final, NoReturn, Self

import structlog

from mirliton.runtime.addresses import Address, Name, Pid
from mirliton.runtime.calls import Calls
from mirliton.runtime.cell import Cell
from mirliton.runtime.clock import Clock, RealClock
from mirliton.runtime.codec import decode, encode
from mirliton.runtime.dossier import Dossier, Dossiers
from mirliton.runtime.errors import (
    AlreadyStarted,
    CodecError,
    MailboxFull,
    NoProc,
    PreviousIncarnation,
    RuntimeFault,
    StartError,
    StrictModeViolation,
)
from mirliton.runtime.introspect import Sys
from mirliton.runtime.plain_actors import PlainActors
from mirliton.runtime.protocol import Call, Cast, From, Init, Ref
from mirliton.runtime.reasons import KILL, SHUTDOWN
from mirliton.runtime.registry import Registry
from mirliton.runtime.scheduler import Scheduler
from mirliton.runtime.signals import Signals
from mirliton.runtime.timers import Timer, TimerQueue

STOP_TIMEOUT: Final = 10.0
"""Seconds that the processes of a stopping node have, all together, before they are killed."""

TASKS_TIMEOUT: Final = 1.0
"""Seconds that the Tasks of killed processes have to leave; one that stays is reported."""

ExitHook = Callable[[Cell, Any, "list[Name] | None", "Dossier | None"], None]


class _NotStarted:
    """Stands where the loop will be: a plain attribute is read faster than a property that checks."""

    def __init__(self, node: str) -> None:
        self._node = node

    def __getattr__(self, _: str) -> NoReturn:
        raise RuntimeError(f"node {self._node} has not been started: use `async with`")


def _not_started(node: str) -> Any:
    return _NotStarted(node)


class Node:
    """The processes of one event loop.

    `name` is unique among nodes that talk to each other; each start is a new `incarnation`, so that the pids of an
    earlier one are known to be stale. With `strict` every message goes through the codec as well, and what the codec
    changes, or a sender changes after sending, raises StrictModeViolation.
    """

    def __init__(
        self,
        name: str = "mirliton@localhost",
        *,
        clock: Clock | None = None,
        strict: bool = False,
        incarnation: int | None = None,
    ) -> None:
        self.name = name
        self.incarnation = time.time_ns() // 1000 if incarnation is None else incarnation
        self.root = Pid(name, self.incarnation, 0)
        """The parent of every process that no other process started: at its word they shut down."""
        self.clock: Clock = clock or RealClock()
        self.strict = strict
        self.loop: asyncio.AbstractEventLoop = _not_started(name)
        self.scheduler: Scheduler = _not_started(name)
        self.log: structlog.stdlib.BoundLogger = structlog.get_logger("mirliton").bind(node=name)
        self.calls = Calls(self)
        self.registry = Registry(self)
        self.signals = Signals(self)
        self.timers = TimerQueue()
        self.dossiers = Dossiers()
        self.sys = Sys(self)
        self.thespian = PlainActors(self)
        self.elsewhere: Callable[[Pid, Any, Pid | None], bool] | None = None
        """Takes (to, message, sender) for a process of another node; whether it could."""
        self.on_exit: list[ExitHook] = []
        """Called with (cell, reason, names, dossier) at every death."""
        self.strict_violations: list[CodecError] = []
        self.messages_sent = 0
        self.dead_letters = 0
        self.dropped = 0
        """Messages that a bounded mailbox dropped."""
        self.spawned: Counter[str] = Counter()
        self.exited: Counter[tuple[str, str]] = Counter()
        """Ends by (class, kind), kind being normal, shutdown, killed or crash."""
        self._cells: dict[int, Cell] = {}
        self._serials = itertools.count(1)
        self._refs = itertools.count(1)
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_due = 0.0

    # Life

    async def __aenter__(self) -> Self:
        self.attach(asyncio.get_running_loop())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Run on this loop from now on."""
        self.loop = loop
        self.scheduler = Scheduler(self, loop)

    async def stop(self, timeout: float = STOP_TIMEOUT) -> None:
        """Shut down the processes that no other process is the parent of, newest first, each with all that hangs on it.

        What has not ended after `timeout` seconds in all is killed.
        """
        ends_at = self.clock.now() + timeout
        for cell in [cell for cell in reversed(list(self._cells.values())) if cell.parent == self.root]:
            if not cell.alive:
                continue
            self.signals.exit(cell, self.root, SHUTDOWN)
            killer = self.after(ends_at - self.clock.now(), self._kill_at_stop, cell)
            await self.wait_exit(cell.pid, None)
            self.timers.cancel(killer)
        for cell in list(self._cells.values()):
            self.signals.exit(cell, cell.pid, KILL)
        tasks = self.scheduler.tasks - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        if tasks:
            _, stubborn = await asyncio.wait(tasks, timeout=TASKS_TIMEOUT)
            for task in stubborn:
                self.log.error("task_ignored_its_end", task=repr(task))
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _kill_at_stop(self, cell: Cell) -> None:
        self.log.warning("killed_at_stop", pid=str(cell.pid), name=cell.label)
        self.signals.exit(cell, cell.pid, KILL)

    # Processes

    def spawn(self, cls: type, *args: Any, name: Name | None = None, **kwargs: Any) -> Pid:
        """Start a process without waiting for its init. Raises AlreadyStarted when `name` is taken."""
        return self.create(cls, args, kwargs, name=name).pid

    async def start(
        self, cls: type, *args: Any, name: Name | None = None, timeout: float | None = 60.0, **kwargs: Any
    ) -> Pid:
        """Start a process and wait until its init is done.

        Raises StartError (also when init answered IGNORE, or took more than `timeout` seconds), AlreadyStarted.
        """
        pid = await self.begin(cls, args, kwargs, name=name, timeout=timeout)
        if pid is None:
            raise StartError(cls.__qualname__, "ignore")
        return pid

    async def begin(
        self,
        cls: type,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        *,
        name: Name | None = None,
        keep_mail: bool = False,
        timeout: float | None = None,
        parent: Cell | None = None,
        link: bool = False,
    ) -> Pid | None:
        """Make a process and wait until its init is done; None when it answered IGNORE. See Process.start_link."""
        sender, wait = self.calls.open(cls.__qualname__, parent, None)
        try:
            cell = self.create(
                cls, args, kwargs, name=name, keep_mail=keep_mail, parent=parent, link=link, starter=sender.tag
            )
            if timeout is not None:
                self.calls.deadline(sender.tag, self.after(timeout, self.give_up_start, cell))
            pid: Pid | None = await wait
            return pid
        finally:
            self.calls.forget(sender.tag)

    def give_up_start(self, cell: Cell) -> None:
        """Its init took too long: unlink it from its starter, tell the starter, kill it."""
        starter, cell.starter = cell.starter, 0
        parent = self.find(cell.parent)
        if parent is not None:
            self.signals.unlink(parent, cell.pid)
        self.calls.fail(starter, StartError(cell.kind, "timeout"))
        self.signals.exit(cell, self.root, KILL)

    def create(
        self,
        cls: type,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        *,
        name: Name | None = None,
        keep_mail: bool = False,
        parent: Cell | None = None,
        link: bool = False,
        starter: int = 0,
    ) -> Cell:
        """Make a process; its init is its first message. Raises AlreadyStarted.

        Its parent is who started it with a link; otherwise it belongs to the node, which shuts it down at its own end.
        """
        if name is not None and (holder := self.registry.find(name)) is not None:
            raise AlreadyStarted(cls.__qualname__, holder.pid)
        cell = self.new_cell(cls(), parent if link else None, cls.__qualname__)
        cell.actor._myRef = cell
        cell.starter = starter
        cell.keep_mail = keep_mail
        cell.limit = cell.actor.mailbox_limit
        cell.mailbox = deque(((Init(args, kwargs), None),))
        if name is not None:
            self.registry.register(name, cell)
        if link and parent is not None:
            self.signals.join(parent, cell)
        self.spawned[cls.__qualname__] += 1
        self.scheduler.enqueue(cell)
        return cell

    def unborn(self) -> Pid:
        """An address that no process has or will have."""
        return Pid(self.name, self.incarnation, next(self._serials))

    def new_cell(self, actor: Any, parent: Cell | None, kind: str) -> Cell:
        """Give an actor object a place on this node; `kind` is the name of its class."""
        pid = Pid(self.name, self.incarnation, next(self._serials))
        cell = Cell(self, pid, actor, parent.pid if parent is not None else self.root, kind)
        pid.cell = cell
        self._cells[pid.serial] = cell
        return cell

    def ended(self, cell: Cell) -> None:
        """A process has ended: forget it (called by Signals)."""
        self._cells.pop(cell.pid.serial, None)
        reason = cell.reason
        kind = reason if reason in ("normal", "shutdown", "killed") else "crash"
        if type(reason).__name__ == "Shutdown":
            kind = "shutdown"
        self.exited[cell.kind, str(kind)] += 1

    def processes(self) -> Iterator[Cell]:
        """All living processes."""
        return iter(list(self._cells.values()))

    def __len__(self) -> int:
        return len(self._cells)

    def find(self, address: Address) -> Cell | None:
        """The living process at an address, if it is here."""
        if type(address) is Name:
            return self.registry.find(address)
        if type(address) is Pid:
            cell = address.cell
            if cell is not None and cell.node is self:
                return cell if cell.alive else None
            if address.incarnation == self.incarnation and address.node == self.name:
                return self._cells.get(address.serial)
        return None

    def whereis(self, name: Name) -> Pid | None:
        """Who holds `name` now."""
        return self.registry.whereis(name)

    # Messages

    def send(self, to: Address, message: Any, sender: Cell | None = None) -> None:
        """Send a message from `sender`, or from outside all processes.

        Mail to nobody is a dead letter: it is counted and gone. Raises MailboxFull where the receiver says so.
        """
        self.messages_sent += 1
        cell = to.cell if type(to) is Pid else None
        if cell is None or cell.node is not self:
            cell = self.find(to)
        if cell is None or not cell.alive:
            if not self._pass_on(to, message, sender):
                self.dead_letter(to, message)
            return
        if cell.limit and len(cell) >= cell.limit and not self._make_room(cell):
            return
        self.deliver(cell, message, sender.pid if sender is not None else None)

    def cast(self, to: Address, request: Any) -> None:
        """Send a request without an answer, from outside all processes."""
        self.send(to, Cast(request))

    async def call(self, to: Address, request: Any, timeout: float | None = 5.0) -> Any:
        """Send a request from outside all processes and wait for its answer; raises CallError."""
        return await self.request(to, timeout, lambda sender: Call(sender, request))

    async def request(
        self, to: Address, timeout: float | None, make: Callable[[From], Any], caller: Cell | None = None
    ) -> Any:
        """Send what `make` makes of a return address, and wait for the answer."""
        sender, wait = self.calls.open(to, caller, timeout)
        try:
            message = make(sender)
            cell = self.find(to)
            if cell is not None:
                if cell.limit and len(cell) >= cell.limit and not self._make_room(cell):
                    raise MailboxFull(to, cell.limit)
                self.messages_sent += 1
                self.calls.bind(sender.tag, cell)
                self.deliver(cell, message, sender.pid)
            elif not (type(to) is Name and self.registry.park(to, self._item(message, caller))):
                raise self._nobody(to)
            return await wait
        finally:
            self.calls.forget(sender.tag)

    def reply(self, sender: From, value: Any) -> None:
        """Answer a call; a late or second answer is dropped."""
        if self.strict:
            self.check(value)
        self.calls.answer(sender, value)

    def deliver(self, cell: Cell, message: Any, sender: Pid | None) -> None:
        """Put a message at the end of a mailbox, without regard to a bound."""
        if not cell.alive:
            return
        item = (message, sender, self._strict_frame(message)) if self.strict else (message, sender)
        mailbox = cell.mailbox
        if mailbox is None:
            cell.mailbox = deque((item,))
        else:
            mailbox.append(item)
        if not cell.queued and not cell.busy:
            self.scheduler.enqueue(cell)

    def _item(self, message: Any, sender: Cell | None) -> tuple[Any, ...]:
        pid = sender.pid if sender is not None else None
        return (message, pid, self._strict_frame(message)) if self.strict else (message, pid)

    def _pass_on(self, to: Address, message: Any, sender: Cell | None) -> bool:
        """Whether somebody else than a living process here takes the message."""
        if type(to) is Name:
            return self.registry.park(to, self._item(message, sender))
        if self.elsewhere is None or type(to) is not Pid or (to.node, to.incarnation) == (self.name, self.incarnation):
            return False
        return self.elsewhere(to, message, sender.pid if sender is not None else None)

    def _nobody(self, to: Address) -> NoProc:
        if type(to) is Pid and to.node == self.name and to.incarnation != self.incarnation:
            return PreviousIncarnation(to)
        return NoProc(to)

    def _make_room(self, cell: Cell) -> bool:
        """Whether one more message may go into a mailbox that is at its bound."""
        if cell.actor.mailbox_overflow == "drop_oldest" and (oldest := cell.take_oldest()) is not None:
            self.dropped += 1
            if type(oldest[0]) is Call:
                self.calls.fail_with(oldest[0].sender.tag, lambda target: MailboxFull(target, cell.limit))
            return True
        if cell.actor.mailbox_overflow == "refuse":
            raise MailboxFull(cell.label, cell.limit)
        self.dropped += 1
        return False

    def dead_letter(self, to: Address, message: Any) -> None:
        """Nobody will read this message."""
        self.dead_letters += 1
        self.thespian.dead_letter(to, message)

    def _strict_frame(self, message: Any) -> bytes | None:
        return self.check(message) if self.thespian.in_codec(message) else None

    def check(self, value: Any) -> bytes:
        """The frame of a value that must come out of the codec as it went in.

        Raises NotSerialisable, or StrictModeViolation, which is noted as well.
        """
        frame = encode(value)
        copy = decode(frame)
        if copy != value or type(copy) is not type(value):
            violation = StrictModeViolation(value, copy)
            self.strict_violations.append(violation)
            raise violation
        return frame

    # Signals and time

    def exit(self, pid: Pid, reason: Any, sender: Pid | None = None) -> None:
        """Send an exit signal; "kill" cannot be trapped."""
        cell = self.find(pid)
        if cell is not None:
            self.signals.exit(cell, sender or Pid(self.name, self.incarnation, -1), reason)

    async def wait_exit(self, target: Address, timeout: float | None = 5.0) -> Any:
        """Wait until a process has ended; its exit reason ("noproc" when there is none).

        Raises TimeoutError after `timeout` seconds of real time.
        """
        future = self.loop.create_future()
        monitor = self.signals.watch(target, future)
        try:
            return await asyncio.wait_for(future, timeout)
        finally:
            self.signals.unwatch(monitor)

    def new_ref(self) -> Ref:
        return Ref(self.name, next(self._refs))

    def after(self, delay: float, callback: Callable[[Any], None], argument: Any = None) -> Timer:
        """Call `callback(argument)` on the loop in `delay` seconds of the node's clock."""
        timer = self.timers.add(self.clock.now() + max(0.0, delay), callback, argument)
        if isinstance(self.clock, RealClock) and (self._alarm is None or timer.due < self._alarm_due):
            self._set_alarm(timer.due)
        return timer

    def fire_due(self) -> bool:
        """Run the timers that are due now. Whether there were any."""
        fired = False
        while (timer := self.timers.pop_due(self.clock.now())) is not None:
            callback, timer.callback = timer.callback, None
            argument, timer.argument = timer.argument, None
            assert callback is not None
            try:
                callback(argument)
            except RuntimeFault as error:
                # A full mailbox, say. The other deadlines must not suffer.
                self.log.warning("timer_failed", error=str(error))
            fired = True
        return fired

    def _set_alarm(self, due: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm_due = due
        self._alarm = self.loop.call_at(self.loop.time() + max(0.0, due - self.clock.now()), self._ring)

    def _ring(self) -> None:
        self._alarm = None
        try:
            self.fire_due()
        finally:
            due = self.timers.next_due()
            if due is not None:
                self._set_alarm(due)
