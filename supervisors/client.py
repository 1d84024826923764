"""Asking a supervisor, with errors raised instead of answered.

Each function takes who asks: a process (inside its own code) or a node (from outside all processes). A supervisor
answers nobody while a child's init runs, so the default timeout is long.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

from mirliton.runtime import Address, Node, Pid, Process
from mirliton.supervisors.errors import RequestRefused
from mirliton.supervisors.requests import (
    ChangeTree,
    ChildCounts,
    ChildInfo,
    CountChildren,
    DeleteChild,
    Explain,
    Explanation,
    GetChildSpec,
    Refused,
    RestartChild,
    StartChild,
    Started,
    StopSupervisor,
    TerminateChild,
    WhichChildren,
)
from mirliton.supervisors.specs import ChildSpec

Asker = Process | Node
T = TypeVar("T")

TIMEOUT: Final = 60.0
"""Seconds to wait for a supervisor's answer unless the caller says otherwise; None waits for ever, as OTP does."""


async def start_child(
    asker: Asker,
    supervisor: Address,
    spec: ChildSpec | Sequence[Any] | Mapping[str, Any],
    *,
    timeout: float | None = TIMEOUT,
) -> Pid | None:
    """Add and start a child; under simple_one_for_one `spec` is its arguments. None when its init ignored.

    Raises RequestRefused (`"already_present"`, `("already_started", pid)`, a start error ...) or CallError.
    """
    request = StartChild(spec)
    reply = await asker.call(supervisor, request, timeout)
    if type(reply) is Started:
        return reply.pid
    return _checked(supervisor, request, reply, Started).pid


async def terminate_child(asker: Asker, supervisor: Address, child: Any, *, timeout: float | None = TIMEOUT) -> None:
    """Stop a child, by id or Pid, without a restart. Raises RequestRefused or CallError."""
    await _ask(asker, supervisor, TerminateChild(child), timeout, str)


async def restart_child(
    asker: Asker, supervisor: Address, child_id: Any, *, timeout: float | None = TIMEOUT
) -> Pid | None:
    """Start a child that is listed without a process. Raises RequestRefused or CallError."""
    return (await _ask(asker, supervisor, RestartChild(child_id), timeout, Started)).pid


async def delete_child(asker: Asker, supervisor: Address, child_id: Any, *, timeout: float | None = TIMEOUT) -> None:
    """Forget a child that is listed without a process. Raises RequestRefused or CallError."""
    await _ask(asker, supervisor, DeleteChild(child_id), timeout, str)


async def which_children(asker: Asker, supervisor: Address, *, timeout: float | None = TIMEOUT) -> list[ChildInfo]:
    """The children, newest first. Raises CallError."""
    answer: list[ChildInfo] = await _ask(asker, supervisor, WhichChildren(), timeout, list)
    return answer


async def count_children(asker: Asker, supervisor: Address, *, timeout: float | None = TIMEOUT) -> ChildCounts:
    """How many children there are. Raises CallError."""
    return await _ask(asker, supervisor, CountChildren(), timeout, ChildCounts)


async def get_child_spec(
    asker: Asker, supervisor: Address, child: Any, *, timeout: float | None = TIMEOUT
) -> ChildSpec:
    """The spec of a child, by id or Pid. Raises RequestRefused or CallError."""
    return await _ask(asker, supervisor, GetChildSpec(child), timeout, ChildSpec)


async def explain(asker: Asker, supervisor: Address, child: Any, *, timeout: float | None = TIMEOUT) -> Explanation:
    """What happened to a child lately, by id, Name, or any Pid it has had. Raises RequestRefused or CallError."""
    return await _ask(asker, supervisor, Explain(child), timeout, Explanation)


async def change_tree(asker: Asker, supervisor: Address, *arguments: Any, timeout: float | None = TIMEOUT) -> None:
    """Let the supervisor describe its tree anew and take it over. Raises RequestRefused or CallError."""
    await _ask(asker, supervisor, ChangeTree(arguments or None), timeout, str)


async def stop_supervisor(
    asker: Asker, supervisor: Address, reason: Any = "normal", *, timeout: float | None = TIMEOUT
) -> None:
    """End a supervisor in order and wait until its children are gone. Raises CallError."""
    await _ask(asker, supervisor, StopSupervisor(reason), timeout, str)


async def _ask(asker: Asker, supervisor: Address, request: Any, timeout: float | None, answer: type[T]) -> T:
    return _checked(supervisor, request, await asker.call(supervisor, request, timeout), answer)


def _checked(supervisor: Address, request: Any, reply: Any, answer: type[T]) -> T:
    if isinstance(reply, Refused):
        raise RequestRefused(supervisor, request, reply.reason)
    if not isinstance(reply, answer):
        raise TypeError(f"{supervisor} answered {request!r} with {reply!r}: it is no supervisor")
    return reply
