"""omnipresence's supervision tree: one listener. Five restarts in ten seconds, then the node's root decides."""

from __future__ import annotations

from mirliton.actors.presence import OMNIPRESENCE
from mirliton.runtime import Address, Name
from mirliton.supervisors import Tree, worker
from mirliton.whapps.omnipresence.listener import Listener


def tree(edge: Address) -> Tree:
    """The tree; news goes out by this edge. What comes while the listener restarts waits for it."""
    return Tree(
        "one_for_one",
        [worker(Listener, edge, name=OMNIPRESENCE, keep_mail=True)],
        intensity=5,
        period=10.0,
        name=Name("supervisor", "omnipresence"),
    )
