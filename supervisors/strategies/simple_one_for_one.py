"""simple_one_for_one: any number of children of one kind. Only the one that ended is restarted, as it was started.

What else is special about it (one template, no ids, stopping all at once) is in `dynamic.py`.
"""

from __future__ import annotations

from collections.abc import Iterable

from mirliton.supervisors.children import Child
from mirliton.supervisors.strategies.plan import Plan


def simple_one_for_one(_children: Iterable[Child], ended: Child) -> Plan:
    return Plan((), (ended,))
