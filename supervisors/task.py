"""Task: one function in a process of its own, whose result comes to the process that began it (Elixir: Task).

    import asyncio

    from mirliton.runtime import CoroutineProcess, Node, ServerDied
    from mirliton.supervisors import task


    async def price(of: str) -> int:
        await asyncio.sleep(0.01)                   # any library may be awaited
        return {"tea": 3, "rum": 12}[of]            # "gin" crashes it


    class Shopper(CoroutineProcess):
        async def init(self, basket: list, answer: asyncio.Future) -> None:
            self.basket, self.answer = basket, answer

        async def run(self) -> None:
            self.trap_exit()
            prices = [task.async_(self, price, item) for item in self.basket]      # all at once
            total, missing = 0, []
            for item, begun in zip(self.basket, prices):
                try:
                    total += await task.await_(self, begun, timeout=2.0)
                except ServerDied as error:
                    missing.append((item, error.exit_reason.kind))
            self.answer.set_result((total, missing))


    async def main() -> None:
        async with Node() as node:
            answer = asyncio.get_running_loop().create_future()
            await node.start(Shopper, ["tea", "gin", "rum"], answer)
            assert await answer == (15, [("gin", "KeyError")])


    asyncio.run(main())

A task and its owner are linked: a crash of the task ends an owner that does not trap exits, as if it had run the
function itself, and the owner's end, even a normal one, ends the task. Where that is too much, `task_supervisor` begins
tasks that are not linked and stand under a supervisor.

The function runs as `function(*args, **kwargs)`. An async one runs in an asyncio Task and may await anything; inside it
`current()` is the process that runs it, for `call`, `send`, `log` … Only the owner can ask for the result, as often as
it likes, and it is a message like any other. Asking waits without taking other mail, as a call does.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final, Literal

from mirliton.runtime import (
    IGNORE,
    CallTimeout,
    Completed,
    CoroutineProcess,
    Down,
    Exit,
    ExitSignal,
    From,
    NoProc,
    Pid,
    Process,
    Ref,
    ServerDied,
)
from mirliton.runtime.outcome import Outcome, first_of
from mirliton.runtime.waits import Wait
from mirliton.supervisors.declare import worker
from mirliton.supervisors.specs import ChildSpec, Restart, Shutdown

TIMEOUT: Final = 5.0
"""Seconds that a result is waited for unless the caller says otherwise; None waits for ever."""

_DONE: Final = "task"
_current: ContextVar[TaskProcess] = ContextVar("mirliton_task")


@dataclass(frozen=True, slots=True)
class TaskOk:
    """The task has done its work."""

    value: Any


@dataclass(frozen=True, slots=True)
class TaskExit:
    """The task has ended with `reason` and without a result."""

    reason: Any


class Work:
    """What a task process is to do, and for whom. It never leaves its node."""

    __slots__ = ("args", "function", "kwargs", "linked", "sender", "trace_id")

    def __init__(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        *,
        linked: bool = False,
    ) -> None:
        if not callable(function):
            raise TypeError(f"a task runs a function, not {function!r}")
        self.function = function
        self.args = args
        self.kwargs = kwargs
        self.sender: From | None = None
        """Who waits for the result, if anybody does."""
        self.linked = linked
        """Whether the owner and the task share their ends."""
        self.trace_id: str | None = None

    def __repr__(self) -> str:
        return f"Work({self.label})"

    @property
    def label(self) -> str:
        """What the function is called."""
        return getattr(self.function, "__qualname__", type(self.function).__qualname__)


class Task:
    """A task that was begun: `pid` runs it, `owner` alone can ask for its result."""

    __slots__ = ("label", "linked", "outcome", "owner", "pid")

    def __init__(self, label: str, owner: Pid, pid: Pid, outcome: Outcome, linked: bool) -> None:
        self.label = label
        self.owner = owner
        self.pid = pid
        self.outcome = outcome
        self.linked = linked

    def __repr__(self) -> str:
        return f"task {self.label} {self.pid}"


class TaskProcess(CoroutineProcess):
    """Runs one function. Its state is the work it was given; a restart (see `child`) begins the function anew."""

    async def init(self, work: Work) -> Any:
        self.work = work
        self.trace_id = work.trace_id
        self._watched: Ref | None = None
        sender = work.sender
        if sender is None:
            return None
        if not self.node.calls.bind(sender.tag, self._cell):
            return IGNORE  # the owner has ended meanwhile
        if work.linked and sender.pid is not None:
            try:
                self.link(sender.pid)
            except NoProc:
                return IGNORE
            self._watched = self.monitor(sender.pid)  # a link does not tell of a normal end
        return None

    async def run(self) -> None:
        value = await self._result()
        if self.work.sender is None:
            return
        self.reply(self.work.sender, value)
        if self.work.linked and self.work.sender.pid is not None:
            self.unlink(self.work.sender.pid)  # an owner that traps exits need not hear of every success

    async def _result(self) -> Any:
        work = self.work
        token = _current.set(self)
        try:
            result = work.function(*work.args, **work.kwargs)
            if not inspect.isawaitable(result):
                return result
            self.background(result, _DONE)  # its asyncio Task takes the context as it is now
        finally:
            _current.reset(token)
        while True:
            match await self.receive():
                case Completed(tag, value, error) if tag == _DONE:
                    if error is not None:
                        raise Exit(error)
                    return value
                case Down(ref) if ref == self._watched:
                    raise Exit("shutdown")
                case ExitSignal() as signal:
                    if signal.sender == self.parent:
                        raise Exit(signal.reason)
                case stray:
                    self.log.warning("unexpected_message", message_type=type(stray).__qualname__)


def current() -> TaskProcess:
    """The process that runs this function. Raises RuntimeError outside a task."""
    try:
        return _current.get()
    except LookupError:
        raise RuntimeError("task.current() was called outside a task's function") from None


def child(
    function: Callable[..., Any],
    *args: Any,
    id: Any = None,
    restart: Restart = "temporary",
    shutdown: Shutdown | None = None,
    **kwargs: Any,
) -> ChildSpec:
    """The spec of a task in a supervision tree; its id is the function's name unless given. Nobody gets its result."""
    work = Work(function, args, kwargs)
    return worker(TaskProcess, work, id=work.label if id is None else id, restart=restart, shutdown=shutdown)


