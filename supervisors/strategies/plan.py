"""What a strategy answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from mirliton.supervisors.children import Child


class Plan(NamedTuple):
    """Stop these in this order, then start those in that order."""

    stop: Sequence[Child]
    start: Sequence[Child]


def restart_together(group: Sequence[Child], ended: Child) -> Plan:
    """Restart a group in which `ended` has ended: the others stop in reverse start order, all start in start order.

    A temporary child is stopped and not started. One without a process, stopped by hand or finished, is started.
    """
    stop = [child for child in reversed(group) if child is not ended]
    start = [child for child in group if child is ended or not child.spec.temporary]
    return Plan(stop, start)
