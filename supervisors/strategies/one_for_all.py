"""one_for_all: children that are useless without one another. All are restarted."""

from __future__ import annotations

from collections.abc import Iterable

from mirliton.supervisors.children import Child
from mirliton.supervisors.strategies.plan import Plan, restart_together


def one_for_all(children: Iterable[Child], ended: Child) -> Plan:
    return restart_together(list(children), ended)
