"""stepswitch's supervision tree: one listener. Five restarts in ten seconds, then the node's root decides."""

from __future__ import annotations

from mirliton.runtime import Name
from mirliton.supervisors import Tree, worker
from mirliton.whapps.stepswitch.listener import Listener
from mirliton.whapps.stepswitch.messages import STEPSWITCH


def tree() -> Tree:
    """The tree."""
    return Tree(
        "one_for_one",
        [worker(Listener, name=STEPSWITCH, keep_mail=True)],
        intensity=5,
        period=10.0,
        name=Name("supervisor", "stepswitch"),
    )
