"""Money, in whole units of which 10,000 make one of the currency, and what a call costs. Kazoo: wht_util.

    cost(Rate(per_minute=200, increment=6, minimum=30), 42.0)     # 140: 30 s, and two increments of 6 s

Prices in documents are numbers of the currency (0.02 a minute); they become units where they are read.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any, Final

from mirliton.runtime import message

UNITS: Final = 10_000
MOST: Final = 10**12
"""No amount is larger: a hundred million of the currency."""

_LONGEST: Final = 10**6
"""Seconds: a minimum or an increment beyond is none."""


class NoAmount(ValueError):
    """What is given is no amount of money."""


def units(amount: Any) -> int:
    """An amount of the currency in units, rounded to the nearest. Raises NoAmount."""
    if isinstance(amount, bool) or not isinstance(amount, int | float | str):
        raise NoAmount(f"{str(amount)[:40]!r} is no amount")
    try:
        found = (Decimal(str(amount)) * UNITS).to_integral_value(ROUND_HALF_UP)
    except (ArithmeticError, ValueError):
        shown = repr(amount[:40]) if isinstance(amount, str) else "a number of so many digits"
        raise NoAmount(f"{shown} is no amount") from None
    if not found.is_finite() or abs(found) > MOST:
        raise NoAmount(f"{str(amount)[:40]} is not between -{MOST // UNITS} and {MOST // UNITS}")
    return int(found)


def currency(amount: int) -> float:
    """Units as an amount of the currency."""
    return amount / UNITS


@message("money.rate")
class Rate:
    """What calls to a number cost. Amounts in units, times in seconds; `per_minute` may be a fraction of a unit."""

    per_minute: float = 0.0
    increment: int = 60
    """The slice that is billed beyond the minimum; one that is begun counts whole."""
    minimum: int = 60
    """What the shortest call is billed for."""
    surcharge: int = 0
    nocharge_time: int = 0
    """A call that is no longer costs nothing."""
    name: str = ""


def cost(rate: Rate, seconds: float) -> int:
    """What a call of so many billed seconds costs, in units; a fraction of a unit is charged as one."""
    if seconds <= 0 or seconds <= rate.nocharge_time:
        return 0
    increment = rate.increment if rate.increment > 0 else 60
    slices = max(0, math.ceil((Fraction(seconds) - rate.minimum) / increment))
    billed = max(rate.minimum, 0) + slices * increment
    return rate.surcharge + math.ceil(Fraction(rate.per_minute) * billed / 60)


RATE_VARS: Final = ("Rate", "Rate-Increment", "Rate-Minimum", "Surcharge", "Rate-NoCharge-Time", "Rate-Name")
"""The Custom-Channel-Vars that a rate is read from."""


def rate_of_vars(channel_vars: Mapping[str, Any]) -> Rate | None:
    """The rate that is noted in a leg's Custom-Channel-Vars, as Kazoo's rate response puts it there: amounts of the
    currency, in text. None where there is none, or it is malformed or below 0."""
    if "Rate" not in channel_vars:
        return None
    try:
        rate = Rate(
            per_minute=float(Decimal(str(channel_vars["Rate"])) * UNITS),
            increment=int(channel_vars.get("Rate-Increment", 60)),
            minimum=int(channel_vars.get("Rate-Minimum", 60)),
            surcharge=units(channel_vars.get("Surcharge", 0)),
            nocharge_time=int(channel_vars.get("Rate-NoCharge-Time", 0)),
            name=str(channel_vars.get("Rate-Name", "")),
        )
    except (ArithmeticError, TypeError, ValueError):
        return None
    usable = 0 <= rate.per_minute <= MOST and rate.surcharge >= 0 and max(rate.minimum, rate.increment) <= _LONGEST
    return rate if usable else None
