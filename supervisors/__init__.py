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
partition_supervisor.py   the same child several times over, chosen by key
task.py task_supervisor.py task_stream.py   functions in processes of their own
reports.py counters.py metrics.py   what it tells the world
application.py application_master.py application_controller.py applications.py
                       trees with dependencies and a life cycle
picture.py inspector.py control.py   looking at a running node, and the socket where an operator asks
node_supervisor.py node_*.py programs.py program_limits.py   OS processes under supervision
chaos/ testing/        killing by plan, for operators and for users' own tests
replay/                the conformance harness: real OTP's recorded scenarios against our supervisors
"""

if __name__ != "mirliton.supervisors":
    raise ImportError(
        "import mirliton.supervisors, not supervisors: the bare name would give a second copy of every class"
    )

from mirliton.supervisors import partition_supervisor, task, task_supervisor
from mirliton.supervisors.application import (
    APPLICATIONS,
    Application,
    ApplicationInfo,
    LoadApplication,
    LoadedApplications,
    LoadedInfo,
    SetEnv,
    StartApplication,
    StopApplication,
    UnloadApplication,
    UnsetEnv,
    WhichApplications,
)
from mirliton.supervisors.application_controller import ApplicationController
from mirliton.supervisors.applications import (
    ensure_all_started,
    get_env,
    load_application,
    loaded_applications,
    set_env,
    start_application,
    stop_application,
    unload_application,
    unset_env,
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
from mirliton.supervisors.control import ControlSocket
from mirliton.supervisors.counters import Statistics, statistics
from mirliton.supervisors.declare import supervisor, worker
from mirliton.supervisors.errors import (
    ApplicationFault,
    ApplicationRefused,
    BadRequest,
    InvalidChildSpec,
    InvalidFlags,
    NoSuchProcess,
    RequestRefused,
    SpecError,
    SupervisionFault,
    UnknownApplication,
    UpgradeFailed,
)
from mirliton.supervisors.inspector import Inspector
from mirliton.supervisors.metrics import SupervisorCollector
from mirliton.supervisors.node_errors import HostSocketError, NodeSupervisorError, NoHost, ProgramError
from mirliton.supervisors.node_heartbeat import Heartbeat
from mirliton.supervisors.node_supervisor import NodeSupervisor
from mirliton.supervisors.partition_supervisor import PartitionSupervisor
from mirliton.supervisors.program_limits import Memory, RestartLimits
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
from mirliton.supervisors.task import Task, TaskExit, TaskOk
from mirliton.supervisors.task_stream import async_stream
from mirliton.supervisors.task_supervisor import TaskSupervisor
from mirliton.supervisors.tree import Tree
from mirliton.supervisors.upgrades import downgrade, upgrade, upgrade_tree
from mirliton.supervisors.upgrading.appup import Add, Apply, AppUp, Delete, Load, Restart, Update
from mirliton.supervisors.upgrading.report import UpgradeReport
from mirliton.supervisors.window import RestartWindow

__all__ = [
    "APPLICATIONS",
    "Add",
    "AppUp",
    "Application",
    "ApplicationController",
    "ApplicationFault",
    "ApplicationInfo",
    "ApplicationRefused",
    "Apply",
    "Backoff",
    "BadRequest",
    "ChangeTree",
    "ChildCounts",
    "ChildInfo",
    "ChildSpec",
    "ControlSocket",
    "CountChildren",
    "Delete",
    "DeleteChild",
    "Explain",
    "Explanation",
    "GetChildSpec",
    "Heartbeat",
    "HistoryEntry",
    "HostSocketError",
    "Inspector",
    "InvalidChildSpec",
    "InvalidFlags",
    "Load",
    "LoadApplication",
    "LoadedApplications",
    "LoadedInfo",
    "Memory",
    "NoHost",
    "NoSuchProcess",
    "NodeSupervisor",
    "NodeSupervisorError",
    "PartitionSupervisor",
    "Program",
    "ProgramError",
    "Refused",
    "Report",
    "RequestRefused",
    "Restart",
    "RestartChild",
    "RestartLimits",
    "RestartWindow",
    "SetEnv",
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
    "SupervisorCollector",
    "Task",
    "TaskExit",
    "TaskOk",
    "TaskSupervisor",
    "TerminateChild",
    "Tree",
    "UnknownApplication",
    "UnloadApplication",
    "UnsetEnv",
    "Update",
    "UpgradeFailed",
    "UpgradeReport",
    "WhichApplications",
    "WhichChildren",
    "async_stream",
    "change_tree",
    "check_child_spec",
    "check_child_specs",
    "check_flags",
    "check_tree",
    "count_children",
    "delete_child",
    "downgrade",
    "ensure_all_started",
    "explain",
    "get_child_spec",
    "get_env",
    "listen",
    "load_application",
    "loaded_applications",
    "partition_supervisor",
    "restart_child",
    "set_env",
    "start_application",
    "start_child",
    "statistics",
    "stop_application",
    "stop_supervisor",
    "supervisor",
    "task",
    "task_supervisor",
    "terminate_child",
    "unload_application",
    "unset_env",
    "upgrade",
    "upgrade_tree",
    "which_applications",
    "which_children",
    "worker",
]
