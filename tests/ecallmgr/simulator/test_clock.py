"""The simulator's clocks."""

from __future__ import annotations

import time

import pytest

from mirliton.ecallmgr.simulator import ManualClock, RealClock


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
