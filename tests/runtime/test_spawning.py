"""Starting a process within the turn of the one that starts it: when it can be done, and what can come of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mirliton.runtime import (
    IGNORE,
    AlreadyStarted,
    Completed,
    CoroutineProcess,
    Exit,
    ExitSignal,
    GenServer,
    Name,
    Node,
    Stop,
)

NAME = Name("service", "child")


class Child(GenServer):
    """Does in its init what it is told."""

    def init(self, what: Any = None) -> Any:
        if isinstance(what, BaseException):
            raise what
        return what


class Slow(GenServer):
    async def init(self, seconds: float) -> None:
        await self.sleep(seconds)


class Script(CoroutineProcess):
    async def init(self, log: list[str]) -> None:
        log.append("init")
        self.log_ = log

    async def run(self) -> None:
        self.log_.append("run")
        await self.receive()


class Parent(CoroutineProcess):
    """Runs what the test gives it, in its own turn."""

    async def init(self, script: Any) -> None:
        self.trap_exit()
        self.script = script
        self.heard: list[Any] = []

    async def run(self) -> None:
        await self.script(self)
        while True:
            self.heard.append(await self.receive())


async def parent(node: Any, script: Any) -> Any:
    pid = await node.start(Parent, script)
    await node.idle()
    return pid.cell.actor


async def test_an_init_that_does_not_wait_is_done_when_the_start_returns(node: Any) -> None:
    async def script(me: Parent) -> None:
        me.start = me.start_link_at_once(Child, (), name=NAME)
        me.found = me.whereis(NAME)

    me = await parent(node, script)
    assert me.start.done
    assert (me.start.value, me.start.error) == (me.found, None)
    assert me.found.cell.links == (me.pid.cell,)
    assert me.found.cell.parent == me.pid
    assert me.heard == [], "nothing had to be sent"
    assert len(node.calls) == 0


async def test_a_script_has_begun_to_run_as_well(node: Any) -> None:
    log: list[str] = []

    async def script(me: Parent) -> None:
        me.start = me.start_link_at_once(Script, (log,))
        log.append("started")

    me = await parent(node, script)
    assert me.start.done
    assert log[0] == "init"
    assert sorted(log) == ["init", "run", "started"]


@pytest.mark.parametrize(
    ("what", "error", "reason"),
    [
        (IGNORE, None, "normal"),
        (Stop("not today"), "not today", "not today"),
        (Exit("normal"), "normal", "normal"),
        (Stop("normal"), "normal", "normal"),
    ],
)
async def test_an_init_that_fails_or_ignores_is_told_at_once_too(node: Any, what: Any, error: Any, reason: Any) -> None:
    async def script(me: Parent) -> None:
        me.start = me.start_link_at_once(Child, (what,))

    me = await parent(node, script)
    assert me.start.done
    assert (me.start.value, me.start.error) == (None, error)
    assert me.heard == [ExitSignal(me.start.child.pid, reason)]


async def test_an_init_that_waits_is_told_later(node: Any) -> None:
    async def script(me: Parent) -> None:
        me.start = me.start_link_at_once(Slow, (3.0,))

    me = await parent(node, script)
    assert not me.start.done
    assert me.heard == []
    await node.advance(3.0)
    assert me.heard == [Completed(me.start.ref, me.start.child.pid)]


async def test_an_init_that_takes_too_long_is_killed(node: Any) -> None:
    async def script(me: Parent) -> None:
        me.start = me.start_link_at_once(Slow, (60.0,), timeout=5.0)

    me = await parent(node, script)
    await node.advance(5.0)
    assert me.heard == [Completed(me.start.ref, None, "timeout")], "and no exit: it was unlinked before"
    assert not me.start.child.alive


async def test_a_name_that_is_taken_is_an_error_and_leaves_no_call(node: Any) -> None:
    holder = await node.start(Child, name=NAME)

    async def script(me: Parent) -> None:
        with pytest.raises(AlreadyStarted) as caught:
            me.start_link_at_once(Child, name=NAME)
        me.taken_by = caught.value.pid

    me = await parent(node, script)
    assert me.taken_by == holder
    assert len(node.calls) == 0


async def test_in_a_task_the_child_has_to_wait_for_its_turn(node: Any) -> None:
    class InTask(GenServer):
        async def init(self) -> None:
            self.heard: list[Any] = []
            self.start = self.start_link_at_once(Child)

        def handle_info(self, message: Any) -> None:
            self.heard.append(message)

    pid = await node.start(InTask)
    await node.idle()
    actor = pid.cell.actor
    assert not actor.start.done
    assert actor.heard == [Completed(actor.start.ref, actor.start.child.pid)]


async def test_who_starts_a_child_that_kills_it_ends_and_so_does_the_child(node: Any) -> None:
    class Patricide(GenServer):
        def init(self) -> None:
            self.exit(self.parent, "kill")

    reached = []

    async def script(me: Parent) -> None:
        me.start_link_at_once(Patricide)
        me.send(me.pid, "alive")
        reached.append("beyond the first thing it tries")

    node.spawn(Parent, script)
    await node.idle()
    assert len(node) == 0
    assert len(node.calls) == 0
    assert reached == []


async def test_mail_for_a_child_waits_behind_its_init(node: Any) -> None:
    order: list[Any] = []

    class Orderly(GenServer):
        def init(self) -> None:
            order.append("init")

        def handle_info(self, message: Any) -> None:
            order.append(message)

    pid = node.spawn(Orderly)
    node.send(pid, "first")
    node.send(pid, "second")
    await node.idle()
    assert order == ["init", "first", "second"]


async def test_a_process_that_starts_a_thousand_others_leaves_the_loop_its_turns() -> None:
    class Many(CoroutineProcess):
        async def init(self, done: asyncio.Future[int]) -> None:
            self.done = done

        async def run(self) -> None:
            at_once = 0
            for _ in range(1_000):
                start = self.start_link_at_once(Child)
                at_once += start.done
                if not start.done:
                    await self.receive(lambda item, tag=start.ref: type(item) is Completed and item.tag == tag)
            self.done.set_result(at_once)

    async with Node("fair") as node:
        done = asyncio.get_running_loop().create_future()
        before = node.scheduler.turns
        node.spawn(Many, done)
        at_once = await done
        assert node.scheduler.turns - before >= 1_000 // 128, "no slice of the loop is longer than it may be"
        assert at_once > 800, "most need no message"


async def test_a_deep_chain_of_starts_needs_no_deep_stack(node: Any) -> None:
    class Link(CoroutineProcess):
        async def init(self, depth: int) -> None:
            if depth:
                start = self.start_link_at_once(Link, (depth - 1,))
                if not start.done:
                    await self.receive(lambda item: type(item) is Completed)

        async def run(self) -> None:
            await self.receive()

    await node.start(Link, 500)
    assert len(node) == 501
