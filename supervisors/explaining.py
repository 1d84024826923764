"""Why is this child not the process it was? A supervisor's answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mirliton.runtime import Name, Pid, Via
from mirliton.supervisors.children import Child
from mirliton.supervisors.requests import Explanation, Refused

if TYPE_CHECKING:
    from mirliton.supervisors.supervisor import Supervisor


def explain(supervisor: Supervisor, which: Any) -> Explanation | Refused:
    """The history of a child by id, Name, or any Pid it has had lately; also of one that has been forgotten."""
    child = _find(supervisor, which)
    if child is not None:
        entries = child.history.entries if child.history is not None else []
        return Explanation(child.id, child.state, entries)
    kept = supervisor.archive.find(which)
    if kept is None:
        return Refused("not_found")
    child_id, history = kept
    return Explanation(child_id, "forgotten", history.entries)


def _find(supervisor: Supervisor, which: Any) -> Child | None:
    found = supervisor.children.by_id(which)
    if found is None and isinstance(which, Pid):
        found = supervisor.children.by_pid(which)
    if found is not None:
        return found
    for child in supervisor.children:
        if isinstance(which, Name | Via) and child.spec.name == which:
            return child
        if isinstance(which, Pid) and child.history is not None and child.history.mentions(which):
            return child
    return None
