"""tasks' supervision tree; neither process owns anything that a restart could lose.

tasks (one_for_one)
├── tasks         carries out tasks
└── tasks_jobs    does at intervals what is to be done at intervals
"""

from __future__ import annotations

from mirliton.runtime import Name
from mirliton.supervisors import Tree, worker
from mirliton.whapps.tasks.jobs import JOBS, Jobs
from mirliton.whapps.tasks.record import TASKS
from mirliton.whapps.tasks.scheduler import Scheduler


def tree() -> Tree:
    """The tree."""
    return Tree(
        "one_for_one",
        [worker(Scheduler, name=TASKS, shutdown=5.0), worker(Jobs, id="jobs", name=JOBS)],
        intensity=5,
        period=10.0,
        name=Name("supervisor", "tasks"),
    )
