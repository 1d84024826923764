"""StateHolder: a value, and functions that run where it is (Elixir: Agent)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mirliton.runtime import CallTimeout, Name, NoProc, Pid, ServerDied, StartError, StateHolder, state_holder
from mirliton.runtime.testing import VirtualNode


@pytest.fixture
async def holder(node: VirtualNode) -> Pid:
    return await node.start(StateHolder, lambda start: start, 5)


async def test_functions_see_the_value_and_their_arguments(node: VirtualNode, holder: Pid) -> None:
    assert await state_holder.get(node, holder, lambda value, by, plus=0: value * by + plus, 2, plus=1) == 11
    await state_holder.update(node, holder, lambda value, by: value + by, 3)
    assert await state_holder.get_and_update(node, holder, lambda value: (f"was {value}", value * 2)) == "was 8"
    state_holder.cast(node, holder, lambda value: value + 1)
    assert await state_holder.get(node, holder, lambda value: value) == 17
    assert await node.sys.get_state(holder) == 17
    await node.sys.replace_state(holder, lambda value: value + 1)
    assert await state_holder.get(node, holder, lambda value: value) == 18


async def test_a_process_asks_like_anybody(node: VirtualNode, holder: Pid, puppet: Any) -> None:
    a = await puppet()
    await a.do(lambda me: state_holder.update(me, holder, lambda value: value + 1))
    await a.do(lambda me: state_holder.cast(me, holder, lambda value: value + 1))
    assert await a.do(lambda me: state_holder.get(me, holder, lambda value: value)) == 7


async def test_get_and_update_of_many_lose_nothing(node: VirtualNode, holder: Pid) -> None:
    tickets = await asyncio.gather(
        *(state_holder.get_and_update(node, holder, lambda value: (value, value + 1)) for _ in range(50))
    )
    assert sorted(tickets) == list(range(5, 55))


@pytest.mark.parametrize(
    ("ask", "why"),
    [
        (lambda n, h: state_holder.get(n, h, lambda value: value // 0), "ZeroDivisionError"),
        (lambda n, h: state_holder.update(n, h, lambda value: value // 0), "ZeroDivisionError"),
        (lambda n, h: state_holder.get_and_update(n, h, lambda value: value), "(answer, new value), not 5"),
        (lambda n, h: n.call(h, "what?"), "no handle_call"),
    ],
)
async def test_a_function_that_raises_ends_the_holder_and_the_caller_learns_why(
    node: VirtualNode, holder: Pid, ask: Any, why: str
) -> None:
    with pytest.raises(ServerDied) as caught:
        await ask(node, holder)
    assert why in str(caught.value)
    with pytest.raises(NoProc):
        await state_holder.get(node, holder, lambda value: value)
    state_holder.cast(node, holder, lambda value: value)  # nobody minds


async def test_a_cast_that_raises_ends_it_too(node: VirtualNode, holder: Pid) -> None:
    state_holder.cast(node, holder, lambda value: value // 0)
    await node.idle()
    assert holder.cell is None


async def test_a_start_whose_function_raises_fails(node: VirtualNode) -> None:
    with pytest.raises(StartError, match="division"):
        await node.start(StateHolder, lambda: 1 // 0)
    with pytest.raises(StartError, match="plain functions, not 5"):
        await node.start(StateHolder, 5)


async def test_what_would_wait_is_refused_in_the_caller(node: VirtualNode, holder: Pid) -> None:
    async def slow(value: int) -> int:
        return value

    with pytest.raises(TypeError, match="it must not wait"):
        await state_holder.get(node, holder, slow)
    assert await state_holder.get(node, holder, lambda value: value) == 5


async def test_the_errors_of_calls_are_told_apart(node: VirtualNode, holder: Pid) -> None:
    await node.sys.suspend(holder)
    with pytest.raises(CallTimeout):
        await node.drive(state_holder.get(node, holder, lambda value: value, timeout=1.0))
    node.exit(holder, "kill")
    with pytest.raises(NoProc):
        await state_holder.update(node, Name("service", "nobody"), lambda value: value)


async def test_it_stops_in_order(node: VirtualNode, holder: Pid) -> None:
    ended = asyncio.ensure_future(node.wait_exit(holder))
    await state_holder.stop(node, holder, "shutdown")
    assert await ended == "shutdown"


async def test_a_kill_in_the_middle_of_a_queue_fails_all_who_wait(node: VirtualNode, holder: Pid) -> None:
    await node.sys.suspend(holder)
    waiting = [asyncio.ensure_future(state_holder.get(node, holder, lambda value: value)) for _ in range(3)]
    await node.idle()
    node.exit(holder, "kill")
    for outcome in await asyncio.gather(*waiting, return_exceptions=True):
        assert isinstance(outcome, ServerDied)
        assert outcome.exit_reason == "killed"
