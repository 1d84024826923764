"""What a supervisor can be asked, and what it answers. OTP: supervisor:start_child/2 and its siblings.

Send them with `call`; `client.py` wraps them in functions that raise. Every request may be answered by a
`Refused(reason)` with OTP's error term.

| request | answer |
| --- | --- |
| StartChild | Started |
| TerminateChild, DeleteChild | "ok" |
| RestartChild | Started |
| WhichChildren | list of ChildInfo, newest first |
| CountChildren | ChildCounts |
| GetChildSpec | ChildSpec |
| Explain | Explanation |
| ChangeTree, StopSupervisor | "ok" |

StartChild and Started are made for every child, and so they are not frozen dataclasses, which take three times as long:
they are as immutable as the others, but only strict mode sees to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from mirliton.runtime import Pid, message
from mirliton.runtime.messages import register

OK: Final = "ok"
RESTARTING: Final = "restarting"


@dataclass(slots=True, unsafe_hash=True)
class StartChild:
    """Add a child at the end of the start order and start it.

    `spec` is a ChildSpec (or a mapping with its fields). Under simple_one_for_one it is what is added to the
    template's arguments: a list or tuple of positional ones, or a mapping of keyword ones.
    """

    spec: Any


@message("supervisor.terminate_child")
class TerminateChild:
    """Stop a child and do not restart it. `child` is its id; under simple_one_for_one its Pid."""

    child: Any


@message("supervisor.restart_child")
class RestartChild:
    """Start a child that is listed without a process."""

    id: Any


@message("supervisor.delete_child")
class DeleteChild:
    """Forget a child that is listed without a process."""

    id: Any


@message("supervisor.which_children")
class WhichChildren:
    """List the children."""


@message("supervisor.count_children")
class CountChildren:
    """Count the children."""


@message("supervisor.get_child_spec")
class GetChildSpec:
    """The spec of a child. `child` is its id or its Pid."""

    child: Any


@message("supervisor.explain")
class Explain:
    """What happened to a child. `child` is its id, its Name, or the Pid of any process it has been lately."""

    child: Any


@dataclass(slots=True, unsafe_hash=True)
class Started:
    """The child runs as `pid`; None: its init answered *ignore*. `info` is what its start function added."""

    pid: Pid | None
    info: Any = None


register("supervisor.start_child", StartChild)
register("supervisor.started", Started)


@message("supervisor.refused")
class Refused:
    """The request was not carried out."""

    reason: Any


@message("supervisor.child_info")
class ChildInfo:
    """One line of the list of children. `child` is a Pid, None (no process) or "restarting".

    Under simple_one_for_one `id` is None.
    """

    id: Any
    child: Pid | Literal["restarting"] | None
    type: str
    modules: Sequence[str] | Literal["dynamic"]


@message("supervisor.child_counts")
class ChildCounts:
    """`specs` listed, `active` alive; `supervisors` and `workers` by type, alive or not."""

    specs: int
    active: int
    supervisors: int
    workers: int


@message("supervisor.history_entry")
class HistoryEntry:
    """One thing that happened to a child.

    - `when`: seconds since 1970.
    - `event`: "ended" (by itself), "started", "start_failed", "stopped" (by its supervisor).
    - `pid`: the process it happened to; None where there was none.
    - `reason`: why it ended, or did not start; None for "started".
    - `dossier`: the crash dossier's id, where the runtime kept one.
    - `action`: what the supervisor did about it, in words.
    - `by`: who caused it: "itself", "restart of" another child, a request with its sender, or "supervisor".
    """

    when: float
    event: str
    pid: Pid | None
    reason: Any
    dossier: Any
    action: str
    by: str


@message("supervisor.explanation")
class Explanation:
    """A child's state now (as in ChildInfo, or "forgotten") and the last things that happened to it, oldest first."""

    id: Any
    child: Pid | str | None
    entries: Sequence[HistoryEntry]


@message("supervisor.try_again")
class TryAgain:
    """A supervisor's note to itself to retry a failed restart; it goes through the mailbox, so that others get a turn.

    `child` is the id; under simple_one_for_one the Pid of the process that died. `granted`: this try has been counted
    in the restart window already (the first one of a child with a backoff).
    """

    child: Any
    granted: bool = False


@message("supervisor.change_tree")
class ChangeTree:
    """Take another tree without a restart, as OTP's code change does.

    `arguments` are given to the supervisor's `describe`; None means those of its start. Flags are replaced; specs are
    replaced by id, running processes stay; new children are listed without a process (RestartChild starts them);
    children that the new tree lacks stay, last in the start order. Answered "ok", or Refused and nothing is changed.
    """

    arguments: Sequence[Any] | None = None


@message("supervisor.stop")
class StopSupervisor:
    """End in order: stop the children, then end with `reason`. Answered "ok" when the children are gone."""

    reason: Any = "normal"
