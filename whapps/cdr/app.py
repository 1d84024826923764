"""cdr's supervision tree: one listener. Five restarts in ten seconds, then the node's root decides."""

from __future__ import annotations

from mirliton.actors.switching import CDR
from mirliton.runtime import Name
from mirliton.supervisors import Tree, worker
from mirliton.whapps.cdr.listener import Listener


def tree() -> Tree:
    """The tree; reports that come while the listener restarts wait for it."""
    return Tree(
        "one_for_one",
        [worker(Listener, name=CDR, keep_mail=True)],
        intensity=5,
        period=10.0,
        name=Name("supervisor", "cdr"),
    )
