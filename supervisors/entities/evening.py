"""How many shards a node gives back so that all have about as many. Who gets them the broker decides."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil


def to_give(loads: Mapping[str, int], me: str) -> int:
    """How many of its shards the node `me` gives back now; `loads` are those of all nodes that take shards.

    Whoever has more than its part gives the rest. When nobody has, and two still differ by more than one, one node of
    those that have most gives one. So loads come to differ by one at most, and then everybody keeps what it has.
    """
    if len(loads) < 2 or me not in loads:
        return 0
    most, least = max(loads.values()), min(loads.values())
    if most - least <= 1:
        return 0
    part = ceil(sum(loads.values()) / len(loads))
    if loads[me] > part:
        return loads[me] - part
    if most > part:
        return 0
    return int(me == min(node for node, load in loads.items() if load == most))
