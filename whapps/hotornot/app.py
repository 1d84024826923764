"""hotornot's supervision tree: one process that keeps nothing."""

from __future__ import annotations

from mirliton.runtime import Name
from mirliton.supervisors import Tree, worker
from mirliton.whapps.hotornot.listener import HOTORNOT, Listener


def tree() -> Tree:
    """The tree."""
    return Tree(
        "one_for_one",
        [worker(Listener, name=HOTORNOT, keep_mail=True)],
        intensity=5,
        period=10.0,
        name=Name("supervisor", "hotornot"),
    )
