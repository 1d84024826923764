"""TaskSupervisor: tasks under supervision, linked to their owner or not (Elixir: Task.Supervisor)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from doing import Doer
from mirliton.runtime import CallTimeout, Completed, ExitSignal, GenServer, Name, NoProc, Pid, Reply, ServerDied
from mirliton.runtime.testing import VirtualNode, virtual_node
from mirliton.supervisors import (
    RequestRefused,
    TaskExit,
    TaskOk,
    TaskSupervisor,
    count_children,
    task,
    task_supervisor,
)

POOL = Name("service", "pool")


async def after(seconds: float, value: Any = "done") -> Any:
    await task.current().sleep(seconds)
    return value


async def crash(seconds: float = 0.0) -> None:
    if seconds:
        await task.current().sleep(seconds)
    raise RuntimeError("oops")


@pytest.fixture
async def pool(node: VirtualNode) -> Pid:
    return await node.start(TaskSupervisor, name=POOL)


@pytest.fixture
async def owner(node: VirtualNode, pool: Pid) -> Doer:
    return await Doer.start(node)


async def test_results_come_from_linked_and_unlinked_tasks(owner: Doer) -> None:
    async def both(me: Any) -> Any:
        linked = await task_supervisor.async_(me, POOL, after, 1.0, "linked")
        free = await task_supervisor.async_nolink(me, POOL, after, 1.0, value="free")
        return [await task.await_(me, linked), await task.await_(me, free)]

    assert await owner.do(both) == ["linked", "free"]
    assert await owner.do(lambda me: task_supervisor.children(me, POOL)) == []


async def test_a_result_that_is_there_before_the_start_is_answered_is_kept(owner: Doer) -> None:
    async def at_once(me: Any) -> Any:
        return await task.await_(me, await task_supervisor.async_(me, POOL, lambda: 7))

    assert await owner.do(at_once) == 7


async def test_a_crash_ends_a_linked_owner_only(node: VirtualNode, owner: Doer) -> None:
    other = await Doer.start(node)

    async def ask(me: Any) -> Any:
        return await task.yield_(me, await task_supervisor.async_nolink(me, POOL, crash))

    assert (await other.do(ask)).reason.text == "oops"
    await owner.let(lambda me: task_supervisor.async_(me, POOL, crash))
    assert (owner.alive, other.alive, other.mail) == (False, True, [])


async def test_the_owners_end_ends_the_linked_ones_only(node: VirtualNode, owner: Doer) -> None:
    async def two(me: Any) -> Any:
        return [
            (await begin(me, POOL, after, 100.0)).pid
            for begin in (task_supervisor.async_, task_supervisor.async_nolink)
        ]

    linked, free = await owner.do(two)
    await node.sys.terminate(owner.pid)
    await node.idle()
    assert (linked.cell, free.cell is not None) == (None, True)
    await node.advance(101.0)
    assert free.cell is None
    assert len(node.calls) == 0


async def test_a_result_may_come_as_a_message(node: VirtualNode, owner: Doer) -> None:
    await owner.do(lambda me: task_supervisor.async_later(me, POOL, after, 1.0, tag="good"))
    await owner.do(lambda me: task_supervisor.async_later(me, POOL, crash, 2.0, tag=("bad", 1)))
    pid = await owner.do(lambda me: task_supervisor.async_later(me, POOL, after, 9.0, tag="killed"))
    await node.advance(3.0)
    node.exit(pid, "kill")
    await node.idle()
    good, bad, killed = owner.mail
    assert good == Completed("good", "done")
    assert (bad.tag, bad.error.text) == (("bad", 1), "oops")
    assert killed == Completed("killed", None, "killed")


async def test_a_task_for_its_effects_needs_no_owner(node: VirtualNode, pool: Pid) -> None:
    done: list[str] = []
    pid = await node.drive(task_supervisor.start_child(node, POOL, done.append, "x"))
    await node.idle()
    assert (done, pid.cell) == (["x"], None)


async def test_one_that_crashes_is_reported_and_not_begun_again(stage: Any) -> None:
    await stage.node.start(TaskSupervisor, name=POOL)
    pid = await stage.node.drive(task_supervisor.start_child(stage.node, POOL, crash))
    await stage.node.idle()
    assert [(report.label, report.pid) for report in stage.reports] == [("child_terminated", pid)]
    assert await task_supervisor.children(stage.node, POOL) == []


async def test_no_more_run_than_the_supervisor_allows(node: VirtualNode) -> None:
    await node.start(TaskSupervisor, max_children=2, name=POOL)
    owner = await Doer.start(node)

    async def three(me: Any) -> Any:
        return [await task_supervisor.async_nolink(me, POOL, after, 5.0) for _ in range(3)]

    with pytest.raises(RequestRefused) as caught:
        await owner.do(three)
    assert caught.value.reason == "max_children"
    assert (await node.drive(count_children(node, POOL))).active == 2
    await node.advance(6.0)
    assert len(node.calls) == 0
    await owner.do(lambda me: task_supervisor.async_nolink(me, POOL, after, 5.0))


async def test_a_supervisor_that_is_not_there_is_an_error_of_the_call(node: VirtualNode) -> None:
    owner = await Doer.start(node)
    with pytest.raises(NoProc):
        await owner.do(lambda me: task_supervisor.async_(me, POOL, after, 1.0))
    assert len(node.calls) == 0


async def test_what_is_no_supervisor_is_told_apart(node: VirtualNode, owner: Doer) -> None:
    class Polite(GenServer):
        def handle_call(self, request: Any, sender: Any) -> Reply:
            return Reply("pardon?")

    polite = await node.start(Polite)
    with pytest.raises(TypeError, match="it is no supervisor"):
        await owner.do(lambda me: task_supervisor.async_(me, polite, after, 1.0))
    assert len(node.calls) == 0


# Kills


async def test_the_supervisors_stop_ends_its_tasks_in_the_time_they_have(node: VirtualNode, owner: Doer) -> None:
    async def ask(me: Any) -> Any:
        begun = await task_supervisor.async_nolink(me, POOL, after, 100.0)
        return await task.yield_(me, begun, None)

    asking = owner.begin(ask)
    await node.idle()
    pool = node.whereis(POOL)
    assert pool is not None
    node.exit(pool, "shutdown", node.root)
    assert await node.drive(asking) == TaskExit("shutdown")
    assert owner.alive


async def test_a_killed_supervisor_takes_its_tasks_along(node: VirtualNode, pool: Pid) -> None:
    owner = await Doer.start(node, trap=True)

    async def two(me: Any) -> Any:
        linked = await task_supervisor.async_(me, POOL, after, 100.0)
        free = await task_supervisor.async_nolink(me, POOL, after, 100.0)
        return linked, [await task.yield_(me, each, None) for each in (linked, free)]

    asking = owner.begin(two)
    await node.idle()
    node.exit(pool, "kill")
    linked, results = await node.drive(asking)
    assert results == [TaskExit("killed"), TaskExit("killed")]
    await node.idle()
    assert owner.mail == [ExitSignal(linked.pid, "killed")]


async def test_a_supervisor_killed_in_the_middle_of_a_start_fails_the_start(node: VirtualNode, owner: Doer) -> None:
    pool = node.whereis(POOL)
    assert pool is not None
    await node.sys.suspend(pool)
    asking = owner.begin(lambda me: task_supervisor.async_(me, POOL, after, 1.0))
    await node.idle()
    node.exit(pool, "kill")
    with pytest.raises(ServerDied):
        await node.drive(asking)
    assert len(node.calls) == 0


@pytest.mark.parametrize("begin", [task_supervisor.async_, task_supervisor.async_nolink])
async def test_an_owner_killed_before_its_task_began_leaves_none(node: VirtualNode, owner: Doer, begin: Any) -> None:
    pool = node.whereis(POOL)
    assert pool is not None
    await node.sys.suspend(pool)
    owner.begin(lambda me: begin(me, POOL, after, 100.0))
    await node.idle()
    node.exit(owner.pid, "kill")
    await node.sys.resume(pool)
    await node.idle()
    assert await task_supervisor.children(node, POOL) == []
    assert len(node.calls) == 0


async def test_an_unlinked_task_goes_on_after_a_deadline_and_can_be_asked_again(owner: Doer) -> None:
    async def twice(me: Any) -> Any:
        begun = await task_supervisor.async_nolink(me, POOL, after, 5.0)
        with pytest.raises(CallTimeout):
            await task.await_(me, begun, 1.0)
        return await task.await_(me, begun, None)

    assert await owner.do(twice) == "done"


async def test_shutdown_of_one_that_does_not_listen_takes_its_time_and_then_its_life(
    node: VirtualNode, owner: Doer
) -> None:
    async def stubborn(seconds: float) -> str:
        task.current().trap_exit()
        await task.current().sleep(seconds)
        return "finished"

    async def stop(me: Any, takes: float) -> Any:
        begun = await task_supervisor.async_nolink(me, POOL, stubborn, takes)
        await me.sleep(0.5)
        return await task.shutdown(me, begun, 3.0)

    assert await owner.do(lambda me: stop(me, 2.0)) == TaskOk("finished")
    before = node.clock.now()
    assert await owner.do(lambda me: stop(me, 100.0)) is None
    assert node.clock.now() - before == pytest.approx(3.5)


# Whoever is killed, whenever

tasks = st.lists(st.tuples(st.sampled_from(["linked", "free", "alone"]), st.floats(0.1, 5.0)), min_size=1, max_size=6)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(tasks, st.sampled_from(["owner", "pool", 0, 1, 2]), st.floats(0.0, 6.0))
def test_no_kill_at_any_time_leaves_anything_behind(plan: list[Any], victim: Any, when: float) -> None:
    asyncio.run(_kill(plan, victim, when))


async def _kill(plan: list[Any], victim: Any, when: float) -> None:
    async with virtual_node() as node:
        pool = await node.start(TaskSupervisor, name=POOL)
        owner = await Doer.start(node, trap=True)
        begun: list[Any] = []

        async def run(me: Any) -> list[Any]:
            for kind, seconds in plan:
                if kind == "alone":
                    begun.append(task.async_(me, after, seconds, seconds))
                else:
                    begin = task_supervisor.async_ if kind == "linked" else task_supervisor.async_nolink
                    begun.append(await begin(me, POOL, after, seconds, seconds))
            return [await task.yield_(me, each, None) for each in begun]

        running = owner.begin(run)
        await node.advance(when)
        if victim == "owner":
            node.exit(owner.pid, "kill")
        elif victim == "pool":
            node.exit(pool, "kill")
        elif victim < len(begun):
            node.exit(begun[victim].pid, "kill")
        await node.advance(10.0)
        if victim == "owner":
            assert not owner.alive
        else:
            for number, (result, (kind, seconds)) in enumerate(zip(running.result(), plan, strict=True)):
                hit = victim == number or (victim == "pool" and kind != "alone")
                if not hit or seconds < when:
                    assert result == TaskOk(seconds)
                else:
                    assert result == TaskExit("killed") or seconds == when
        assert [each for each in begun if each.pid.cell is not None] == []
        assert len(node.calls) == len(node.timers) == 0
