"""hangups' supervision tree: one process that only counts."""

from __future__ import annotations

from mirliton.runtime import Name
from mirliton.supervisors import Tree, worker
from mirliton.whapps.hangups.monitor import HANGUPS, Hangups


def tree() -> Tree:
    """The tree."""
    return Tree(
        "one_for_one",
        [worker(Hangups, name=HANGUPS)],
        intensity=5,
        period=10.0,
        name=Name("supervisor", "hangups"),
    )
