"""Evening out: how many shards a node gives back to whom the broker chooses, and which must go where by a plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


def even_plan(shards: Mapping[str, Sequence[int]]) -> list[tuple[int, str]]:
    """Which shards must go where so that loads differ by one at most, with as few moves as that takes; `shards` are
    those of all nodes that take any, the ones that may go first at the end of each."""
    left = {node: list(owned) for node, owned in shards.items()}
    plan: list[tuple[int, str]] = []
    while left:
        most = min(left, key=lambda node: (-len(left[node]), node))
        least = min(left, key=lambda node: (len(left[node]), node))
        if len(left[most]) - len(left[least]) <= 1:
            break
        shard = left[most].pop()
        # At the beginning: what was moved is not moved on.
        left[least].insert(0, shard)
        plan.append((shard, least))
    return plan
