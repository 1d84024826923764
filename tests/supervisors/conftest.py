"""A stage for supervisors: a strict node on virtual time, parts that come and go as told, and a journal of both.

The journal reads "+a" when part a has started, "!a" when its start failed, "-a reason" when it has ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, ClassVar

import pytest
import structlog

from mirliton.runtime import IGNORE, Exit, GenServer, Pid, Reply, Stop, message
from mirliton.runtime.testing import VirtualNode, virtual_node
from mirliton.supervisors import ChildSpec, Report, StartSpec, Supervisor, Tree, listen, which_children

HANG = 1e9
"""Seconds: longer than any test lasts."""


@message("test.part.end")
class End:
    """Stop with this reason."""

    reason: Any


class Part(GenServer):
    """A worker whose starts and ends are up to the test."""

    stage: ClassVar[Any]

    def init(self, part: str, *, trap: bool = False, stop: str | float | None = None) -> Any:
        self.part = part
        self.stop_behaviour = stop
        self.trap_exit(trap)
        outcomes = self.stage.outcomes.get(part)
        outcome = (outcomes.pop(0) if len(outcomes) > 1 else outcomes[0]) if outcomes else "ok"
        if outcome == "hang":
            self.stage.note(f"?{part}")
            return self.sleep(HANG)
        if outcome == "ok":
            self.stage.started(part, self.pid)
            return None
        if outcome == "ignore":
            return IGNORE
        self.stage.note(f"!{part}")
        return Stop(outcome)

    def handle_call(self, request: Any, sender: Any) -> Reply:
        return Reply(request)

    def handle_cast(self, request: Any) -> Stop:
        return Stop(request.reason)

    def handle_info(self, received: Any) -> None:
        self.stage.mail.append((self.part, received))

    async def terminate(self, reason: Any) -> None:
        if self.stop_behaviour == "hang":
            await self.sleep(HANG)
        elif isinstance(self.stop_behaviour, float):
            await self.sleep(self.stop_behaviour)
        elif self.stop_behaviour is not None:
            raise Exit(self.stop_behaviour)


class Stage:
    """One test's node, parts and journal."""

    def __init__(self, node: VirtualNode) -> None:
        self.node = node
        self.journal: list[str] = []
        self.outcomes: dict[str, list[Any]] = {}
        """By part: what its starts come to, one after the other; the last repeats. Default: all well."""
        self.pids: dict[str, Pid] = {}
        self.mail: list[tuple[str, Any]] = []
        self.reports: list[Report] = []
        self.part = type("Part", (Part,), {"stage": self})
        self._names: dict[Pid, str] = {}
        self._news = asyncio.Event()
        self.end_listening = listen(node, self.reports.append)
        node.on_exit.append(self._ended)

    def child(self, part: str, **options: Any) -> ChildSpec:
        """The spec of `part`; `trap` and `stop` are its behaviour, the rest belongs to the spec."""
        behaviour = {key: options.pop(key) for key in ("trap", "stop") if key in options}
        return ChildSpec(part, StartSpec(self.part, (part,), behaviour), **options)

    async def start(self, tree: Tree) -> Pid:
        return await self.node.drive(self.node.start(Supervisor, tree))

    async def end(self, name: str, reason: Any = "boom") -> None:
        """Let the part end by itself, and all that follows from it happen."""
        self.node.cast(self.pids[name], End(reason))
        await self.node.idle()

    async def kill(self, name: str) -> None:
        self.node.exit(self.pids[name], "kill")
        await self.node.idle()

    async def shut_down(self, supervisor: Pid, reason: Any = "shutdown") -> Any:
        """End a top supervisor as its parent does; returns the reason it ended with."""
        ended = asyncio.ensure_future(self.node.wait_exit(supervisor, None))
        self.node.exit(supervisor, reason, self.node.root)
        return await self.node.drive(ended)

    async def children(self, supervisor: Pid) -> dict[Any, Any]:
        """Each child's state by id, in start order."""
        listed = await self.node.drive(which_children(self.node, supervisor))
        return {line.id: line.child for line in reversed(listed)}

    def alive(self, name: str) -> bool:
        return name in self.pids and self.pids[name].cell is not None

    def take(self) -> list[str]:
        """The journal since the last look."""
        taken, self.journal = self.journal, []
        return taken

    def labels(self) -> list[tuple[str, Any]]:
        """The reports so far but for progress: label and child."""
        return [(r.label, r.spec.id if r.spec else None) for r in self.reports if r.label != "progress"]

    async def until(self, entry: str) -> None:
        """Wait until this stands in the journal, on a node that may never come to rest."""
        async with asyncio.timeout(10):
            while entry not in self.journal:
                self._news.clear()
                await self._news.wait()

    def note(self, entry: str) -> None:
        self.journal.append(entry)
        self._news.set()

    def started(self, name: str, pid: Pid) -> None:
        self.pids[name] = pid
        self._names[pid] = name
        self.note(f"+{name}")

    def name_supervisor(self, name: str, pid: Pid) -> None:
        """Let the end of this process stand in the journal, too."""
        self._names[pid] = name

    def _ended(self, cell: Any, reason: Any, _names: Any, _dossier: Any) -> None:
        name = self._names.pop(cell.pid, None)
        if name is not None:
            self.note(f"-{name} {reason}")


@pytest.fixture
async def node() -> AsyncIterator[VirtualNode]:
    async with virtual_node() as started:
        started.log = structlog.wrap_logger(structlog.ReturnLogger())
        yield started


@pytest.fixture
def stage(node: VirtualNode) -> Stage:
    return Stage(node)
