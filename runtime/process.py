"""What every process can do. GenServer and CoroutineProcess stand on it; plain Thespian actors run beside it."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, TypeVar

from thespian.actors import Actor

from mirliton.runtime.addresses import Address, Name, Pid
from mirliton.runtime.codec import register_process_class
from mirliton.runtime.dossier import state_of
from mirliton.runtime.errors import CallingSelf, Exit, StartError
from mirliton.runtime.protocol import Call, Cast, Completed, From, Init, Ref, TimerFired
from mirliton.runtime.reasons import KILL, reason_of
from mirliton.runtime.waits import Wait

if TYPE_CHECKING:
    import structlog

    from mirliton.runtime.cell import Cell
    from mirliton.runtime.node import Node

P = TypeVar("P", bound="Process")


class TimerRef:
    """A timer that a process has set; give it to `cancel_timer`."""

    __slots__ = ("ref", "timer")

    def __init__(self, ref: Ref, timer: Any) -> None:
        self.ref = ref
        self.timer = timer


class Process(Actor):
    """A process: an actor with links, monitors, timers and calls. Subclass GenServer or CoroutineProcess instead.

    A dead process can do nothing more: code of it that still runs (a cancelled Task, say) is ended by an `Exit` at the
    first thing it tries.
    """

    trace_id: str | None = None
    """What this process works on (a call-id, say): stands in its log lines and its dossier."""
    mailbox_limit: int = 0
    """Messages that may wait; 0 is no bound. Signals and replies are not counted against it."""
    mailbox_overflow: str = "refuse"
    """What happens at the bound: "refuse" (the sender gets MailboxFull), "drop_oldest" or "drop_newest"."""

    _myRef: Cell  # noqa: N815 - Thespian's name

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        register_process_class(cls)

    @property
    def _cell(self) -> Cell:
        cell = self._myRef
        if not cell.alive:
            raise Exit(cell.reason)
        return cell

    @property
    def pid(self) -> Pid:
        """This process's own address."""
        return self._myRef.pid

    @property
    def parent(self) -> Pid:
        """Who started this process; the node itself (`node.root`) where no process did."""
        return self._myRef.parent

    @property
    def node(self) -> Node:
        """The node this process lives on."""
        return self._myRef.node

    @property
    def log(self) -> structlog.stdlib.BoundLogger:
        """A logger that knows who speaks."""
        logger = self._myRef.node.log.bind(pid=str(self.pid), name=self._myRef.label)
        return logger.bind(call_id=self.trace_id) if self.trace_id else logger

    def state(self) -> Any:
        """What `sys.get_state` shows: by default the attributes."""
        return state_of(self)

    def set_state(self, state: Any) -> None:
        """Take the state that `sys.replace_state` made: by default a dict of attributes."""
        for key, value in state.items():
            setattr(self, key, value)

    # Messages

    def send(self, to: Address, message: Any) -> None:
        """Send a message: it arrives at the receiver's `handle_info`. Never fails; mail to nobody is counted."""
        cell = self._cell
        cell.node.send(to, message, cell)

    def cast(self, to: Address, request: Any) -> None:
        """Send a request that has no answer: it arrives at `handle_cast`."""
        cell = self._cell
        cell.node.send(to, Cast(request), cell)

    async def call(self, to: Address, request: Any, timeout: float | None = 5.0) -> Any:
        """Send a request and wait for its answer, `timeout` seconds at most (None: for ever).

        Raises NoProc, CallTimeout, ServerDied or CallingSelf. A late answer is dropped.
        """
        cell = self._cell
        if cell.node.find(to) is cell:
            raise CallingSelf(to)
        return await cell.node.request(to, timeout, lambda sender: Call(sender, request), cell)

    def reply(self, sender: From, value: Any) -> None:
        """Answer a call, now or later, from any process."""
        self._cell.node.reply(sender, value)

    # Other processes

    def spawn(self, cls: type[P], *args: Any, name: Name | None = None, keep_mail: bool = False, **kwargs: Any) -> Pid:
        """Start a process without waiting for its init. Raises AlreadyStarted when `name` is taken."""
        cell = self._cell
        return cell.node.create(cls, args, kwargs, name=name, keep_mail=keep_mail, parent=cell).pid

    def spawn_link(
        self, cls: type[P], *args: Any, name: Name | None = None, keep_mail: bool = False, **kwargs: Any
    ) -> Pid:
        """`spawn`, linked before the child runs."""
        cell = self._cell
        return cell.node.create(cls, args, kwargs, name=name, keep_mail=keep_mail, parent=cell, link=True).pid

    def spawn_monitor(self, cls: type[P], *args: Any, name: Name | None = None, **kwargs: Any) -> tuple[Pid, Ref]:
        """`spawn`, monitored before the child runs."""
        pid = self.spawn(cls, *args, name=name, **kwargs)
        return pid, self.monitor(pid)

    async def start_link(
        self,
        cls: type[P],
        *args: Any,
        name: Name | None = None,
        keep_mail: bool = False,
        timeout: float | None = None,
        **kwargs: Any,
    ) -> Pid | None:
        """Start a linked process and wait until its init is done (None when it answered IGNORE).

        Raises StartError with the reason, AlreadyStarted, or StartError("timeout") after `timeout` seconds, when the
        child has been killed. As in OTP a starter that does not trap exits dies of a failed linked start.
        """
        return await self._start(cls, args, kwargs, name, keep_mail, timeout, link=True)

    async def start(
        self,
        cls: type[P],
        *args: Any,
        name: Name | None = None,
        keep_mail: bool = False,
        timeout: float | None = None,
        **kwargs: Any,
    ) -> Pid | None:
        """`start_link` without the link."""
        return await self._start(cls, args, kwargs, name, keep_mail, timeout, link=False)

    async def _start(
        self,
        cls: type[P],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        name: Name | None,
        keep_mail: bool,
        timeout: float | None,
        *,
        link: bool,
    ) -> Pid | None:
        cell = self._cell
        node = cell.node
        sender, wait = node.calls.open(cls.__qualname__, cell, None)
        timer = None
        try:
            child = node.create(
                cls, args, kwargs, name=name, keep_mail=keep_mail, parent=cell, link=link, starter=sender.tag
            )
            if timeout is not None:
                timer = node.after(timeout, self._start_timed_out, (child.pid, sender.tag, link))
            pid: Pid | None = await wait
            return pid
        finally:
            node.calls.forget(sender.tag)
            if timer is not None:
                node.timers.cancel(timer)

    def _start_timed_out(self, argument: tuple[Pid, int, bool]) -> None:
        pid, tag, link = argument
        node = self._myRef.node
        if link:
            node.signals.unlink(self._myRef, pid)
        node.calls.fail(tag, StartError(pid, "timeout"))
        node.exit(pid, KILL)

    # Signals

    def link(self, pid: Pid) -> None:
        """Share an abnormal end with `pid`, both ways."""
        self._cell.node.signals.link(self._cell, pid)
        self._check_alive()

    def unlink(self, pid: Pid) -> None:
        """Undo `link`, from either side."""
        self._cell.node.signals.unlink(self._cell, pid)

    def monitor(self, process: Address) -> Ref:
        """Be told by a Down when `process` ends (at once, with `noproc`, when there is none)."""
        return self._cell.node.signals.monitor(self._cell, process)

    def demonitor(self, ref: Ref, flush: bool = False) -> bool:
        """End a monitor; `flush` also takes back a Down that is already in the mailbox. Whether it was active."""
        return self._cell.node.signals.demonitor(self._cell, ref, flush)

    def trap_exit(self, on: bool = True) -> bool:
        """Whether exit signals become ExitSignal messages. Returns what it was."""
        cell = self._cell
        before, cell.trap = cell.trap, on
        return before

    def exit(self, to: Pid, reason: Any) -> None:
        """Send an exit signal; "kill" cannot be trapped. To end oneself, `raise Exit(reason)`."""
        cell = self._cell
        cell.node.exit(to, reason, cell.pid)
        self._check_alive()

    def _check_alive(self) -> None:
        cell = self._myRef
        if not cell.alive:
            raise Exit(cell.reason)

    # Names

    def register(self, name: Name) -> None:
        """Take `name`. Raises NameTaken."""
        self._cell.node.registry.register(name, self._cell)

    def unregister(self, name: Name) -> None:
        """Give `name` back. Raises NameNotRegistered."""
        self._cell.node.registry.unregister(name, self._cell)

    def whereis(self, name: Name) -> Pid | None:
        """Who holds `name` now."""
        return self._cell.node.whereis(name)

    # Time

    def send_after(self, delay: float, to: Address, message: Any) -> TimerRef:
        """Send `message` in `delay` seconds, unless cancelled, or this process or a Pid target ends before.

        A Name is looked up when the time has come.
        """
        cell = self._cell
        return self._arm(delay, lambda: cell.node.send(to, message, cell))

    def start_timer(self, delay: float, message: Any) -> TimerRef:
        """Be sent TimerFired(ref, message) in `delay` seconds."""
        cell = self._cell
        ref = cell.node.new_ref()
        return self._arm(delay, lambda: cell.node.deliver(cell, TimerFired(ref, message), cell.pid), ref)

    def _arm(self, delay: float, action: Any, ref: Ref | None = None) -> TimerRef:
        cell = self._cell
        ref = ref or cell.node.new_ref()

        def fire(_: Any) -> None:
            if cell.timers is not None:
                cell.timers.discard(timer)
            action()

        timer = cell.node.after(delay, fire, None)
        if cell.timers is None:
            cell.timers = set()
        cell.timers.add(timer)
        return TimerRef(ref, timer)

    def cancel_timer(self, timer: TimerRef) -> float | None:
        """Seconds that were left, or None when it had fired or was cancelled."""
        cell = self._cell
        left = self.read_timer(timer)
        if cell.timers is not None:
            cell.timers.discard(timer.timer)
        cell.node.timers.cancel(timer.timer)
        return left

    def read_timer(self, timer: TimerRef) -> float | None:
        """Seconds left, or None when it has fired or was cancelled."""
        if not timer.timer.pending:
            return None
        return max(0.0, float(timer.timer.due - self._cell.node.clock.now()))

    async def sleep(self, seconds: float) -> None:
        """Take no message for that long. Signals still act."""
        cell = self._cell
        wait = Wait(cell)
        timer = cell.node.after(seconds, wait.resolve, None)
        try:
            await wait
        finally:
            cell.node.timers.cancel(timer)

    def background(self, awaitable: Awaitable[Any], tag: Any) -> None:
        """Run foreign work beside this process; it ends as a Completed(tag, value, error) message.

        The work is cancelled when the process ends.
        """
        cell = self._cell
        node = cell.node

        async def work() -> None:
            try:
                value = await awaitable
            except Exception as error:  # noqa: BLE001 - handed to the process
                done = Completed(tag, None, reason_of(error))
            else:
                done = Completed(tag, value)
            if cell.alive:
                node.deliver(cell, done, cell.pid)

        node.background(cell, work())

    # What the scheduler calls

    def _begin(self, message: Init) -> Any:
        raise NotImplementedError

    def _failed(self, error: BaseException) -> None:
        """An exception came out of a handler."""
        cell = self._myRef
        cell.node.signals.die(cell, reason_of(error))
