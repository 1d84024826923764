"""Requests to a simple_one_for_one supervisor: one template, children known by their Pids, no id but the template's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mirliton.runtime import Pid
from mirliton.supervisors.checks import check_arguments, id_key
from mirliton.supervisors.children import Child
from mirliton.supervisors.requests import (
    OK,
    ChildCounts,
    ChildInfo,
    CountChildren,
    DeleteChild,
    GetChildSpec,
    Refused,
    RestartChild,
    Started,
    TerminateChild,
    WhichChildren,
)
from mirliton.supervisors.specs import ChildSpec
from mirliton.supervisors.starting import Failed, Running, readable

if TYPE_CHECKING:
    from mirliton.supervisors.supervisor import Supervisor


async def answer(supervisor: Supervisor, request: Any, by: str) -> Any:
    match request:
        case TerminateChild(child):
            return await terminate_child(supervisor, child, by)
        case RestartChild() | DeleteChild():
            return Refused("simple_one_for_one")
        case WhichChildren():
            return which_children(supervisor)
        case CountChildren():
            return count_children(supervisor)
        case GetChildSpec(child):
            return get_child_spec(supervisor, child)
        case _:
            return Refused(("unknown_request", type(request).__qualname__))


async def start_child(supervisor: Supervisor, arguments: Any) -> Started | Refused:
    template = _template(supervisor)
    most = supervisor.tree.max_children
    if most is not None and len(supervisor.children) >= most:
        return Refused("max_children")
    try:
        check_arguments(arguments)
    except TypeError:
        return Refused(("invalid_arguments", arguments))
    child = Child(template, arguments)
    supervisor.children.add(child)
    outcome = await supervisor.launch(child)
    if type(outcome) is Running:
        if template.temporary:
            # It is never started again; ten thousand calls need not hold their arguments twice.
            child.arguments = None
        return Started(outcome.pid, outcome.info)
    if type(outcome) is Failed:
        supervisor.forget(child)
        return Refused(outcome.reason)
    return Started(None)


async def terminate_child(supervisor: Supervisor, which: Any, by: str) -> str | Refused:
    if not isinstance(which, Pid):
        return Refused("simple_one_for_one")
    child = supervisor.children.by_pid(which)
    if child is None:
        return Refused("not_found") if supervisor.lives(which) else OK
    await supervisor.halt(child, by=by)
    supervisor.forget(child)
    return OK


def which_children(supervisor: Supervisor) -> list[ChildInfo]:
    return [child.info(None) for child in reversed(supervisor.children)]


def count_children(supervisor: Supervisor) -> ChildCounts:
    listed = list(supervisor.children)
    supervisors = len(listed) if _template(supervisor).supervises else 0
    return ChildCounts(
        specs=1,
        active=sum(child.process is not None and supervisor.lives(child.process) for child in listed),
        supervisors=supervisors,
        workers=len(listed) - supervisors,
    )


def get_child_spec(supervisor: Supervisor, which: Any) -> ChildSpec | Refused:
    template = _template(supervisor)
    if isinstance(which, Pid):
        # OTP takes any dead process for one of its own: it may have been.
        known = supervisor.children.by_pid(which) is not None or not supervisor.lives(which)
    else:
        known = id_key(which) == id_key(template.id)
    return readable(template) if known else Refused("not_found")


def _template(supervisor: Supervisor) -> ChildSpec:
    assert supervisor.template is not None
    return supervisor.template
