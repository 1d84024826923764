"""conference's supervision tree.

conference (one_for_one)
├── conferences (simple)    one small supervisor per conference, never restarted from here: who comes next starts it
└── keeper                  starts them when they are needed

Five restarts in ten seconds: each costs milliseconds, and the rooms are on the switch.
"""

from __future__ import annotations

from mirliton.actors.conferencing import CONFERENCES, CONFERENCES_SUPERVISOR
from mirliton.runtime import Name
from mirliton.supervisors import ChildSpec, StartSpec, Supervisor, Tree, supervisor, worker
from mirliton.whapps.conference.keeper import Keeper


def tree() -> Tree:
    """The tree."""
    template = ChildSpec("conference", StartSpec(Supervisor), restart="temporary", type="supervisor", shutdown=5.0)
    conferences = Tree("simple_one_for_one", [template], intensity=0, period=1.0, name=CONFERENCES_SUPERVISOR)
    return Tree(
        "one_for_one",
        [supervisor(conferences), worker(Keeper, name=CONFERENCES, keep_mail=True)],
        intensity=5,
        period=10.0,
        name=Name("supervisor", "conference"),
    )
