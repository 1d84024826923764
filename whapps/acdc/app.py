"""acdc's supervision tree.

acdc (one_for_one)
├── queues (simple)    one small supervisor per queue, never restarted from here: whoever waits in it starts it again
├── agents (simple)    one small supervisor per agent, never restarted from here: the keeper looks after them
├── keeper             starts both when they are needed
└── listener           tells agents what their phones do

Five restarts in ten seconds: each costs milliseconds, and what a restart here takes with it is stored or on the switch.
"""

from __future__ import annotations

from mirliton.actors.queueing import ACDC, AGENTS_SUPERVISOR, QUEUES_SUPERVISOR
from mirliton.runtime import Name
from mirliton.supervisors import ChildSpec, StartSpec, Supervisor, Tree, supervisor, worker
from mirliton.whapps.acdc.keeper import Keeper
from mirliton.whapps.acdc.listener import LISTENER, Listener


def tree() -> Tree:
    """The tree."""
    return Tree(
        "one_for_one",
        [
            supervisor(_many("queue", QUEUES_SUPERVISOR)),
            supervisor(_many("agent", AGENTS_SUPERVISOR)),
            worker(Keeper, name=ACDC, keep_mail=True),
            worker(Listener, name=LISTENER),
        ],
        intensity=5,
        period=10.0,
        name=Name("supervisor", "acdc"),
    )


def _many(kind: str, name: Name) -> Tree:
    template = ChildSpec(kind, StartSpec(Supervisor), restart="temporary", type="supervisor", shutdown=5.0)
    return Tree("simple_one_for_one", [template], intensity=0, period=1.0, name=name)
