"""Chaos on a node for its operators: a process that carries out one plan at a time.

    Tree("one_for_one", [..., worker(ChaosServer, name=CHAOS), worker(ControlSocket, "var/control.sock", ROOT, …)])

Where it is not in the tree, chaos is off: there is nothing that could kill. `begin_chaos` and the other functions below
ask it; the control socket and the REST API do so for people. A restart of the server ends the run that is under way.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, Self

from mirliton.runtime import Address, From, GenServer, Local, Name, Node, NoProc, Process, Reply
from mirliton.supervisors.chaos.errors import ChaosOff, ChaosRefused, PlanError, Problem
from mirliton.supervisors.chaos.plan import Plan
from mirliton.supervisors.chaos.processes import ProcessField
from mirliton.supervisors.chaos.reading import read_plan
from mirliton.supervisors.chaos.report import Report
from mirliton.supervisors.chaos.run import ChaosRun
from mirliton.supervisors.chaos.schedule import Strike, repeated

CHAOS: Final = Name("service", "chaos")

NodeCheck = Callable[[Node], Awaitable[None]]
"""An invariant of this node: raises, with words, when it does not hold."""
EVENTS_KEPT: Final = 10_000
"""Events that may wait for who follows a run; a slower one misses the oldest."""
SIGN_OF_LIFE: Final = 5.0
"""Seconds without an event after which who follows is told how far the run has come."""
HITS_SHOWN: Final = 1_000
"""Hits of the last run that its status tells."""
PREVIEW_TIMEOUT: Final = 30.0
LONGEST_HOLD: Final = 3600.0
HOLD_BEGINS: Final = 0.05
"""Seconds from the request to hold the loop until it is held: who asked is answered first."""


class Feed:
    """What happens in one run, for whoever began it to follow: an async iterator of JSON objects, the last of which has
    the event "over" and the report. Closing it before that stops the run."""

    def __init__(self) -> None:
        self._events: deque[dict[str, Any]] = deque(maxlen=EVENTS_KEPT)
        self._news = asyncio.Event()
        self._closed = False
        self.run: ChaosRun | None = None

    def tell(self, event: dict[str, Any]) -> None:
        """Add an event."""
        self._events.append(event)
        self._news.set()

    def close(self) -> None:
        """There will be no more."""
        self._closed = True
        self._news.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> dict[str, Any]:
        while not self._events:
            if self._closed:
                raise StopAsyncIteration
            self._news.clear()
            try:
                async with asyncio.timeout(SIGN_OF_LIFE):
                    await self._news.wait()
            except TimeoutError:
                return {"event": "going_on"} | (self.run.progress() if self.run is not None else {})
        return self._events.popleft()

    async def aclose(self) -> None:
        if self.run is not None:
            self.run.stop("who followed it has gone")


class Begin(Local):
    """Carry a plan out, and tell `feed`."""

    __slots__ = ("by", "door", "feed", "plan", "repeat", "seed")

    def __init__(
        self, plan: Plan, seed: int | None, repeat: Sequence[Strike] | None, by: str, door: Address | None, feed: Feed
    ) -> None:
        self.plan = plan
        self.seed = seed
        self.repeat = repeat
        self.by = by
        self.door = door
        self.feed = feed


class Preview(Local):
    """Tell what a plan would hit."""

    __slots__ = ("door", "plan", "seed")

    def __init__(self, plan: Plan, seed: int | None, door: Address | None) -> None:
        self.plan = plan
        self.seed = seed
        self.door = door


class GetStatus(Local):
    """Tell of the run under way, and of the last one."""

    __slots__ = ()


class Halt(Local):
    """Stop the run under way."""

    __slots__ = ("by",)

    def __init__(self, by: str) -> None:
        self.by = by


class Hold(Local):
    """Hold the event loop of the whole node for so many seconds."""

    __slots__ = ("by", "seconds")

    def __init__(self, seconds: float, by: str) -> None:
        self.seconds = seconds
        self.by = by


class ChaosServer(GenServer):
    """`checks` are what plans may name in `invariants.checks`; each is given the node."""

    def init(self, checks: Mapping[str, NodeCheck] | None = None) -> None:
        self.checks = {name: partial(check, self.node) for name, check in (checks or {}).items()}
        self.run: ChaosRun | None = None
        self.last: Report | None = None
        self.task: asyncio.Task[None] | None = None
        self.own(self.__cut)

    def state(self) -> Any:
        return self.run.progress() if self.run is not None else {"state": "idle"}

    async def handle_call(self, request: Any, sender: From) -> Any:
        try:
            match request:
                case Begin():
                    return Reply(self._begin(request))
                case Preview():
                    field = ProcessField(self.node, spared=self._spared(request.door))
                    run = ChaosRun(field, request.plan, seed=request.seed, checks=self.checks)
                    return Reply(await run.preview())
                case GetStatus():
                    return Reply({"running": self._progress(), "last": self._last()})
                case Halt():
                    return Reply(self._halt(request.by))
                case Hold(seconds=seconds, by=by):
                    self.log.warning("audit", operation="chaos_hold", by=by, seconds=seconds)
                    # In no process's turn: the watchdog would end one that holds the loop.
                    self.node.loop.call_later(HOLD_BEGINS, time.sleep, seconds)
                    return Reply({"held_for": seconds})
        except PlanError as error:
            return Reply({"problems": [[problem.where, problem.expected] for problem in error.problems]})
        except ChaosRefused as error:
            return Reply({"refused": str(error)})
        return super().handle_call(request, sender)

    def _begin(self, request: Begin) -> dict[str, Any]:
        if self.run is not None and not self.run.is_over:
            raise ChaosRefused(f"a run of {self.run.plan.name!r} is under way: stop it first")
        field = ProcessField(self.node, spared=self._spared(request.door), sender=self.pid)
        plan, feed = request.plan, request.feed
        run = ChaosRun(field, plan, seed=request.seed, checks=self.checks, repeat=request.repeat, tell=feed.tell)
        self.log.warning("audit", operation="chaos", by=request.by, plan=plan.name, seed=run.seed)
        self.run = feed.run = run
        # No Task of the process: time of tests may go on while it waits.
        self.task = self.node.loop.create_task(self.__carry_out(run, feed))
        return run.progress()

    async def __carry_out(self, run: ChaosRun, feed: Feed) -> None:
        try:
            await run.carry_out()
        except Exception as error:  # noqa: BLE001 - a fault of ours; whoever follows must hear of it
            self.log.error("chaos_failed", error=repr(error))
            feed.tell({"event": "broken", "error": repr(error)})
        finally:
            self.last = run.report
            feed.close()
            self.log.warning("chaos_over", plan=run.plan.name, seed=run.seed, ended=run.report.ended)

    def _halt(self, by: str) -> dict[str, Any]:
        if self.run is None or self.run.is_over:
            raise ChaosRefused("no run is under way")
        self.log.warning("audit", operation="chaos_stop", by=by, plan=self.run.plan.name)
        self.run.stop(f"{by} stopped it")
        return self.run.progress()

    def _spared(self, door: Address | None) -> list[Address]:
        return [self.pid] if door is None else [self.pid, door]

    def _progress(self) -> dict[str, Any] | None:
        return self.run.progress() if self.run is not None and not self.run.is_over else None

    def _last(self) -> dict[str, Any] | None:
        if self.last is None:
            return None
        shown = self.last.as_dict()
        shown["hits_not_shown"] = max(0, len(shown["hits"]) - HITS_SHOWN)
        return shown | {"hits": shown["hits"][:HITS_SHOWN]}

    def __cut(self) -> None:
        if self.task is not None:
            self.task.cancel()


async def begin_chaos(
    asker: Node | Process,
    plan: Any,
    *,
    seed: int | None = None,
    repeat: Any = None,
    by: str,
    door: Address | None = None,
) -> Feed:
    """Begin to carry out a plan, given as plain data. `repeat`: the hits of a report, to hit the same again. `by` goes
    to the log; `door` is through whom it is asked: it is spared.

    Raises PlanError, ChaosOff, ChaosRefused (a run is under way) or CallError.
    """
    read = processes_plan(plan)
    strikes = None if repeat is None else strikes_of(repeat, read)
    feed = Feed()
    await _ask(asker, Begin(read, seed, strikes, by, door, feed))
    return feed


async def preview_chaos(
    asker: Node | Process, plan: Any, *, seed: int | None = None, door: Address | None = None
) -> dict[str, Any]:
    """What a plan would hit. Raises as begin_chaos does."""
    return await _ask(asker, Preview(processes_plan(plan), seed, door), PREVIEW_TIMEOUT)


async def chaos_status(asker: Node | Process) -> dict[str, Any]:
    """`running`: the run under way, or None; `last`: the report of the last one, or None. Raises ChaosOff."""
    return await _ask(asker, GetStatus())


async def stop_chaos(asker: Node | Process, by: str) -> dict[str, Any]:
    """Stop the run under way. Raises ChaosOff, ChaosRefused where there is none."""
    return await _ask(asker, Halt(by))


async def hold_node(asker: Node | Process, seconds: float, by: str) -> dict[str, Any]:
    """Have the node's event loop stand still for so many seconds, from a moment on. Raises ChaosOff, ChaosRefused."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= LONGEST_HOLD:
        raise ChaosRefused(f"seconds must be a number above 0, at most {LONGEST_HOLD:g}")
    return await _ask(asker, Hold(float(seconds), by))


def processes_plan(data: Any) -> Plan:
    """The plan, if it is one for the processes of a node. Raises PlanError, ChaosRefused."""
    plan = read_plan(data)
    if plan.whats != {"processes"} or plan.proxies or plan.services:
        raise ChaosRefused(
            "a node troubles its own processes alone: the rest `mirliton chaos` does from outside, which outlives it"
        )
    return plan


def strikes_of(hits: Any, plan: Plan) -> list[Strike]:
    """The strikes that the hits of a report were. Raises ChaosRefused where they are none, or of another plan."""
    try:
        made = [(float(hit["planned"]), int(hit["attack"]), str(hit["target"])) for hit in hits]
        return repeated(made, len(plan.attacks))
    except (KeyError, TypeError, ValueError) as error:
        raise ChaosRefused(f"this cannot be repeated: {error!r}") from None


async def _ask(asker: Node | Process, request: Local, timeout: float = 5.0) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = await asker.call(CHAOS, request, timeout=timeout)
    except NoProc:
        raise ChaosOff from None
    if "problems" in answer:
        raise PlanError(Problem(*problem) for problem in answer["problems"])
    if "refused" in answer:
        raise ChaosRefused(answer["refused"])
    return answer