def open_outcome(owner: Process, work: Work, outcome: Wait) -> From:
    """Enter in the node's calls that `owner` waits for what comes of `work`."""
    work.sender, _ = owner.node.calls.open(f"task {work.label}", owner.node.find(owner.pid), outcome)
    work.trace_id = owner.trace_id
    return work.sender


def new_outcome(owner: Process) -> Outcome:
    cell = owner.node.find(owner.pid)
    if cell is None:
        raise NoProc(owner.pid)
    return Outcome(cell)


def async_(owner: Process, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Task:
    """Begin `function(*args, **kwargs)` in a process linked to `owner`; `await_` waits for what it returns."""
    work = Work(function, args, kwargs, linked=True)
    outcome = new_outcome(owner)
    sender = open_outcome(owner, work, outcome)
    pid = owner.spawn_link(TaskProcess, work)
    cell = owner.node.find(pid)
    assert cell is not None
    owner.node.calls.bind(sender.tag, cell)
    return Task(work.label, owner.pid, pid, outcome, linked=True)


async def await_(owner: Process, task: Task, timeout: float | None = TIMEOUT) -> Any:
    """Wait for the result, `timeout` seconds at most.

    Raises ServerDied with the reason when the task ended without one, and CallTimeout when it takes too long: a linked
    task is then killed, one under a supervisor goes on, and can be asked again.
    """
    if not await _wait(owner, task, timeout):
        assert timeout is not None
        if task.linked:
            _let_go(owner, task)
            owner.exit(task.pid, "kill")
        raise CallTimeout(task, timeout)
    match result_of(task):
        case TaskOk(value):
            return value
        case TaskExit(reason):
            raise ServerDied(task, reason)


async def yield_(owner: Process, task: Task, timeout: float | None = TIMEOUT) -> TaskOk | TaskExit | None:
    """What has come of the task, waiting `timeout` seconds at most; None when nothing has. The task goes on."""
    return result_of(task) if await _wait(owner, task, timeout) else None


async def shutdown(
    owner: Process, task: Task, timeout: float | Literal["brutal_kill", "infinity"] = TIMEOUT
) -> TaskOk | TaskExit | None:
    """End the task: it has `timeout` seconds, then it is killed. Its end does not touch its owner.

    Returns the result when it came in time, what else the task died of, or None when it ended as it was told to.
    """
    _check_owner(owner, task)
    _let_go(owner, task)
    if not task.outcome.done:
        owner.exit(task.pid, "kill" if timeout == "brutal_kill" else "shutdown")
        patience = float(timeout) if isinstance(timeout, int | float) else None
        if not await _wait(owner, task, patience):
            owner.exit(task.pid, "kill")
    result = result_of(task)
    return None if result == TaskExit("shutdown") or result == TaskExit("killed") else result


def result_of(task: Task) -> TaskOk | TaskExit | None:
    """What has come of the task by now."""
    if not task.outcome.done:
        return None
    error = task.outcome.error
    if error is None:
        return TaskOk(task.outcome.value)
    return TaskExit(error.exit_reason if isinstance(error, ServerDied) else str(error))


async def _wait(owner: Process, task: Task, timeout: float | None) -> bool:
    _check_owner(owner, task)
    return await first_of(task.outcome.cell, [task.outcome], timeout)


def _check_owner(owner: Process, task: Task) -> None:
    if owner.pid != task.owner:
        raise ValueError(f"{task} belongs to {task.owner}: {owner.pid} cannot ask for its result")


def _let_go(owner: Process, task: Task) -> None:
    if task.linked:
        owner.unlink(task.pid)
