"""rest_for_one: each child may depend on those before it. The child and all those after it are restarted."""

from __future__ import annotations

from collections.abc import Iterable

from mirliton.supervisors.children import Child
from mirliton.supervisors.strategies.plan import Plan, restart_together


def rest_for_one(children: Iterable[Child], ended: Child) -> Plan:
    listed = list(children)
    return restart_together(listed[listed.index(ended) :], ended)
