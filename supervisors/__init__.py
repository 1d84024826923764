"""Supervision as in Erlang/OTP: processes that keep other processes alive. Knows no telephony and no configuration.

tree.py specs.py       a supervision tree and its child specs, as data
declare.py             worker() and supervisor(): specs in few words
checks.py              validation, with OTP's error terms
supervisor.py          the Supervisor process
strategies/            who is restarted together, one file per strategy
starting.py stopping.py window.py backoff.py   a child's start, its end, how often, how soon
requests.py client.py  what a supervisor can be asked
answers.py static.py dynamic.py change.py explaining.py   how it answers
children.py history.py what it knows of its children
reports.py counters.py what it tells the world
application.py application_master.py application_controller.py applications.py
                       trees with dependencies and a life cycle
picture.py             a running tree, level by level
node_supervisor.py node_*.py programs.py   OS processes under supervision
replay/                the conformance harness: real OTP's recorded scenarios against our supervisors
"""

if __name__ != "mirliton.supervisors":
    raise ImportError(
        "import mirliton.supervisors, not supervisors: the bare name would give a second copy of every class"
    )

from mirliton.supervisors.application import (
    APPLICATIONS,
    Application,
    ApplicationInfo,
    StartApplication,
    StopApplication,
    WhichApplications,
)
from mirliton.supervisors.application_controller import ApplicationController
from mirliton.supervisors.applications import (
    ensure_all_started,
    start_application,
    stop_application,
    which_applications,
)
from mirliton.supervisors.backoff import Backoff
from mirliton.supervisors.checks import check_child_spec, check_child_specs, check_flags, check_tree
from mirliton.supervisors.client import (
    change_tree,
    count_children,
    delete_child,
    explain,
    get_child_spec,
    restart_child,
    start_child,
    stop_supervisor,
    terminate_child,
    which_children,
)
from mirliton.supervisors.counters import Statistics, statistics
from mirliton.supervisors.declare import supervisor, worker
from mirliton.supervisors.errors import (
    ApplicationFault,
    ApplicationRefused,
    InvalidChildSpec,
    InvalidFlags,
    RequestRefused,
    SpecError,
    SupervisionFault,
    UnknownApplication,
)
from mirliton.supervisors.node_errors import NodeSupervisorError, ProgramError
from mirliton.supervisors.node_heartbeat import Heartbeat
from mirliton.supervisors.node_supervisor import NodeSupervisor
from mirliton.supervisors.programs import Program
from mirliton.supervisors.reports import Report, listen
from mirliton.supervisors.requests import (
    ChangeTree,
    ChildCounts,
    ChildInfo,
    CountChildren,
    DeleteChild,
    Explain,
    Explanation,
    GetChildSpec,
    HistoryEntry,
    Refused,
    RestartChild,
    StartChild,
    Started,
    StopSupervisor,
    TerminateChild,
    WhichChildren,
)
from mirliton.supervisors.specs import ChildSpec, StartSpec
from mirliton.supervisors.supervisor import Supervisor
from mirliton.supervisors.tree import Tree
from mirliton.supervisors.window import RestartWindow

__all__ = [
    "APPLICATIONS",
    "Application",
    "ApplicationController",
    "ApplicationFault",
    "ApplicationInfo",
    "ApplicationRefused",
    "Backoff",
    "ChangeTree",
    "ChildCounts",
    "ChildInfo",
    "ChildSpec",
    "CountChildren",
    "DeleteChild",
    "Explain",
    "Explanation",
    "GetChildSpec",
    "Heartbeat",
    "HistoryEntry",
    "InvalidChildSpec",
    "InvalidFlags",
    "NodeSupervisor",
    "NodeSupervisorError",
    "Program",
    "ProgramError",
    "Refused",
    "Report",
    "RequestRefused",
    "RestartChild",
    "RestartWindow",
    "SpecError",
    "StartApplication",
    "StartChild",
    "StartSpec",
    "Started",
    "Statistics",
    "StopApplication",
    "StopSupervisor",
    "SupervisionFault",
    "Supervisor",
    "TerminateChild",
    "Tree",
    "UnknownApplication",
    "WhichApplications",
    "WhichChildren",
    "change_tree",
    "check_child_spec",
    "check_child_specs",
    "check_flags",
    "check_tree",
    "count_children",
    "delete_child",
    "ensure_all_started",
    "explain",
    "get_child_spec",
    "listen",
    "restart_child",
    "start_application",
    "start_child",
    "statistics",
    "stop_application",
    "stop_supervisor",
    "supervisor",
    "terminate_child",
    "which_applications",
    "which_children",
    "worker",
]
