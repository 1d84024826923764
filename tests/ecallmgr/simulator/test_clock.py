"""The simulator's clocks."""

from __future__ import annotations

import asyncio
import time

import pytest

from mirliton.ecallmgr.simulator import ManualClock, RealClock
from mirliton.ecallmgr.simulator.clock import Timer
from mirliton.ecallmgr.simulator.clock import sleep as simulated


def test_manual_time_runs_callbacks_in_order_at_their_time() -> None:
    clock = ManualClock()
    ran: list[tuple[str, float]] = []
    clock.call_later(2.0, lambda: ran.append(("late", clock.now())))
    clock.call_later(1.0, lambda: clock.call_later(0.5, lambda: ran.append(("nested", clock.now()))))
    clock.call_later(1.0, lambda: ran.append(("early", clock.now())))
    clock.call_later(1.2, lambda: ran.append(("never", clock.now()))).cancel()
    clock.advance(1.5)
    assert ran == [("early", 1.0), ("nested", 1.5)]
    assert clock.step() and clock.now() == 2.0
    assert not clock.step()
    assert ran[-1] == ("late", 2.0)


async def test_real_time_goes_faster_by_its_speed() -> None:
    clock = RealClock(speed=1000.0)
    begun = time.monotonic()
    wall = clock.micros()
    while clock.now() < 5.0:
        pass
    assert time.monotonic() - begun < 1.0
    assert clock.micros() - wall >= 4_900_000


def test_speed_must_be_above_zero() -> None:
    with pytest.raises(ValueError, match="speed is 0"):
        RealClock(0)


@pytest.mark.parametrize("held_up", [[0.8], [0.1] * 8], ids=["once", "in every turn"])
async def test_a_loop_that_is_held_up_makes_time_wait(held_up: list[float]) -> None:
    """What follows from a callback comes before a later callback, however long the machine takes for each turn."""
    clock = RealClock(speed=20.0)
    ran: list[str] = []
    rings_out = clock.call_later(10.0, lambda: ran.append("rang out"))  # half a real second
    cancelling = asyncio.create_task(_cancel_after(clock, 0.1, rings_out))
    for seconds in held_up:
        await asyncio.sleep(0)
        time.sleep(seconds)  # noqa: ASYNC251 # the loop, held up
    await cancelling
    assert clock.now() < 5.0
    await simulated(clock, 12.0)
    assert ran == []


async def test_time_that_nobody_waits_for_counts_whole() -> None:
    clock = RealClock(speed=100.0)
    await asyncio.sleep(0.2)
    assert clock.now() >= 20.0
    clock.call_later(1.0, lambda: None)
    assert clock.now() >= 20.0


async def _cancel_after(clock: RealClock, seconds: float, timer: Timer) -> None:
    await simulated(clock, seconds)
    for _ in range(5):
        await asyncio.sleep(0)  # as a call that is cancelled takes a few turns of the loop
    timer.cancel()


async def test_a_callback_that_raises_harms_no_other() -> None:
    clock = RealClock(speed=1000.0)
    told: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: told.append(repr(context["exception"])))
    clock.call_later(1.0, lambda: 1 / 0)
    clock.call_later(1.0, lambda: told.append("and on"))
    await simulated(clock, 2.0)
    assert told == ["ZeroDivisionError('division by zero')", "and on"]
