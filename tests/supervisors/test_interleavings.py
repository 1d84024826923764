"""Supervisors under many interleavings: starts, kills and requests at once; whatever comes first, the tree is whole."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from typing import Any

import pytest
import structlog

from mirliton.runtime import CallError, CoroutineProcess, GenServer, Name, Pid, Reply
from mirliton.runtime.testing import VirtualNode, explore
from mirliton.supervisors import (
    ChildSpec,
    RequestRefused,
    StartSpec,
    Supervisor,
    Tree,
    count_children,
    delete_child,
    restart_child,
    start_child,
    stop_supervisor,
    terminate_child,
    which_children,
)

ACTIONS = ("kill", "crash", "terminate", "restart", "delete", "add", "look")
CHILDREN = ("a", "b", "c")


class Part(GenServer):
    """A child; some end slowly."""

    def init(self, part: str) -> None:
        self.part = part
        self.trap_exit(part == "c")

    def handle_call(self, request: Any, sender: Any) -> Any:
        return Reply(self.part)

    def handle_cast(self, request: Any) -> None:
        raise ValueError("crashes as asked")

    async def terminate(self, reason: Any) -> None:
        if self.part == "b":
            await self.sleep(0.5)


class Meddler(CoroutineProcess):
    """Does one thing after the other to a supervisor and its children, at no particular time."""

    async def init(self, supervisor: Pid, actions: list[tuple[str, str]]) -> None:
        self.supervisor = supervisor
        self.actions = actions

    async def run(self) -> None:
        for action, child in self.actions:
            with contextlib.suppress(RequestRefused, CallError):  # another meddler was first
                await self.act(action, child)
            await self.sleep(0)

    async def act(self, action: str, child: str) -> None:
        if action in ("kill", "crash"):
            pid = self.whereis(Name("part", child))
            if pid is not None and action == "kill":
                self.exit(pid, "kill")
            elif pid is not None:
                self.cast(pid, "crash")
        elif action == "add":
            await start_child(self, self.supervisor, a_child(child))
        elif action == "look":
            await which_children(self, self.supervisor)
            await count_children(self, self.supervisor)
        else:
            request = {"terminate": terminate_child, "restart": restart_child, "delete": delete_child}[action]
            await request(self, self.supervisor, child)


def a_child(child: str) -> ChildSpec:
    return ChildSpec(child, StartSpec(Part, (child,)), name=Name("part", child), keep_mail=child == "a")


@pytest.mark.parametrize("strategy", ["one_for_one", "one_for_all", "rest_for_one"])
@pytest.mark.parametrize("plan", range(4))
async def test_whatever_comes_first_the_tree_is_whole_afterwards(strategy: Any, plan: int) -> None:
    draw = random.Random(plan)
    plans = [[(draw.choice(ACTIONS), draw.choice(CHILDREN)) for _ in range(6)] for _ in range(3)]

    async def meddle(node: VirtualNode) -> None:
        node.log = structlog.wrap_logger(structlog.ReturnLogger())
        tree = Tree(strategy, [a_child(child) for child in CHILDREN], intensity=100, period=1.0)
        supervisor = await node.drive(node.start(Supervisor, tree))
        for actions in plans:
            node.spawn(Meddler, supervisor, actions)
        await node.advance(60)
        await assert_whole(node, supervisor)
        await node.drive(stop_supervisor(node, supervisor))
        assert len(node) == 0
        assert len(node.calls) == 0
        assert len(node.registry) == 0

    await explore(meddle, seeds=12)


async def assert_whole(node: VirtualNode, supervisor: Pid) -> None:
    listed = await node.drive(which_children(node, supervisor))
    living = {cell.pid for cell in node.processes() if type(cell.actor) is Part}
    assert {line.child for line in listed if isinstance(line.child, Pid)} == living, "children nobody knows of"
    assert all(isinstance(line.child, Pid) or line.child is None or line.child == "undefined" for line in listed)
    for line in listed:
        if isinstance(line.child, Pid):
            assert node.whereis(Name("part", line.id)) == line.child
            assert await node.drive(node.call(line.child, "who?")) == line.id
    counts = await node.drive(count_children(node, supervisor))
    assert counts.active == len(living)
    assert counts.specs == len(listed)


async def test_a_supervisor_that_is_told_to_stop_amid_restarts_leaves_nothing() -> None:
    async def stop_amid(node: VirtualNode) -> None:
        node.log = structlog.wrap_logger(structlog.ReturnLogger())
        tree = Tree("one_for_all", [a_child(child) for child in CHILDREN], intensity=100, period=1.0)
        supervisor = await node.drive(node.start(Supervisor, tree))
        node.spawn(Meddler, supervisor, [("kill", "b"), ("crash", "a"), ("kill", "c"), ("terminate", "b")])
        node.spawn(Stops, supervisor)
        await node.advance(60)
        assert [cell.label for cell in node.processes()] == []
        assert len(node.registry) == 0

    await explore(stop_amid, seeds=150)


class Stops(CoroutineProcess):
    async def init(self, supervisor: Pid) -> None:
        self.supervisor = supervisor

    async def run(self) -> None:
        await self.sleep(0)
        await stop_supervisor(self, self.supervisor, "shutdown")


@pytest.mark.parametrize("end", ["kill", "shutdown"])
async def test_calls_to_a_named_child_are_answered_or_end_in_an_error_whenever_it_is_killed(end: str) -> None:
    async def ask_amid(node: VirtualNode) -> None:
        node.log = structlog.wrap_logger(structlog.ReturnLogger())
        tree = Tree("one_for_one", [a_child("a")], intensity=100, period=1.0)
        supervisor = await node.drive(node.start(Supervisor, tree))
        answers: list[Any] = []
        for _ in range(3):
            node.spawn(Asks, answers.append)
        node.spawn(Meddler, supervisor, [("kill", "a"), ("crash", "a"), ("kill", "a")])
        await node.advance(30)
        # Its mail is kept: only a call that was being handled is lost.
        assert len(answers) == 9
        assert answers.count("a") >= 6, answers
        assert "CallTimeout" not in answers

    await explore(ask_amid, seeds=100)


class Asks(CoroutineProcess):
    async def init(self, note: Callable[[Any], None]) -> None:
        self.note = note

    async def run(self) -> None:
        for _ in range(3):
            try:
                self.note(await self.call(Name("part", "a"), "who?", timeout=20.0))
            except CallError as error:
                self.note(type(error).__qualname__)
