"""Restart intensity: an exact sliding window, within what OTP's window of whole seconds allows."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as some

from mirliton.supervisors import RestartWindow


def test_intensity_is_the_number_of_restarts_granted() -> None:
    window = RestartWindow(3, 5.0)
    assert [window.admit(100.0) for _ in range(4)] == [True, True, True, False]


def test_no_restart_is_granted_at_intensity_zero() -> None:
    assert not RestartWindow(0, 5.0).admit(1.0)


def test_a_restart_counts_while_it_is_at_most_the_period_old() -> None:
    window = RestartWindow(1, 5.0)
    assert window.admit(10.0)
    assert not window.admit(15.0)
    window = RestartWindow(1, 5.0)
    assert window.admit(10.0)
    assert window.admit(15.001)


def test_the_window_slides() -> None:
    window = RestartWindow(2, 10.0)
    assert [window.admit(now) for now in (0.0, 6.0, 11.0, 17.0, 22.0)] == [True] * 5
    assert not window.admit(22.5)


def test_it_tells_how_much_is_used() -> None:
    window = RestartWindow(5, 10.0)
    assert window.used(0.0) == 0
    window.admit(0.0)
    window.admit(4.0)
    assert (window.used(4.0), window.used(11.0), window.used(20.0)) == (2, 1, 0)


@given(some.integers(0, 5), some.integers(1, 10), some.lists(some.floats(0, 4), max_size=40))
def test_it_decides_as_otp_does_or_as_otp_may(intensity: int, period: int, gaps: list[float]) -> None:
    """OTP cuts times to whole seconds: it counts all that is younger than the period and none that is older by a
    second. Ours must never refuse where OTP cannot, nor grant where OTP cannot."""
    window = RestartWindow(intensity, float(period))
    times: list[float] = []
    now = 0.0
    for gap in gaps:
        now += gap
        times.append(now)
        certain = sum(now - then < period for then in times)
        possible = sum(now - then < period + 1 for then in times)
        granted = window.admit(now)
        if possible <= intensity:
            assert granted
        if certain > intensity:
            assert not granted
