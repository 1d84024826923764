"""one_for_one: children that do not depend on one another. Only the child that ended is restarted."""

from __future__ import annotations

from collections.abc import Iterable

from mirliton.supervisors.children import Child
from mirliton.supervisors.strategies.plan import Plan


def one_for_one(_children: Iterable[Child], ended: Child) -> Plan:
    return Plan((), (ended,))
