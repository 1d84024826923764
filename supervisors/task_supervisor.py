"""TaskSupervisor: tasks that stand under a supervisor and need not be linked to their owner (Elixir: Task.Supervisor).

    import asyncio

    from mirliton.runtime import Completed, GenServer, Name, Node, NoReply
    from mirliton.supervisors import Supervisor, TaskSupervisor, Tree, supervisor, task_supervisor, worker

    LOOKUPS = Name("service", "lookups")


    async def resolve(host: str) -> str:
        await asyncio.sleep(0.01)
        if host == "nowhere":
            raise LookupError(host)
        return "192.0.2.1"


    class Directory(GenServer):
        def init(self) -> None:
            self.waiting = {}

        async def handle_call(self, host, sender):
            pid = await task_supervisor.async_later(self, LOOKUPS, resolve, host, tag=host)
            self.waiting[host] = sender
            return NoReply()                        # and it is free for the next call

        def handle_info(self, message) -> None:
            match message:
                case Completed(tag=host, value=address, error=None):
                    self.reply(self.waiting.pop(host), address)
                case Completed(tag=host, error=crash):      # the lookup crashed, the directory did not
                    self.reply(self.waiting.pop(host), f"failed: {crash.kind}")


    async def main() -> None:
        tree = Tree(
            "rest_for_one",
            [supervisor(TaskSupervisor, name=LOOKUPS), worker(Directory, name=Name("service", "directory"))],
        )
        async with Node() as node:
            await node.start(Supervisor, tree)
            ask = [node.call(Name("service", "directory"), host) for host in ("here", "nowhere")]
            assert await asyncio.gather(*ask) == ["192.0.2.1", "failed: LookupError"]


    asyncio.run(main())

Its children are temporary: a task that ends is forgotten, and one that crashes is reported as any child. When the
supervisor stops, they have `shutdown` seconds to end. `max_children` bounds how many run at once; one more is refused
(RequestRefused "max_children"). What is given to a task stays on its node.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mirliton.runtime import Address, Local, Pid, Process, StartError
from mirliton.runtime.outcome import Told
from mirliton.runtime.waits import Wait
from mirliton.supervisors.client import TIMEOUT, Asker, which_children
from mirliton.supervisors.declare import worker
from mirliton.supervisors.errors import RequestRefused
from mirliton.supervisors.requests import Refused, StartChild, Started
from mirliton.supervisors.specs import Shutdown
from mirliton.supervisors.supervisor import Supervisor
from mirliton.supervisors.task import Task, TaskProcess, Work, new_outcome, open_outcome
from mirliton.supervisors.tree import Tree


class StartTask(StartChild, Local):
    """StartChild whose argument is a Work, which cannot travel."""

    __slots__ = ()


class TaskSupervisor(Supervisor):
    """Supervises tasks. Use the functions of this module to begin them. A restart of it has none."""

    def describe(self, *, max_children: int | None = None, shutdown: Shutdown = 5.0) -> Tree:
        template = worker(TaskProcess, id="task", restart="temporary", shutdown=shutdown)
        return Tree("simple_one_for_one", [template], max_children=max_children)


async def async_(owner: Process, supervisor: Address, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Task:
    """Begin a task under `supervisor`, linked to `owner` too: `task.async_` under supervision.

    Raises RequestRefused or CallError.
    """
    return await begin(owner, supervisor, Work(function, args, kwargs, linked=True))


async def async_nolink(
    owner: Process, supervisor: Address, function: Callable[..., Any], *args: Any, **kwargs: Any
) -> Task:
    """Begin a task whose crash does not touch `owner`, and which goes on when `owner` ends.

    Raises RequestRefused or CallError.
    """
    return await begin(owner, supervisor, Work(function, args, kwargs))


async def async_later(
    owner: Process, supervisor: Address, function: Callable[..., Any], *args: Any, tag: Any, **kwargs: Any
) -> Pid:
    """`async_nolink` whose result comes to `owner` as a Completed(tag, value, error) message, `error` being the reason
    it ended with when there is no result. For owners that must stay responsive. Raises RequestRefused or CallError.
    """
    work = Work(function, args, kwargs)
    cell = owner.node.find(owner.pid)
    assert cell is not None
    return await _begin(owner, supervisor, work, Told(cell, tag))


async def start_child(
    asker: Asker, supervisor: Address, function: Callable[..., Any], *args: Any, **kwargs: Any
) -> Pid:
    """Begin a task for its effects; nobody gets its result. Raises RequestRefused or CallError."""
    return await _start(asker, supervisor, Work(function, args, kwargs))


async def children(asker: Asker, supervisor: Address) -> list[Pid]:
    """The processes of the tasks that run, newest first. Raises CallError."""
    listed = await which_children(asker, supervisor)
    return [line.child for line in listed if isinstance(line.child, Pid)]


async def begin(owner: Process, supervisor: Address, work: Work) -> Task:
    """Begin `work` under `supervisor` for `owner`."""
    outcome = new_outcome(owner)
    pid = await _begin(owner, supervisor, work, outcome)
    return Task(work.label, owner.pid, pid, outcome, work.linked)


async def _begin(owner: Process, supervisor: Address, work: Work, outcome: Wait) -> Pid:
    sender = open_outcome(owner, work, outcome)
    try:
        return await _start(owner, supervisor, work)
    except BaseException:
        owner.node.calls.forget(sender.tag)
        raise


async def _start(asker: Asker, supervisor: Address, work: Work) -> Pid:
    request = StartTask([work])
    match await asker.call(supervisor, request, timeout=TIMEOUT):
        case Started(Pid() as pid):
            return pid
        case Refused(reason):
            raise RequestRefused(supervisor, request, reason)
        case Started():
            raise StartError(f"task {work.label}", "ignore")
        case answer:
            raise TypeError(f"{supervisor} answered {request!r} with {answer!r}: it is no supervisor")
