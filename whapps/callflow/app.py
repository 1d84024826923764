"""callflow's supervision tree.

callflow (one_for_one)
├── listener               answers routing questions
└── executors (simple)     one small supervisor per call, never restarted from here: the call's actor does that
"""

from __future__ import annotations

from mirliton.actors.switching import ROUTER
from mirliton.ecallmgr.app import calls_tree
from mirliton.ecallmgr.switch_http import Media
from mirliton.runtime import Name
from mirliton.supervisors import Tree, supervisor, worker
from mirliton.whapps.callflow.listener import EXECUTORS, Listener
from mirliton.whapps.callflow.overload import Bounds


def tree(media: Media, bounds: Bounds | None = None) -> Tree:
    """The tree; `media` makes the URLs by which switches fetch and deliver audio, beyond `bounds` new calls are
    refused."""
    return Tree(
        "one_for_one",
        [worker(Listener, media, bounds, name=ROUTER, keep_mail=True), supervisor(calls_tree(EXECUTORS))],
        intensity=5,
        period=10.0,
        name=Name("supervisor", "callflow"),
    )
