"""async_stream: a task for each item, a bounded number at a time (Elixir: Task.async_stream)."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from doing import Doer
from mirliton.runtime import CallTimeout, CoroutineProcess, Name, Pid
from mirliton.runtime.testing import VirtualNode, virtual_node
from mirliton.supervisors import RequestRefused, TaskExit, TaskOk, TaskSupervisor, async_stream, task, task_supervisor

POOL = Name("service", "pool")


async def wait(seconds: float) -> float:
    await task.current().sleep(seconds)
    return seconds


async def picky(item: Any) -> Any:
    if item == "bad":
        raise RuntimeError("oops")
    return await wait(item)


@pytest.fixture
async def pool(node: VirtualNode) -> Pid:
    return await node.start(TaskSupervisor, name=POOL)


@pytest.fixture
async def owner(node: VirtualNode) -> Doer:
    return await Doer.start(node)


async def collect(me: Any, items: Any, function: Any = wait, **options: Any) -> list[Any]:
    return [result async for result in async_stream(me, items, function, **options)]


async def test_results_come_in_the_order_of_the_items(node: VirtualNode, owner: Doer) -> None:
    before = node.clock.now()
    results = await owner.do(lambda me: collect(me, [3.0, 1.0, 2.0], max_concurrency=3))
    assert results == [TaskOk(3.0), TaskOk(1.0), TaskOk(2.0)]
    assert node.clock.now() - before == pytest.approx(3.0)


async def test_or_as_they_are_ready(owner: Doer) -> None:
    results = await owner.do(lambda me: collect(me, [3.0, 1.0, 2.0], max_concurrency=3, ordered=False))
    assert results == [TaskOk(1.0), TaskOk(2.0), TaskOk(3.0)]


async def test_of_nothing_comes_nothing(owner: Doer) -> None:
    assert await owner.do(lambda me: collect(me, [], max_concurrency=1)) == []


async def test_an_endless_source_is_read_as_far_as_it_is_asked_for(node: VirtualNode, owner: Doer) -> None:
    read: list[int] = []

    def numbers() -> Iterator[int]:
        for number in itertools.count():
            read.append(number)
            yield number

    async def three(me: Any) -> list[Any]:
        results = []
        async with contextlib.aclosing(async_stream(me, numbers(), str, max_concurrency=2)) as stream:
            async for result in stream:
                results.append(result.value)
                if len(results) == 3:
                    break
        return results

    assert await owner.do(three) == ["0", "1", "2"]
    assert len(read) <= 5
    await node.idle()
    assert len(node) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_concurrency": 0},
        {"max_concurrency": True},
        {"max_concurrency": 1, "on_timeout": "ignore"},
        {"max_concurrency": 1, "supervisor": POOL, "nolink": POOL},
    ],
)
async def test_wrong_options_are_refused(owner: Doer, wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"max_concurrency|on_timeout|give one"):
        await owner.do(lambda me: collect(me, [1.0], **wrong))


# Crashes


async def test_a_crash_ends_a_linked_owner_and_the_other_tasks(node: VirtualNode, owner: Doer) -> None:
    await owner.let(lambda me: collect(me, [4.0, "bad", 4.0], picky, max_concurrency=3))
    assert not owner.alive
    assert len(node) == len(node.calls) == len(node.timers) == 0


async def test_one_that_traps_exits_gets_a_result_that_says_so(node: VirtualNode) -> None:
    owner = await Doer.start(node, trap=True)
    ok, bad, last = await owner.do(lambda me: collect(me, [1.0, "bad", 2.0], picky, max_concurrency=3))
    assert (ok, bad.reason.text, last) == (TaskOk(1.0), "oops", TaskOk(2.0))
    await node.idle()
    assert [signal.reason.text for signal in owner.mail] == ["oops"]


async def test_unlinked_tasks_crash_alone(node: VirtualNode, pool: Pid, owner: Doer) -> None:
    ok, bad, last = await owner.do(lambda me: collect(me, [1.0, "bad", 2.0], picky, max_concurrency=2, nolink=POOL))
    assert (ok, bad.reason.text, last) == (TaskOk(1.0), "oops", TaskOk(2.0))
    assert owner.mail == []


async def test_linked_tasks_may_stand_under_a_supervisor(node: VirtualNode, pool: Pid, owner: Doer) -> None:
    running = owner.begin(lambda me: collect(me, [1.0] * 4, max_concurrency=4, supervisor=POOL))
    await node.idle()
    assert len(await task_supervisor.children(node, POOL)) == 4
    assert await node.drive(running) == [TaskOk(1.0)] * 4


async def test_an_error_of_the_source_ends_what_runs(node: VirtualNode, owner: Doer) -> None:
    def broken() -> Iterator[float]:
        yield 5.0
        raise LookupError("no more")

    with pytest.raises(LookupError):
        await owner.do(lambda me: collect(me, broken(), max_concurrency=2))
    await node.idle()
    assert len(node) == 1


async def test_a_supervisor_that_is_full_ends_the_stream(node: VirtualNode, owner: Doer) -> None:
    await node.start(TaskSupervisor, max_children=1, name=POOL)
    with pytest.raises(RequestRefused, match="max_children"):
        await owner.do(lambda me: collect(me, [5.0, 5.0], max_concurrency=2, nolink=POOL))
    await node.idle()
    assert await task_supervisor.children(node, POOL) == []


# Deadlines


async def test_a_task_that_takes_too_long_ends_the_stream(node: VirtualNode, owner: Doer) -> None:
    before = node.clock.now()
    with pytest.raises(CallTimeout, match="no answer within 3 s"):
        await owner.do(lambda me: collect(me, [9.0, 1.0, 9.0], max_concurrency=3, timeout=3.0))
    assert node.clock.now() - before == pytest.approx(3.0)
    await node.idle()
    assert len(node) == 1
    assert len(node.calls) == len(node.timers) == 0


@pytest.mark.parametrize("ordered", [True, False])
async def test_or_has_its_place_taken(node: VirtualNode, owner: Doer, ordered: bool) -> None:
    late = TaskExit("timeout")
    results = await owner.do(
        lambda me: collect(
            me, [9.0, 1.0, 8.0, 2.0], max_concurrency=4, timeout=3.0, on_timeout="kill_task", ordered=ordered
        )
    )
    expected = [late, TaskOk(1.0), late, TaskOk(2.0)] if ordered else [TaskOk(1.0), TaskOk(2.0), late, late]
    assert results == expected
    assert owner.alive
    assert len(node) == 1


async def test_each_task_has_its_own_time(node: VirtualNode, owner: Doer) -> None:
    results = await owner.do(lambda me: collect(me, [2.0] * 5, max_concurrency=1, timeout=3.0))
    assert results == [TaskOk(2.0)] * 5
    assert await owner.do(lambda me: collect(me, [900.0], max_concurrency=1, timeout=None)) == [TaskOk(900.0)]


# Where it runs, and who is killed


async def test_a_script_may_read_a_stream_too(node: VirtualNode) -> None:
    results: list[Any] = []

    class Script(CoroutineProcess):
        async def run(self) -> None:
            async for result in async_stream(self, [2.0, 1.0], wait, max_concurrency=2):
                results.append(result)

    await node.start(Script)
    await node.advance(3.0)
    assert results == [TaskOk(2.0), TaskOk(1.0)]
    assert len(node) == 0


@pytest.mark.parametrize("how", ["kill", "shutdown"])
@pytest.mark.parametrize("under", [None, "supervisor", "nolink"])
async def test_a_reader_that_is_killed_leaves_no_task(
    node: VirtualNode, pool: Pid, how: str, under: str | None
) -> None:
    class Script(CoroutineProcess):
        async def run(self) -> None:
            options: dict[str, Any] = {under: POOL} if under else {}
            async for _ in async_stream(self, itertools.repeat(4.0), wait, max_concurrency=3, **options):
                await self.sleep(1.0)

    for when in (0.0, 5.5, 7.3):
        script = await node.start(Script)
        await node.advance(when)
        assert len(node) > 2  # besides the pool and the script
        node.exit(script, how)
        await node.idle()
        assert [cell.pid for cell in node.processes()] == [pool]
        assert len(node.calls) == len(node.timers) == 0


# No task takes exactly as long as it may: both ends of that would be right.
plans = st.lists(st.one_of(st.integers(1, 9), st.just("bad")), max_size=12)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(plans, st.integers(1, 5), st.booleans(), st.floats(0.0, 2.0))
def test_order_and_bound_hold_for_any_items(plan: list[Any], most: int, ordered: bool, pause: float) -> None:
    asyncio.run(_holds(plan, most, ordered, pause))


async def _holds(plan: list[Any], most: int, ordered: bool, pause: float) -> None:
    async with virtual_node() as node:
        await node.start(TaskSupervisor, name=POOL)
        owner = await Doer.start(node)
        under_way = taken = read = 0
        highest = 0

        def source() -> Iterator[tuple[int, Any]]:
            nonlocal taken, highest
            for numbered in enumerate(plan):
                taken += 1
                highest = max(highest, taken - read)
                yield numbered

        async def work(numbered: tuple[int, Any]) -> Any:
            nonlocal under_way
            under_way += 1
            assert under_way <= most
            try:
                number, item = numbered
                return number, await picky(item)
            finally:
                under_way -= 1

        async def run(me: Any) -> list[Any]:
            nonlocal read
            results = []
            stream = async_stream(
                me,
                source(),
                work,
                max_concurrency=most,
                ordered=ordered,
                timeout=5.25,
                on_timeout="kill_task",
                nolink=POOL,
            )
            async for result in stream:
                results.append(result)
                await me.sleep(pause)
                read += 1
            return results

        results = await owner.do(run)
        assert highest <= most
        expected = [
            "bad" if item == "bad" else "timeout" if item > 5.25 else (number, item) for number, item in enumerate(plan)
        ]
        seen = [
            result.value if isinstance(result, TaskOk) else "timeout" if result.reason == "timeout" else "bad"
            for result in results
        ]
        if ordered:
            assert seen == expected
        else:
            assert sorted(map(repr, seen)) == sorted(map(repr, expected))
        assert len(node.calls) == len(node.timers) == 0


async def test_leaving_the_loop_ends_what_runs_at_once(node: VirtualNode, owner: Doer) -> None:
    async def first(me: Any) -> Any:
        async for result in async_stream(me, itertools.repeat(3.0), wait, max_concurrency=4):
            return result
        return None

    assert await owner.do(first) == TaskOk(3.0)
    await node.idle()
    assert len(node) == 1
    assert owner.pid.cell is not None
    assert not owner.pid.cell.owned
