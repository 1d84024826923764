"""async_stream: one task for each item, a bounded number at a time (Elixir: Task.async_stream).

    import asyncio

    from mirliton.runtime import CoroutineProcess, Name, Node
    from mirliton.supervisors import TaskExit, TaskOk, TaskSupervisor, async_stream

    PROBES = Name("service", "probes")


    async def probe(port: int) -> str:
        if port == 13:
            raise ConnectionError("refused")
        await asyncio.sleep(10.0 if port == 99 else 0.01)
        return f"{port} is open"


    class Scanner(CoroutineProcess):
        async def init(self, ports: list, found: asyncio.Future) -> None:
            self.ports, self.found = ports, found

        async def run(self) -> None:
            results = async_stream(
                self, self.ports, probe, max_concurrency=2, timeout=0.2, on_timeout="kill_task", nolink=PROBES
            )
            seen = []
            async for result in results:
                match result:
                    case TaskOk(words):
                        seen.append(words)
                    case TaskExit("timeout"):
                        seen.append("no answer")
                    case TaskExit(crash):
                        seen.append(crash.text)
            self.found.set_result(seen)


    async def main() -> None:
        async with Node() as node:
            await node.start(TaskSupervisor, name=PROBES)
            found = asyncio.get_running_loop().create_future()
            await node.start(Scanner, [22, 13, 99, 80], found)
            assert await found == ["22 is open", "refused", "no answer", "80 is open"]


    asyncio.run(main())

The next item is taken when there is room, never before: whoever reads slowly makes the stream slow, and at most
`max_concurrency` items are under way or done and not yet read. How many are right depends on who is asked, not on this
machine, so there is no default.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal, Self, TypeVar

from mirliton.runtime import Address, CallTimeout, Process
from mirliton.runtime.outcome import first_of
from mirliton.runtime.timers import Timer
from mirliton.supervisors import task, task_supervisor
from mirliton.supervisors.task import Task, TaskExit, TaskOk, Work

Item = TypeVar("Item")


def async_stream(
    owner: Process,
    items: Iterable[Item],
    function: Callable[[Item], Any],
    *,
    max_concurrency: int,
    ordered: bool = True,
    timeout: float | None = 5.0,
    on_timeout: Literal["raise", "kill_task"] = "raise",
    supervisor: Address | None = None,
    nolink: Address | None = None,
) -> TaskStream:
    """Run `function(item)` in a task for each item; reading the stream gives a TaskOk or TaskExit for each.

    - `max_concurrency`: tasks at once, at least 1. They run as `task.async_` begins them: linked to `owner`, whose own
      end ends them. An owner that traps exits gets a TaskExit for one that crashed; another dies of it.
    - `ordered`: results come in the order of the items; else as they are ready.
    - `timeout`: seconds for each task. One that takes longer is killed; then reading raises CallTimeout, or with
      `on_timeout="kill_task"` a TaskExit("timeout") takes its place.
    - `supervisor`: a TaskSupervisor under which the tasks run. `nolink`: the same, and they are not linked; the end of
      the owner ends them all the same, since nobody is left to read.

    However the stream ends (`break`, an error in the loop or in `items`, the owner's death), the tasks that still run
    are killed. Raises ValueError; reading it raises CallTimeout, and under a supervisor RequestRefused and CallError.
    """
    if type(max_concurrency) is not int or max_concurrency < 1:
        raise ValueError(f"max_concurrency is a number of tasks, at least 1, not {max_concurrency!r}")
    if on_timeout not in ("raise", "kill_task"):
        raise ValueError(f"on_timeout is 'raise' or 'kill_task', not {on_timeout!r}")
    if supervisor is not None and nolink is not None:
        raise ValueError("supervisor and nolink name the same thing in two ways: give one")

    async def begin(item: Item) -> Task:
        if nolink is not None:
            return await task_supervisor.begin(owner, nolink, Work(function, (item,), {}))
        if supervisor is not None:
            return await task_supervisor.begin(owner, supervisor, Work(function, (item,), {}, linked=True))
        return task.async_(owner, function, item)

    return TaskStream(items, begin, max_concurrency, ordered, _Flights(owner, timeout, fatal=on_timeout == "raise"))


class TaskStream:
    """The results of `async_stream`, to be read once with `async for`."""

    # Not an async generator: the `finally` of one does not run when the coroutine that reads it is killed.

    def __init__(
        self,
        items: Iterable[Any],
        begin: Callable[[Any], Any],
        max_concurrency: int,
        ordered: bool,
        flights: _Flights,
    ) -> None:
        self._source = iter(items)
        self._begin = begin
        self._most = max_concurrency
        self._ordered = ordered
        self._flights = flights

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> TaskOk | TaskExit:
        flights = self._flights
        try:
            while not flights.closed and len(flights.aloft) < self._most:
                try:
                    item = next(self._source)
                except StopIteration:
                    break
                flights.add(await self._begin(item))
            if flights.aloft:
                return await flights.next(self._ordered)
        except BaseException:
            flights.close()
            raise
        flights.close()
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Kill the tasks that still run; reading on ends at once."""
        self._flights.close()

    def __del__(self) -> None:
        # The reader has left the loop. The flights themselves are held by their timers and by the owner.
        self._flights.close()


class _Flight:
    """A task of the stream, and the timer that ends it when it takes too long."""

    __slots__ = ("begun", "timer", "too_late")

    def __init__(self, begun: Task) -> None:
        self.begun = begun
        self.timer: Timer | None = None
        self.too_late = False

    def result(self) -> TaskOk | TaskExit:
        if self.too_late:
            return TaskExit("timeout")
        result = task.result_of(self.begun)
        assert result is not None
        return result


class _Flights:
    """The tasks that are under way, or done and not yet read, in the order they were begun."""

    def __init__(self, owner: Process, timeout: float | None, *, fatal: bool) -> None:
        self.owner = owner
        self.timeout = timeout
        self.fatal = fatal
        self.aloft: list[_Flight] = []
        self.closed = False
        self.passed = task.new_outcome(owner)
        """Comes with the first flight that takes too long, where that ends the stream."""
        owner.own(self.close)

    def add(self, begun: Task) -> None:
        flight = _Flight(begun)
        self.aloft.append(flight)
        if self.timeout is not None:
            flight.timer = self.owner.node.after(self.timeout, self._too_late, flight)

    async def next(self, ordered: bool) -> TaskOk | TaskExit:
        """The result of the first that has ended."""
        while True:
            if self.passed.done:
                assert self.timeout is not None
                raise CallTimeout(self.passed.value.begun, self.timeout)
            wanted = self.aloft[:1] if ordered else self.aloft
            for flight in wanted:
                if flight.begun.outcome.done:
                    self.aloft.remove(flight)
                    self._land(flight)
                    return flight.result()
            outcomes = [self.passed, *(flight.begun.outcome for flight in wanted)]
            await first_of(self.passed.cell, outcomes, None)

    def close(self) -> None:
        """The stream has ended, or its owner has: kill what still runs."""
        if self.closed:
            return
        self.closed = True
        if self._owner_lives():
            self.owner.disown(self.close)
        aloft, self.aloft = self.aloft, []
        for flight in aloft:
            self._land(flight)
            self._kill(flight.begun)

    def _too_late(self, flight: _Flight) -> None:
        flight.timer = None
        if flight.begun.outcome.done:
            return
        flight.too_late = True
        self._kill(flight.begun)
        if self.fatal:
            self.passed.resolve(flight)

    def _land(self, flight: _Flight) -> None:
        if flight.timer is not None:
            self.owner.node.timers.cancel(flight.timer)

    def _kill(self, begun: Task) -> None:
        """End a task whose result nobody wants, without a word to its owner."""
        if begun.outcome.done:
            return
        if begun.linked and self._owner_lives():
            self.owner.unlink(begun.pid)
        self.owner.node.exit(begun.pid, "kill", self.owner.pid)

    def _owner_lives(self) -> bool:
        return self.owner.node.find(self.owner.pid) is not None
