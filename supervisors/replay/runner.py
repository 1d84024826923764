"""Running a supervisor scenario step by step, each to its quiet end, and noting our trace in the file's form."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable
from typing import Any, Final, TypeVar

from mirliton.runtime import CallError, Pid, ServerDied
from mirliton.runtime.testing import VirtualNode, virtual_node
from mirliton.supervisors.checks import check_child_specs
from mirliton.supervisors.errors import InvalidChildSpec
from mirliton.supervisors.replay.actors import STARTERS, Die, End, Fail, Parent, SignalRoot, StartRoot
from mirliton.supervisors.replay.logs import silence
from mirliton.supervisors.replay.scenario import Scenario
from mirliton.supervisors.replay.specs import spec_as_file, spec_from
from mirliton.supervisors.replay.terms import decode, local_name
from mirliton.supervisors.replay.world import World
from mirliton.supervisors.reports import listen
from mirliton.supervisors.requests import (
    ChangeTree,
    ChildCounts,
    ChildInfo,
    CountChildren,
    DeleteChild,
    GetChildSpec,
    Refused,
    RestartChild,
    StartChild,
    Started,
    StopSupervisor,
    TerminateChild,
    WhichChildren,
)
from mirliton.supervisors.specs import ChildSpec

ROUNDS: Final = 12
"""Turns of the loop that stand for quiet where a child is restarted without end."""

PATIENCE: Final = 10.0
"""Real seconds to wait for an answer in such a scenario."""

Entry = dict[str, Any]
T = TypeVar("T")


async def replay_tree(scenario: Scenario) -> list[Entry]:
    """Our trace of a supervisor scenario: the start, each step, the end."""
    async with virtual_node("replay@localhost") as node:
        silence(node)
        with World(ignore_failed_attempts=scenario.ignore_failed_attempts) as world:
            run = _Run(node, world, scenario)
            node.on_exit.append(world.on_exit)
            end_listening = listen(node, world.on_report)
            try:
                return await run.all_steps()
            finally:
                end_listening()
                node.on_exit.remove(world.on_exit)


class _Run:
    """One scenario under way."""

    def __init__(self, node: VirtualNode, world: World, scenario: Scenario) -> None:
        self.node = node
        self.world = world
        self.scenario = scenario
        self.suspended: set[Pid] = set()
        self.parent: Pid
        world.trees["root"] = scenario.tree

    async def all_steps(self) -> list[Entry]:
        self.parent = await self.node.start(Parent)
        trace = [await self._entry(0, "start", self._start())]
        for number, step in enumerate(self.scenario.steps, start=1):
            trace.append(await self._entry(number, step["op"], self._step(step)))
        trace.append(await self._entry(len(trace), "final", self._final()))
        return trace

    async def _entry(self, number: int, op: str, doing: Awaitable[Any]) -> Entry:
        result = await doing
        await self._quiet()
        tree = {}
        for pid, path in sorted(self.world.supervisors.items(), key=lambda entry: self.world.label(entry[0])):
            listed = "suspended" if pid in self.suspended else await self._listing(pid, path)
            tree[self.world.label(pid)] = listed
        events = self.world.take_events()
        return {"step": number, "op": op, "result": result, "events": events, "alive": self.world.alive(), "tree": tree}

    # The steps

    async def _start(self) -> Any:
        outcome, value = await self._drive(self.node.call(self.parent, StartRoot(self.world.key), timeout=None))
        if outcome == "ok" and value is None:
            return "ignore"
        return self.world.term((outcome, value))

    async def _final(self) -> Any:
        root = self._living("root")
        if root is None:
            return None
        self.node.exit(root, "shutdown", self.parent)
        await self._gone(root)
        return "ok"

    async def _step(self, step: dict[str, Any]) -> Any:
        match step:
            case {"op": "advance", "ms": ms}:
                await self.node.advance(ms / 1000)
                return "ok"
            case {"op": "whereis", "name": name}:
                return self.world.term(self.node.whereis(local_name(name)))
            case {"op": "check_childspecs", "specs": specs}:
                return self._check(specs, step.get("auto_shutdown"))
            case {"op": "parent_exit" | "parent_dies" as op, "reason": reason}:
                return await self._from_parent(op, reason)
            case {"op": op, "target": target, **rest} if "sup" not in rest:
                return await self._to_process(op, target, step)
            case {"op": op, "sup": path}:
                return await self._to_supervisor(op, path, step)
        raise ValueError(f"step {step!r} is not known")

    async def _from_parent(self, op: str, reason: Any) -> Any:
        root = self._living("root")
        if op == "parent_dies":
            self.node.cast(self.parent, Die(reason))
            await self._gone(self.parent)
        elif root is not None:
            self.node.cast(self.parent, SignalRoot(root, reason))
        if root is None:
            return self._absent("root")
        await self._gone(root)
        return "ok"

    async def _to_process(self, op: str, target: str, step: dict[str, Any]) -> Any:
        pid = self._living(target)
        if pid is None:
            return self._absent(target)
        match op:
            case "exit":
                self.node.cast(pid, End(step["reason"]))
            case "crash":
                self.node.cast(pid, Fail(step["kind"], step["term"]))
            case "kill":
                self.node.exit(pid, "kill")
            case "signal":
                self.node.exit(pid, decode(step["reason"]))
                return "ok"
            case "send":
                self.node.send(pid, decode(step["msg"]))
                return "ok"
            case "stop":
                return await self._stop(pid, step["reason"])
            case _:
                raise ValueError(f"step {step!r} is not known")
        await self._gone(pid)
        return "ok"

    async def _stop(self, pid: Pid, reason: Any) -> Any:
        end = asyncio.ensure_future(self.node.wait_exit(pid, None))
        if pid in self.world.supervisors:
            with contextlib.suppress(CallError):
                await self._drive(self.node.call(pid, StopSupervisor(decode(reason)), timeout=None))
        else:
            self.node.cast(pid, End(reason))
        ended = await self._drive(end)
        return "ok" if ended == decode(reason) else {"t": ["EXIT", self.world.term(ended)]}

    async def _to_supervisor(self, op: str, path: str, step: dict[str, Any]) -> Any:
        pid = self._living(path)
        if pid is None:
            called = op not in ("suspend", "resume") and path in self.world.latest
            return {"t": ["EXIT", "noproc"]} if called else self._absent(path)
        match op:
            case "suspend":
                await self._drive(self.node.sys.suspend(pid))
                self.suspended.add(pid)
                return "ok"
            case "resume":
                await self._drive(self.node.sys.resume(pid))
                self.suspended.discard(pid)
                return "ok"
            case "which_children":
                return await self._listing(pid, path)
            case "code_change":
                return await self._change(pid, path, step["new"])
        answer = await self._ask(pid, self._request(op, path, step))
        return self._answer(answer)

    def _request(self, op: str, path: str, step: dict[str, Any]) -> Any:
        child = self.world.latest[step["target"]] if "target" in step else decode(step.get("id"))
        match op:
            case "start_child" if "args" in step:
                return StartChild([step["args"]])
            case "start_child":
                return StartChild(spec_from(step["spec"], self.world.key, path, STARTERS))
            case "terminate_child":
                return TerminateChild(child)
            case "restart_child":
                return RestartChild(child)
            case "delete_child":
                return DeleteChild(child)
            case "get_childspec":
                return GetChildSpec(child)
            case "count_children":
                return CountChildren()
        raise ValueError(f"step {step!r} is not known")

    async def _change(self, pid: Pid, path: str, new: dict[str, Any]) -> Any:
        # A new answer of its init: its name is none of it.
        known = self.world.trees[path]
        self.world.trees[path] = new | {key: known[key] for key in ("name",) if key in known}
        answer = await self._ask(pid, ChangeTree())
        match answer:
            case Refused(("bad_return", value)):
                return {"t": ["error", self.world.term(value)]}
            case Refused(reason):
                return {"t": ["error", {"t": ["error", self.world.term(reason)]}]}
        return self._answer(answer)

    def _check(self, specs: list[dict[str, Any]], auto_shutdown: str | None) -> Any:
        made = [spec_from(spec, self.world.key, "checked", STARTERS) for spec in specs]
        try:
            check_child_specs(made, auto_shutdown)
        except InvalidChildSpec as error:
            return {"t": ["error", self.world.term(error.reason)]}
        return "ok"

    # Asking and waiting

    async def _ask(self, pid: Pid, request: Any) -> Any:
        """The answer, or what the call raised as a term of the file."""
        try:
            return await self._drive(self.node.call(pid, request, timeout=None))
        except ServerDied as error:
            return {"t": ["EXIT", self.world.term(error.exit_reason)]}
        except CallError as error:
            return {"t": ["EXIT", self.world.term(error.reason)]}

    def _answer(self, answer: Any) -> Any:
        match answer:
            case Started(None):
                return {"t": ["ok", "undefined"]}
            case Started(pid, None):
                return self.world.term(("ok", pid))
            case Started(pid, info):
                return self.world.term(("ok", pid, info))
            case Refused(reason):
                return self.world.term(("error", reason))
            case ChildCounts():
                return {
                    "specs": answer.specs,
                    "active": answer.active,
                    "supervisors": answer.supervisors,
                    "workers": answer.workers,
                }
            case ChildSpec():
                return {"ok": spec_as_file(answer, self.world.term)}
        return answer

    async def _listing(self, pid: Pid, path: str) -> Any:
        answer = await self._ask(pid, WhichChildren())
        if not isinstance(answer, list):
            return answer
        lines = [[self.world.term(line.id), self._child(line), line.type] for line in answer]
        simple = self.world.trees[path].get("strategy") == "simple_one_for_one"
        return sorted(lines, key=json.dumps) if simple else lines

    def _child(self, line: ChildInfo) -> str:
        if line.child is None:
            return "undefined"
        return self.world.label(line.child) if isinstance(line.child, Pid) else line.child

    def _living(self, path: str) -> Pid | None:
        pid = self.world.latest.get(path)
        return pid if pid in self.world.living else None

    def _absent(self, path: str) -> str:
        return "not_alive" if path in self.world.latest else "no_such"

    async def _gone(self, pid: Pid) -> Any:
        return await self._drive(self.node.wait_exit(pid, None))

    async def _drive(self, awaitable: Awaitable[T]) -> T:
        """Wait for something, letting time pass for it."""
        if not self.scenario.ignore_failed_attempts:
            return await self.node.drive(awaitable)
        # The node never comes to rest here: a child is being restarted without end, and without a pause.
        async with asyncio.timeout(PATIENCE):
            return await awaitable

    async def _quiet(self) -> None:
        """Until every supervisor that is not suspended answers and nothing more happens by itself."""
        if self.scenario.ignore_failed_attempts:
            for _ in range(ROUNDS):
                await asyncio.sleep(0)
            return
        seen = -1
        while seen != len(self.world.events):
            seen = len(self.world.events)
            await self.node.idle()
            for pid in list(self.world.supervisors):
                if pid not in self.suspended and pid in self.world.supervisors:
                    await self._ask(pid, WhichChildren())
            for pid in list(self.world.ending_slowly):
                await self._gone(pid)
