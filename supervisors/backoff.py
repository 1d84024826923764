"""Restart backoff: how long to wait before each try. Beyond OTP, which tries again at once.

A child without one is restarted as in OTP. With one, the first restart after a calm spell waits `initial` seconds and
each further one `factor` times longer, up to `maximum`. Every try still counts in the supervisor's restart window, so
choose the intensity and period for the delays.
"""

from __future__ import annotations

import math
import random
from typing import Any

from mirliton.runtime import message


@message("supervisor.backoff")
class Backoff:
    """Delays between restarts, in seconds.

    `jitter` takes up to that share off each delay, so that many children do not come back in step. With a `seed` the
    same child waits the same times in every run. The row of restarts is over, and the next delay is `initial` again,
    once the child has stayed up for `calm` seconds (None: for `maximum`).
    """

    initial: float
    maximum: float
    factor: float = 2.0
    jitter: float = 0.0
    seed: int | None = None
    calm: float | None = None

    def delay(self, attempt: int, child: object = None) -> float:
        """Seconds to wait before the `attempt`-th try in a row (from 1) for `child`.

        Raises ValueError for an attempt below 1.
        """
        if attempt < 1:
            raise ValueError(f"attempts are counted from 1, not {attempt}")
        # The exponent is bounded: 2.0 ** 2000 is no float, and the maximum was reached long before.
        steps = attempt - 1 if self.factor == 1.0 else min(attempt - 1, _steps_to(self))
        full = min(self.maximum, self.initial * self.factor**steps)
        if not self.jitter:
            return full
        return full * (1.0 - self.jitter * self._chance(attempt, child).random())

    def calm_after(self) -> float:
        """Seconds of staying up after which the row of restarts is over."""
        return self.maximum if self.calm is None else self.calm

    def _chance(self, attempt: int, child: object) -> random.Random:
        if self.seed is None:
            return random.Random()  # noqa: S311 - spreads restarts; nothing depends on its being unguessable
        return random.Random(f"{self.seed}/{child!r}/{attempt}")  # noqa: S311 - as above


def backoff_fault(value: Any) -> bool:
    """Whether `value` cannot be a child's backoff."""
    if value is None:
        return False
    if type(value) is not Backoff:
        return True
    numbers = [value.initial, value.maximum, value.factor, value.jitter]
    if value.calm is not None:
        numbers.append(value.calm)
    if not all(type(number) in (int, float) and math.isfinite(number) for number in numbers):
        return True
    return not (
        0 < value.initial <= value.maximum
        and value.factor >= 1
        and 0 <= value.jitter < 1
        and (value.calm is None or value.calm >= 0)
        and (value.seed is None or type(value.seed) is int)
    )


def _steps_to(backoff: Backoff) -> int:
    """The steps after which the maximum is reached."""
    return math.ceil(math.log(backoff.maximum / backoff.initial) / math.log(backoff.factor)) + 1
