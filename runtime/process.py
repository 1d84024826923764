"""What every process can do. GenServer and CoroutineProcess stand on it; plain Thespian actors run beside it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from types import coroutine
from typing import TYPE_CHECKING, Any, Final, TypeVar

from thespian.actors import Actor

from mirliton.runtime import overflow, requests, spawning
from mirliton.runtime.addresses import Address, Name, Pid, ProcessName
from mirliton.runtime.codec import register_process_class
from mirliton.runtime.dossier import state_of
from mirliton.runtime.errors import Exit, StartError
from mirliton.runtime.protocol import Call, Cast, From, Init, Ref, RequestId, TimerFired
from mirliton.runtime.reasons import reason_of
from mirliton.runtime.spawning import Start
from mirliton.runtime.timers import TimerRef
from mirliton.runtime.waits import Beside, Notice, Wait

if TYPE_CHECKING:
    import structlog

    from mirliton.runtime.cell import Cell
    from mirliton.runtime.node import Node

P = TypeVar("P", bound="Process")

_NOTHING: Final[Mapping[str, Any]] = {}


class Process(Actor):
    """A process: an actor with links, monitors, timers and calls. Subclass GenServer or CoroutineProcess instead.

    A dead process can do nothing more: code of it that still runs (a cancelled Task, say) is ended by an `Exit` at the
    first thing it tries.
    """

    _myRef: Cell  # noqa: N815 - Thespian's name

    trace_id: str | None = None
    """What this process works on (a call-id, say): stands in its log lines and its dossier."""
    mailbox_limit: int = 0
    """Messages that may wait; 0 is no bound. Signals and replies get in whatever waits."""
    mailbox_overflow: str = "refuse"
    """What happens at the bound: "refuse" (the sender gets MailboxFull), "drop_oldest" or "drop_newest"."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        overflow.check(cls.__qualname__, cls.mailbox_limit, cls.mailbox_overflow)
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
        """Who started this process with a link, and is obeyed; else the node itself (`node.root`)."""
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
        """Send a message: it arrives at the receiver's `handle_info`. Mail to nobody is counted and gone.

        Raises MailboxFull where the receiver has a bounded mailbox that refuses.
        """
        self._myRef.send(to, message)

    def cast(self, to: Address, request: Any) -> None:
        """Send a request that has no answer: it arrives at `handle_cast`. Raises as `send` does."""
        self._myRef.send(to, Cast(request))

    def reply(self, sender: From, value: Any) -> None:
        """Answer a call, now or later, from any process."""
        self._cell.post.reply(sender, value)

    def call(self, to: Address, request: Any, timeout: float | None = 5.0) -> Awaitable[Any]:
        """Send a request and wait for its answer, `timeout` seconds at most (None: for ever).

        Raises NoProc, CallTimeout, ServerDied or CallingSelf, or MailboxFull. A late answer is dropped.
        """
        cell = self._myRef
        if not cell.alive:
            raise Exit(cell.reason)
        if cell.coroutine is None:
            return cell.node.request(to, timeout, lambda sender: Call(sender, request), cell)
        return _call(cell, to, request, timeout)

    def send_request(self, to: Address, request: Any) -> RequestId:
        """Send a request as `call` does, and go on: its Response comes as a message, or by `receive_response`.

        Also to oneself. A server that is not there or ends gives a Response too. Raises MailboxFull.
        """
        return requests.send_request(self._cell, to, request)

    async def receive_response(self, request: RequestId, timeout: float | None = None) -> Any:
        """The answer to a request, `timeout` seconds at most (None: for ever); then it is given up, a late one dropped.

        Raises NoProc, ServerDied or CallTimeout; the last at once for a request that is answered or given up.
        """
        return await requests.receive_response(self._cell, request, timeout, give_up=True)

    async def wait_response(self, request: RequestId, timeout: float | None = None) -> Any:
        """`receive_response` which after a CallTimeout may be tried again: the request stays open."""
        return await requests.receive_response(self._cell, request, timeout, give_up=False)

    # Other processes

    def spawn(
        self, cls: type[P], *args: Any, name: ProcessName | None = None, keep_mail: bool = False, **kwargs: Any
    ) -> Pid:
        """Start a process without waiting for its init. Raises AlreadyStarted when `name` is taken."""
        cell = self._cell
        return spawning.create(cell.node, cls, args, kwargs, name, cell, False, keep_mail).pid

    def spawn_link(
        self, cls: type[P], *args: Any, name: ProcessName | None = None, keep_mail: bool = False, **kwargs: Any
    ) -> Pid:
        """`spawn`, linked before the child runs."""
        cell = self._cell
        return spawning.create(cell.node, cls, args, kwargs, name, cell, True, keep_mail).pid

    def spawn_monitor(
        self, cls: type[P], *args: Any, name: ProcessName | None = None, **kwargs: Any
    ) -> tuple[Pid, Ref]:
        """`spawn`, monitored before the child runs."""
        pid = self.spawn(cls, *args, name=name, **kwargs)
        return pid, self.monitor(pid)

    async def start_link(
        self,
        cls: type[P],
        *args: Any,
        name: ProcessName | None = None,
        keep_mail: bool = False,
        timeout: float | None = None,
        **kwargs: Any,
    ) -> Pid | None:
        """Start a linked process and wait until its init is done (None when it answered IGNORE).

        Raises StartError with the reason, AlreadyStarted, or StartError("timeout") after `timeout` seconds, when the
        child has been killed. As in OTP a starter that does not trap exits dies of a failed linked start.
        """
        cell = self._cell
        return await spawning.begin(cell.node, cls, args, kwargs, name, cell, True, keep_mail, timeout)

    def start_link_later(
        self,
        cls: type[P],
        *args: Any,
        tag: Any,
        name: ProcessName | None = None,
        keep_mail: bool = False,
        timeout: float | None = None,
        **kwargs: Any,
    ) -> Pid:
        """`start_link` whose outcome comes as a Completed(tag, value, error) message.

        `value` is the Pid or None (IGNORE), `error` the reason why it did not start. Raises AlreadyStarted, or
        StartError for a Via whose registry does not run.
        """
        cell = self._cell
        node = cell.node
        sender, _ = node.calls.open(cls.__qualname__, cell, Notice(cell, tag))
        try:
            child = spawning.create(node, cls, args, kwargs, name, cell, True, keep_mail, sender.tag)
        except StartError:
            node.calls.forget(sender.tag)
            raise
        if timeout is not None:
            node.calls.deadline(sender.tag, node.after(timeout, spawning.give_up, child))
        return child.pid

    def start_link_at_once(
        self,
        cls: type[P],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        name: ProcessName | None = None,
        keep_mail: bool = False,
        timeout: float | None = None,
    ) -> Start:
        """`start_link_later` whose init runs now, within the turn of this process, where it can.

        The Start is `done` when its init was; otherwise a Completed comes, tagged with its `ref`. Raises as
        start_link_later.
        """
        return spawning.start_at_once(self._cell, cls, args, kwargs or _NOTHING, name, keep_mail, timeout)

    async def start(
        self,
        cls: type[P],
        *args: Any,
        name: ProcessName | None = None,
        keep_mail: bool = False,
        timeout: float | None = None,
        **kwargs: Any,
    ) -> Pid | None:
        """`start_link` without the link."""
        cell = self._cell
        return await spawning.begin(cell.node, cls, args, kwargs, name, cell, False, keep_mail, timeout)

    async def start_monitor(
        self, cls: type[P], *args: Any, name: ProcessName | None = None, timeout: float | None = None, **kwargs: Any
    ) -> tuple[Pid, Ref] | None:
        """`start`, monitored before the child runs. A start that fails, or is ignored, leaves no Down behind."""
        cell = self._cell
        node = cell.node
        sender, wait = node.calls.open(cls.__qualname__, cell)
        ref = None
        try:
            child = spawning.create(node, cls, args, kwargs, name, cell, starter=sender.tag)
            ref = self.monitor(child.pid)
            if timeout is not None:
                node.calls.deadline(sender.tag, node.after(timeout, spawning.give_up, child))
            if await wait is not None:
                monitored, ref = (child.pid, ref), None
                return monitored
            return None
        finally:
            node.calls.forget(sender.tag)
            if ref is not None and cell.alive:
                self.demonitor(ref, flush=True)

    # Signals

    def link(self, pid: Pid) -> None:
        """Share an abnormal end with `pid`, both ways.

        When there is no such process: an ExitSignal `noproc` for one that traps exits, else raises NoProc.
        """
        self._cell.node.signals.link(self._cell, pid)

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
        self.__check_alive()

    def __check_alive(self) -> None:
        cell = self._myRef
        if not cell.alive:
            raise Exit(cell.reason)

    # Names

    def register(self, name: ProcessName) -> None:
        """Take `name`. Raises NameTaken, or NoProc for a Via whose registry does not run."""
        self._cell.node.registry.register(name, self._cell)

    def unregister(self, name: ProcessName) -> None:
        """Give `name` back. Raises NameNotRegistered."""
        self._cell.node.registry.unregister(name, self._cell)

    def whereis(self, name: ProcessName) -> Pid | None:
        """Who holds `name` now."""
        return self._cell.node.whereis(name)

    def alias(self) -> Name:
        """A name that leads to this process until `unalias`, or its end: give it to whom must not reach you later."""
        return self._cell.node.registry.alias(self._cell)

    def unalias(self, alias: Name) -> bool:
        """What is sent to `alias` from now on is a dead letter. False when it is no alias of this process."""
        return self._cell.node.registry.unalias(alias, self._cell)

    # Time

    def send_after(self, delay: float, to: Address, message: Any) -> TimerRef:
        """Send `message` in `delay` seconds, unless cancelled, or this process or a Pid target ends before.

        A Name is looked up when the time has come.
        """
        cell = self._cell
        node = cell.node
        target = node.find(to) if type(to) is Pid and to.node == node.name else cell
        if node.strict and node.thespian.in_codec(message):
            node.check(message)
        return TimerRef.set(cell, delay, _send_late, (cell, to, message), target)

    def start_timer(self, delay: float, message: Any) -> TimerRef:
        """Be sent TimerFired(ref, message) in `delay` seconds."""
        cell = self._cell
        timer = TimerRef.set(cell, delay, _deliver_late, None, cell)
        timer.argument = (cell, TimerFired(timer.ref, message))
        return timer

    def cancel_timer(self, timer: TimerRef) -> float | None:
        """Seconds that were left, or None when it had fired, was cancelled or died with its target."""
        left = self.read_timer(timer)
        timer.cancel()
        return left

    def read_timer(self, timer: TimerRef) -> float | None:
        """Seconds left, or None when it has fired, was cancelled or died with its target."""
        if not timer.pending:
            return None
        return max(0.0, float(timer.due - self._cell.node.clock.now()))

    async def sleep(self, seconds: float) -> None:
        """Take no message for that long. Signals still act."""
        cell = self._cell
        wait = Wait(cell)
        timer = cell.node.after(seconds, wait.resolve)
        try:
            await wait
        finally:
            cell.node.timers.cancel(timer)

    def own(self, close: Callable[[], object]) -> None:
        """Have `close()` called when this process ends, however it ends, before anybody hears of it.

        As Erlang closes the ports of a dead process: a listening socket must be free before the successor binds it, and
        a kill runs no terminate. It must not wait; what it raises is logged. The last owned is closed first.
        """
        cell = self._cell
        if cell.owned is None:
            cell.owned = []
        cell.owned.append(close)

    def disown(self, close: Callable[[], object]) -> None:
        """Undo `own`: what it would close is closed, or is another's now. Nothing happens when it is not owned."""
        cell = self._cell
        if cell.owned is not None and close in cell.owned:
            cell.owned.remove(close)

    def background(self, awaitable: Awaitable[Any], tag: Any) -> None:
        """Run foreign work beside this process; it ends as a Completed(tag, value, error) message.

        The work is cancelled when the process ends.
        """
        Beside(self._cell, awaitable, tag).start()

    # What the scheduler calls

    def _runtime_begin(self, message: Init) -> Any:
        raise NotImplementedError

    def _runtime_failed(self, error: BaseException) -> None:
        """An exception came out of a handler."""
        cell = self._myRef
        cell.node.signals.die(cell, reason_of(error))


@coroutine
def _call(cell: Cell, to: Address, request: Any, timeout: float | None) -> Generator[Any, Any, Any]:
    """A script's call, which mostly runs without a Task: the scheduler sees the PendingCall and sends the answer in."""
    call = cell.post.call(to, request, timeout, cell)
    try:
        return (yield call) if call.awaited_by_script() else (yield from call.__await__())
    finally:
        if not call.done:
            cell.post.calls.forget(call.tag)


def _send_late(argument: tuple[Cell, Address, Any]) -> None:
    cell, to, message = argument
    cell.node.send(to, message, cell)


def _deliver_late(argument: tuple[Cell, Any]) -> None:
    cell, message = argument
    cell.node.deliver(cell, message, cell.pid)
