"""The restart strategies: who else is restarted with a child that is. Each is a pure function in a file of its own.

A strategy is given the children in start order and the one that ended; it answers which others to stop, in which
order, and which to start, in which order. What stopping and starting mean is the supervisor's business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from mirliton.supervisors.children import Child
from mirliton.supervisors.strategies.one_for_all import one_for_all
from mirliton.supervisors.strategies.one_for_one import one_for_one
from mirliton.supervisors.strategies.plan import Plan
from mirliton.supervisors.strategies.rest_for_one import rest_for_one
from mirliton.supervisors.strategies.simple_one_for_one import simple_one_for_one

__all__ = ["STRATEGIES", "Plan", "Strategy"]

Strategy = Callable[[Iterable[Child], Child], Plan]

STRATEGIES: Final[dict[str, Strategy]] = {
    "one_for_one": one_for_one,
    "one_for_all": one_for_all,
    "rest_for_one": rest_for_one,
    "simple_one_for_one": simple_one_for_one,
}
