"""acdc's supervision tree.

acdc (one_for_one)
└── listener           tells agents what their phones do

Queues and agents are entities, and no children of it. Five restarts in ten seconds: each costs milliseconds, and all
agents ask the channel table after it.
"""

from __future__ import annotations

from mirliton.runtime import Name
from mirliton.supervisors import Tree, worker
from mirliton.whapps.acdc.listener import LISTENER, Listener


def tree() -> Tree:
    """The tree."""
    return Tree(
        "one_for_one",
        [worker(Listener, name=LISTENER)],
        intensity=5,
        period=10.0,
        name=Name("supervisor", "acdc"),
    )
