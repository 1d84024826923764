"""A node: the processes of one event loop, their names, calls, timers and dossiers.

async with Node("whapps1@host") as node:
    pid = await node.start(Counter, name=Name("service", "counter"))
    await node.call(Name("service", "counter"), Get())
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final, NoReturn, Self

import structlog

from mirliton.runtime import garbage, spawning, via
from mirliton.runtime.addresses import Address, Name, NameAt, Pid, ProcessName, Via
from mirliton.runtime.alarm import Alarm
from mirliton.runtime.calls import Calls
from mirliton.runtime.cell import Cell
from mirliton.runtime.clock import Clock, RealClock
from mirliton.runtime.cluster_names import ClusterNames
from mirliton.runtime.dossier import Dossier, Dossiers
from mirliton.runtime.errors import (
    CodecError,
    StartError,
)
from mirliton.runtime.groups import Groups
from mirliton.runtime.introspect import Sys
from mirliton.runtime.overflow import Overflow
from mirliton.runtime.plain_actors import PlainActors
from mirliton.runtime.post import Post
from mirliton.runtime.protocol import Call, Cast, From, Ref
from mirliton.runtime.reasons import KILL, SHUTDOWN
from mirliton.runtime.registry import Registry
from mirliton.runtime.scheduler import Scheduler
from mirliton.runtime.signals import Signals
from mirliton.runtime.strict import Strictness
from mirliton.runtime.timers import Timer, TimerQueue
from mirliton.runtime.watchdog import Watch, Watchdog, unwatch, watch

if TYPE_CHECKING:
    from mirliton.runtime.distribution import Distribution

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
    changes, or a sender changes after sending, raises StrictModeViolation. With a `watchdog` handlers that hold the
    loop are reported and ended (see watchdog.py). `short_pauses` is for nodes of many processes: it keeps the garbage
    collector of this OS process from looking at all of them again and again (see garbage.py).
    """

    def __init__(
        self,
        name: str = "mirliton@localhost",
        *,
        clock: Clock | None = None,
        strict: bool = False,
        incarnation: int | None = None,
        watchdog: Watchdog | None = None,
        short_pauses: bool = False,
    ) -> None:
        self.name = name
        self.incarnation = time.time_ns() // 1000 if incarnation is None else incarnation
        self.root = Pid(name, self.incarnation, 0)
        """The parent of every process that no other process started: at its word they shut down."""
        self.outside = Pid(name, self.incarnation, -1)
        """Who sends the exit signals that no process sends."""
        self.clock: Clock = clock or RealClock()
        self.loop: asyncio.AbstractEventLoop = _not_started(name)
        self.scheduler: Scheduler = _not_started(name)
        self.log: structlog.stdlib.BoundLogger = structlog.get_logger("mirliton").bind(node=name)
        self.calls = Calls(self)
        self.post = Post(self, self.calls)
        self.cells: dict[int, Cell] = {}
        """The living processes by the serial of their Pids, oldest first."""
        self.strict = strict
        self.registry = Registry(self)
        self.signals = Signals(self)
        self.timers = TimerQueue()
        self.dossiers = Dossiers(later=lambda seconds, work: self.loop.call_later(seconds, work))
        self.sys = Sys(self)
        self.thespian = PlainActors(self)
        self.groups = Groups(self)
        self.elsewhere: Callable[[Pid, Any, Pid | None], bool] | None = None
        """Takes (to, message, sender) for a process of another node; whether it could."""
        self.distribution: Distribution | None = None
        """This node's part in a cluster, while it has one."""
        self.cluster_names: ClusterNames | None = None
        """Leads to the holders of Names that are not of this node alone, while there are such."""
        self.on_exit: list[ExitHook] = []
        """Called with (cell, reason, names, dossier) at every death."""
        self.strict_violations: list[CodecError] = []
        self.strictness = Strictness(self)
        self.overflow = Overflow(self)
        self.spawned: Counter[str] = Counter()
        self.exited: Counter[tuple[str, str]] = Counter()
        """Ends by (class, kind), kind being normal, shutdown, killed or crash."""
        self.serials = itertools.count(1)
        self._refs = itertools.count(1)
        self.alarm = Alarm(self)
        self._watchdog = watchdog
        self._short_pauses = short_pauses
        self.watch: Watch | None = None
        """What the watchdog has seen, while the node runs with one."""

    # Life

    async def __aenter__(self) -> Self:
        self.attach(asyncio.get_running_loop())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Run on this loop from now on."""
        self.loop = loop
        self.scheduler = self.post.scheduler = Scheduler(self, loop)
        if self._watchdog is not None:
            self.watch = watch(self, self._watchdog)
        if self._short_pauses:
            garbage.short_pauses.begin(self)

    async def stop(self, timeout: float = STOP_TIMEOUT) -> None:
        """Shut down the processes that no other process is the parent of, newest first, each with all that hangs on it.

        What has not ended after `timeout` seconds in all is killed.
        """
        self.strictness.check_unchanged()
        ends_at = self.clock.now() + timeout
        # What a process of another node has started has no parent here either.
        for cell in [cell for cell in reversed(list(self.cells.values())) if self._is_topmost(cell)]:
            if not cell.alive:
                continue
            self.signals.exit(cell, cell.parent, SHUTDOWN)
            killer = self.after(ends_at - self.clock.now(), self._kill_at_stop, cell)
            await self.wait_exit(cell.pid, None)
            self.timers.cancel(killer)
        for cell in list(self.cells.values()):
            self.signals.exit(cell, cell.pid, KILL)
        tasks = set(self.scheduler.tasks) - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        if tasks:
            _, stubborn = await asyncio.wait(tasks, timeout=TASKS_TIMEOUT)
            for task in stubborn:
                self.log.error("task_ignored_its_end", task=repr(task))
        self.alarm.stop()
        garbage.short_pauses.end(self)
        if self.watch is not None:
            unwatch(self.watch)

    def _is_topmost(self, cell: Cell) -> bool:
        return cell.parent == self.root or cell.parent.node != self.name

    def _kill_at_stop(self, cell: Cell) -> None:
        self.log.warning("killed_at_stop", pid=str(cell.pid), name=cell.label)
        self.signals.exit(cell, cell.pid, KILL)

    # Processes

    def spawn(self, cls: type, *args: Any, name: ProcessName | None = None, **kwargs: Any) -> Pid:
        """Start a process without waiting for its init. Raises AlreadyStarted when `name` is taken."""
        return spawning.create(self, cls, args, kwargs, name).pid

    async def start(
        self, cls: type, *args: Any, name: ProcessName | None = None, timeout: float | None = 60.0, **kwargs: Any
    ) -> Pid:
        """Start a process and wait until its init is done.

        Raises StartError (also when init answered IGNORE, or took more than `timeout` seconds), AlreadyStarted.
        """
        pid = await spawning.begin(self, cls, args, kwargs, name, timeout=timeout)
        if pid is None:
            raise StartError(cls.__qualname__, "ignore")
        return pid

    def create(
        self,
        cls: type,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        *,
        name: ProcessName | None = None,
        keep_mail: bool = False,
    ) -> Cell:
        """Make a process that no other is the parent of; see spawning.create."""
        return spawning.create(self, cls, args, kwargs, name, keep_mail=keep_mail)

    def unborn(self) -> Pid:
        """An address that no process has or will have."""
        return Pid(self.name, self.incarnation, next(self.serials))

    def new_cell(self, actor: Any, parent: Cell | None, kind: str) -> Cell:
        """Give an actor object a place on this node; `kind` is the name of its class."""
        return spawning.new_cell(self, actor, parent, kind)

    def processes(self) -> Iterator[Cell]:
        """All living processes."""
        return iter(list(self.cells.values()))

    def __len__(self) -> int:
        return len(self.cells)

    def find(self, address: Address) -> Cell | None:
        """The living process at an address, if it is here."""
        if type(address) is Name:
            return self.registry.find(address)
        if type(address) is Pid:
            cell = address.cell
            if cell is not None and cell.node is self:
                return cell if cell.alive else None
            if address.incarnation == self.incarnation and address.node == self.name:
                return self.cells.get(address.serial)
        if type(address) is Via:
            return via.holder(self, address)
        if type(address) is NameAt and address.node == self.name:
            return self.registry.find(address.name)
        return None

    def at(self, serial: int) -> Cell | None:
        """The living process whose Pid has this serial."""
        return self.cells.get(serial)

    def whereis(self, name: ProcessName) -> Pid | None:
        """Who holds `name` now: here, or, where nodes share it, elsewhere."""
        cell = self.find(name)
        if cell is not None:
            return cell.pid
        return self.distribution.whereis(name) if self.distribution is not None else None

    # Messages

    def send(self, to: Address, message: Any, sender: Cell | None = None) -> None:
        """Send a message from `sender`, or from outside all processes.

        Mail to nobody is a dead letter: it is counted and gone. Raises MailboxFull where the receiver says so.
        """
        self.post.send(to, message, sender)

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
        _ = self.scheduler.tasks  # raises where the node has not been started
        call = self.calls.begin(to, caller, timeout)
        try:
            self.post.ask(to, make(From(self.name, call.tag, caller.pid if caller is not None else None)), call)
            return await call
        finally:
            if not call.done:
                self.calls.forget(call.tag)

    def reply(self, sender: From, value: Any) -> None:
        """Answer a call; a late or second answer is dropped."""
        self.post.reply(sender, value)

    def deliver(self, cell: Cell, message: Any, sender: Pid | None) -> None:
        """Put a message at the end of a mailbox, without regard to a bound."""
        self.post.deliver(cell, message, sender)

    @property
    def strict(self) -> bool:
        """Whether every message goes through the codec as well."""
        return self.post.strict

    @strict.setter
    def strict(self, on: bool) -> None:
        self.post.strict = on
        self.post.careful = on or type(self).deliver is not Node.deliver
        for cell in self.cells.values():
            cell.open_or_close()

    @property
    def messages_sent(self) -> int:
        return self.post.sent

    @property
    def dead_letters(self) -> int:
        """Messages to nobody."""
        return self.post.dead_letters

    @property
    def dropped(self) -> int:
        """Messages that bounded mailboxes dropped."""
        return self.overflow.dropped

    def check(self, value: Any) -> bytes:
        """The frame of a value that must come out of the codec as it went in.

        Raises NotSerialisable, or StrictModeViolation, which is noted as well.
        """
        return self.strictness.check(value)

    # Signals and time

    def exit(self, pid: Pid, reason: Any, sender: Pid | None = None) -> None:
        """Send an exit signal; "kill" cannot be trapped."""
        cell = self.find(pid)
        if cell is not None:
            self.signals.exit(cell, sender or self.outside, reason)
        elif self.distribution is not None:
            self.distribution.exit(pid, sender or self.outside, reason)

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
        due = self.clock.now()
        if delay > 0:
            due += delay
        timer = Timer(due, self.timers.take_turn(), callback, argument)
        self.set_timer(timer)
        return timer

    def set_timer(self, timer: Timer) -> None:
        """Let a timer fire at its time."""
        self.timers.put(timer)
        if timer.due < self.alarm.due:
            self.alarm.set(timer.due)

    def fire_due(self) -> bool:
        """Run the timers that are due now. Whether there were any."""
        return self.alarm.fire_due()
