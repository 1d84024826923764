"""Task: a function in a process of its own, linked to its owner (Elixir: Task)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from doing import Doer
from mirliton.runtime import CallTimeout, Crash, Exit, ExitSignal, GenServer, Reply, ServerDied
from mirliton.runtime.testing import VirtualNode
from mirliton.supervisors import Supervisor, TaskExit, TaskOk, Tree, task, which_children


async def after(seconds: float, value: Any = "done") -> Any:
    await task.current().sleep(seconds)
    return value


async def crash(seconds: float = 0.0) -> None:
    if seconds:
        await task.current().sleep(seconds)
    raise RuntimeError("oops")


@pytest.fixture
async def owner(node: VirtualNode) -> Doer:
    return await Doer.start(node)


@pytest.fixture
async def trapping(node: VirtualNode) -> Doer:
    return await Doer.start(node, trap=True)


async def test_the_result_comes_to_the_owner_as_often_as_it_asks(owner: Doer) -> None:
    async def twice(me: Any) -> Any:
        begun = task.async_(me, after, 2.0, value="x")
        return [await task.await_(me, begun), await task.await_(me, begun)]

    assert await owner.do(twice) == ["x", "x"]


async def test_tasks_run_side_by_side(node: VirtualNode, owner: Doer) -> None:
    async def all_of_them(me: Any) -> Any:
        begun = [task.async_(me, after, seconds, seconds) for seconds in (3.0, 1.0, 2.0)]
        return [await task.await_(me, each) for each in begun]

    before = node.clock.now()
    assert await owner.do(all_of_them) == [3.0, 1.0, 2.0]
    assert node.clock.now() - before == pytest.approx(3.0)


async def test_a_plain_function_is_as_good(owner: Doer) -> None:
    assert await owner.do(lambda me: task.await_(me, task.async_(me, sorted, [2, 1], reverse=True))) == [2, 1]


async def test_what_is_no_function_is_refused_in_the_owner(owner: Doer) -> None:
    with pytest.raises(TypeError, match="not 5"):
        await owner.do(lambda me: task.async_(me, 5))


async def test_a_task_may_do_what_a_process_may(node: VirtualNode, owner: Doer) -> None:
    class Echo(GenServer):
        def handle_call(self, request: Any, sender: Any) -> Reply:
            return Reply((request, sender.pid))

    echo = await node.start(Echo)

    async def ask() -> Any:
        return await task.current().call(echo, "?")

    async def both(me: Any) -> Any:
        begun = task.async_(me, ask)
        return begun.pid, await task.await_(me, begun)

    pid, answer = await owner.do(both)
    assert answer == ("?", pid)


def test_current_is_of_tasks_only() -> None:
    with pytest.raises(RuntimeError, match="outside a task"):
        task.current()


async def test_current_does_not_leak_out_of_a_plain_function(owner: Doer) -> None:
    async def look(me: Any) -> bool:
        assert await task.await_(me, task.async_(me, lambda: task.current().pid)) is not None
        try:
            task.current()
        except RuntimeError:
            return True
        return False

    assert await owner.do(look)


async def test_the_trace_id_of_the_owner_is_the_tasks(owner: Doer) -> None:
    async def traced(me: Any) -> Any:
        me.trace_id = "call-1"
        return await task.await_(me, task.async_(me, lambda: task.current().trace_id))

    assert await owner.do(traced) == "call-1"


# Ends


async def test_a_crash_reaches_the_owner(node: VirtualNode, owner: Doer) -> None:
    ended = asyncio.ensure_future(node.wait_exit(owner.pid, None))
    await owner.let(lambda me: task.async_(me, crash) and None)
    reason = await node.drive(ended)
    assert isinstance(reason, Crash)
    assert (reason.kind, reason.text, reason.frames[-1][2]) == ("RuntimeError", "oops", "crash")


async def test_an_owner_that_traps_exits_is_told_in_both_ways(trapping: Doer) -> None:
    async def ask(me: Any) -> Any:
        begun = task.async_(me, crash, 1.0)
        with pytest.raises(ServerDied) as caught:
            await task.await_(me, begun)
        return begun.pid, caught.value.exit_reason

    pid, reason = await trapping.do(ask)
    assert reason.text == "oops"
    await trapping.node.idle()
    assert trapping.mail == [ExitSignal(pid, reason)]


async def test_of_a_success_it_hears_nothing(trapping: Doer) -> None:
    assert await trapping.do(lambda me: task.await_(me, task.async_(me, after, 1.0))) == "done"
    await trapping.node.idle()
    assert trapping.mail == []
    assert not trapping.pid.cell.links


@pytest.mark.parametrize("reason", ["normal", "boom"])
async def test_an_exit_in_the_function_is_an_end_without_a_result(trapping: Doer, reason: str) -> None:
    async def leave() -> None:
        raise Exit(reason)

    async def ask(me: Any) -> Any:
        return await task.yield_(me, task.async_(me, leave))

    assert await trapping.do(ask) == TaskExit(reason)


async def test_a_result_that_cannot_be_sent_is_a_crash_that_says_so(node: VirtualNode, trapping: Doer) -> None:
    outcome = await trapping.do(lambda me: task.yield_(me, task.async_(me, object)))
    assert "object" in outcome.reason.text
    assert outcome.reason.kind.endswith("NotSerialisable")
    node.strict_violations.clear()  # the one that was asked for


@pytest.mark.parametrize("reason", ["normal", "shutdown", "boom", "kill"])
async def test_whatever_the_owner_ends_of_its_tasks_end_too(node: VirtualNode, owner: Doer, reason: str) -> None:
    pids = await owner.do(lambda me: [task.async_(me, after, 100.0).pid for _ in range(3)])
    if reason == "normal":
        await node.sys.terminate(owner.pid)
    else:
        node.exit(owner.pid, reason)
    await node.idle()
    assert [pid.cell for pid in pids] == [None] * 3
    assert len(node) == len(node.calls) == len(node.timers) == 0


async def test_a_task_killed_before_it_began_is_known_to_be_dead(trapping: Doer) -> None:
    async def ask(me: Any) -> Any:
        begun = task.async_(me, after, 1.0)
        me.exit(begun.pid, "kill")
        return await task.yield_(me, begun)

    assert await trapping.do(ask) == TaskExit("killed")


async def test_a_task_is_looked_into_while_it_works(node: VirtualNode, owner: Doer) -> None:
    pid = await owner.do(lambda me: task.async_(me, after, 100.0).pid)
    node.send(pid, "stray")
    assert (await node.sys.get_state(pid))["work"].label == "after"
    assert len(pid.cell) == 0


# Deadlines


async def test_a_late_task_is_killed_and_its_owner_told(node: VirtualNode, owner: Doer) -> None:
    async def ask(me: Any) -> Any:
        begun = task.async_(me, after, 10.0)
        with pytest.raises(CallTimeout, match="no answer within 3 s") as caught:
            await task.await_(me, begun, timeout=3.0)
        return caught.value.target

    begun = await owner.do(ask)
    await node.idle()
    assert begun.pid.cell is None
    assert owner.alive
    assert len(node.calls) == len(node.timers) == 0


async def test_an_uncaught_deadline_is_the_owners_crash(node: VirtualNode, owner: Doer) -> None:
    ended = asyncio.ensure_future(node.wait_exit(owner.pid, None))
    await owner.let(lambda me: task.await_(me, task.async_(me, after, 10.0), timeout=1.0))
    assert (await node.drive(ended)).kind == "CallTimeout"


async def test_yield_looks_and_leaves_the_task_at_work(node: VirtualNode, owner: Doer) -> None:
    async def look(me: Any) -> Any:
        begun = task.async_(me, after, 10.0)
        return [await task.yield_(me, begun, seconds) for seconds in (0, 4.0, 7.0, 0)]

    assert await owner.do(look) == [None, None, TaskOk("done"), TaskOk("done")]


async def test_only_the_owner_may_ask(node: VirtualNode, owner: Doer) -> None:
    begun = await owner.do(lambda me: task.async_(me, after, 10.0))
    other = await Doer.start(node)
    for ask in (task.await_, task.yield_, task.shutdown):
        with pytest.raises(ValueError, match="belongs to"):
            await other.do(lambda me, ask=ask: ask(me, begun))
    assert begun.pid.cell is not None


# Shutdown


async def test_shutdown_ends_a_task_without_touching_the_owner(node: VirtualNode, owner: Doer) -> None:
    async def stop(me: Any, how: Any) -> Any:
        begun = task.async_(me, after, 100.0)
        return await task.shutdown(me, begun, how), begun.pid.cell

    for how in (5.0, "brutal_kill", "infinity"):
        assert await owner.do(lambda me, how=how: stop(me, how)) == (None, None)
    assert owner.alive
    assert not owner.pid.cell.links


async def test_shutdown_hands_over_a_result_that_is_there(owner: Doer) -> None:
    async def stop(me: Any) -> Any:
        begun = task.async_(me, after, 1.0)
        await me.sleep(2.0)
        return await task.shutdown(me, begun)

    assert await owner.do(stop) == TaskOk("done")


async def test_a_task_that_traps_exits_still_obeys_its_owner(node: VirtualNode, owner: Doer) -> None:
    async def stubborn() -> None:
        task.current().trap_exit()
        await task.current().sleep(100.0)

    async def stop(me: Any) -> Any:
        begun = task.async_(me, stubborn)
        await me.sleep(1.0)
        return await task.shutdown(me, begun, 3.0)

    before = node.clock.now()
    assert await owner.do(stop) is None
    assert node.clock.now() - before == pytest.approx(1.0)


async def test_shutdown_tells_what_else_the_task_died_of(trapping: Doer) -> None:
    async def stop(me: Any) -> Any:
        begun = task.async_(me, crash)
        await me.sleep(1.0)
        return await task.shutdown(me, begun)

    assert (await trapping.do(stop)).reason.text == "oops"


# In a tree


async def test_a_task_stands_in_a_tree_and_is_forgotten_when_it_is_done(stage: Any) -> None:
    async def note(what: str) -> None:
        await task.current().sleep(1.0)
        stage.note(what)

    tree = Tree("one_for_one", [task.child(note, "warm up", id="warming"), stage.child("a")])
    supervisor = await stage.start(tree)
    assert set(await stage.children(supervisor)) == {"warming", "a"}
    await stage.node.advance(2.0)
    assert stage.take() == ["+a", "warm up"]
    assert set(await stage.children(supervisor)) == {"a"}


async def test_a_transient_task_is_begun_anew_until_it_succeeds(node: VirtualNode) -> None:
    tries: list[int] = []

    def third_time_lucky() -> None:
        tries.append(1)
        if len(tries) < 3:
            raise RuntimeError("not yet")

    tree = Tree("one_for_one", [task.child(third_time_lucky, restart="transient")], intensity=5)
    supervisor = await node.start(Supervisor, tree)
    await node.idle()
    assert len(tries) == 3
    [line] = await node.drive(which_children(node, supervisor))
    assert line.child is None
