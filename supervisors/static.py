"""Requests to a supervisor whose children are known by their ids: one_for_one, one_for_all, rest_for_one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mirliton.runtime import Pid
from mirliton.supervisors.checks import check_child_spec
from mirliton.supervisors.children import Child
from mirliton.supervisors.errors import InvalidChildSpec
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
from mirliton.supervisors.starting import Failed, Running, readable, without_arguments

if TYPE_CHECKING:
    from mirliton.supervisors.supervisor import Supervisor


async def answer(supervisor: Supervisor, request: Any, by: str) -> Any:
    match request:
        case TerminateChild(child):
            return await terminate_child(supervisor, child, by)
        case RestartChild(child_id):
            return await restart_child(supervisor, child_id, by)
        case DeleteChild(child_id):
            return delete_child(supervisor, child_id)
        case WhichChildren():
            return which_children(supervisor)
        case CountChildren():
            return count_children(supervisor)
        case GetChildSpec(child):
            return get_child_spec(supervisor, child)
        case _:
            return Refused(("unknown_request", type(request).__qualname__))


async def start_child(supervisor: Supervisor, spec: Any) -> Started | Refused:
    try:
        checked = check_child_spec(spec, supervisor.tree.auto_shutdown)
    except InvalidChildSpec as error:
        return Refused(error.reason)
    present = supervisor.children.by_id(checked.id)
    if present is not None:
        running = present.process
        return Refused("already_present" if running is None else ("already_started", running))
    child = Child(checked)
    supervisor.children.add(child)
    outcome = await supervisor.launch(child)
    if type(outcome) is Running:
        if checked.temporary:
            child.spec = without_arguments(checked)
        return Started(outcome.pid, outcome.info)
    if type(outcome) is Failed:
        supervisor.forget(child)
        return Refused((outcome.reason, checked))
    return Started(None)


async def terminate_child(supervisor: Supervisor, which: Any, by: str) -> str | Refused:
    child = _find(supervisor, which)
    if child is None:
        return Refused("not_found")
    await supervisor.halt(child, by=by)
    return OK


async def restart_child(supervisor: Supervisor, child_id: Any, by: str) -> Started | Refused:
    child = supervisor.children.by_id(child_id)
    if child is None:
        return Refused("not_found")
    if child.state is not None:
        return Refused("restarting" if child.restarting else "running")
    match await supervisor.launch(child, by):
        case Failed(reason):
            return Refused(reason)
        case Running(pid, info):
            return Started(pid, info)
    return Started(None)


def delete_child(supervisor: Supervisor, child_id: Any) -> str | Refused:
    child = supervisor.children.by_id(child_id)
    if child is None:
        return Refused("not_found")
    if child.state is not None:
        return Refused("restarting" if child.restarting else "running")
    supervisor.forget(child)
    return OK


def which_children(supervisor: Supervisor) -> list[ChildInfo]:
    return [child.info(child.id) for child in reversed(supervisor.children)]


def count_children(supervisor: Supervisor) -> ChildCounts:
    listed = list(supervisor.children)
    supervisors = sum(child.spec.supervises for child in listed)
    return ChildCounts(
        specs=len(listed),
        active=sum(child.process is not None and supervisor.lives(child.process) for child in listed),
        supervisors=supervisors,
        workers=len(listed) - supervisors,
    )


def get_child_spec(supervisor: Supervisor, which: Any) -> ChildSpec | Refused:
    child = _find(supervisor, which)
    return Refused("not_found") if child is None else readable(child.spec)


def _find(supervisor: Supervisor, which: Any) -> Child | None:
    """By id; or by Pid, which OTP takes for get_childspec only."""
    found = supervisor.children.by_id(which)
    if found is None and isinstance(which, Pid):
        return supervisor.children.by_pid(which)
    return found
