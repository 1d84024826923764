"""Starting one child, and what can come of it (OTP: supervisor, "Start"; table in gen_server's start protocol)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mirliton.runtime import (
    IGNORE,
    AlreadyStarted,
    Completed,
    Exit,
    ExitSignal,
    Pid,
    Start,
    StartError,
    reason_of,
)
from mirliton.supervisors import stopping
from mirliton.supervisors.specs import WORKER_SHUTDOWN, ChildSpec, StartSpec, with_own
from mirliton.supervisors.terms import is_sendable

if TYPE_CHECKING:
    from mirliton.supervisors.children import Child
    from mirliton.supervisors.supervisor import Supervisor


@dataclass(slots=True)
class Running:
    """The child runs. `info` is what its start function added, for whoever asked for the start."""

    pid: Pid
    info: Any = None


@dataclass(slots=True)
class Ignored:
    """The child asked not to be started now. No error."""


@dataclass(slots=True)
class Failed:
    """The child did not start."""

    reason: Any


Outcome = Running | Ignored | Failed


async def start(supervisor: Supervisor, child: Child) -> Outcome:
    """Start a child, linked to `supervisor`, and wait for its init.

    As in OTP there is no limit to that unless the spec sets one; but once the supervisor's parent has told it to stop,
    a child gets no more time for its init than it would get for stopping.
    """
    spec = child.spec
    how = spec.start
    assert how is not None  # checked before a spec is taken
    args, kwargs = how.args or (), how.kwargs
    if child.arguments is not None:
        args, kwargs = with_own(args, kwargs, child.arguments)
    if how.function is not None:
        return await _by_function(supervisor, getattr(how.cls, how.function), args, kwargs)
    try:
        begun = _begin(supervisor, spec, how.cls, args, kwargs)
    except AlreadyStarted as taken:
        orphan = _orphan(supervisor, taken.pid)
        if orphan is None:
            return Failed(taken.reason)
        # Our predecessor was killed and its child is still cleaning up. OTP would try, and fail, until its intensity
        # is used up; the orphan gets the time that its spec gives it for stopping.
        await stopping.stop(supervisor, orphan, spec.grace)
        try:
            begun = _begin(supervisor, spec, how.cls, args, kwargs)
        except StartError as error:
            return Failed(error.reason)
    except StartError as error:
        return Failed(error.reason)  # the registry of its name does not run
    if begun.done:
        value, reason = begun.value, begun.error
    else:
        completed = await _init_of(supervisor, spec, begun)
        value, reason = completed.value, completed.error
    if reason is not None:
        return Failed(reason)
    return Ignored() if value is None else Running(value)


def _begin(supervisor: Supervisor, spec: ChildSpec, cls: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Start:
    """Make the process and, where it can be done in this turn, run its init. Raises AlreadyStarted, StartError."""
    return supervisor.start_link_at_once(
        cls, args, kwargs, name=spec.name, keep_mail=spec.keep_mail, timeout=spec.start_timeout
    )


def _orphan(supervisor: Supervisor, holder: object) -> Pid | None:
    """The process that holds the name, if it has outlived the process that started it."""
    node = supervisor.node
    cell = node.find(holder) if isinstance(holder, Pid) else None
    if cell is None or cell.parent == node.root or node.find(cell.parent) is not None:
        return None
    return cell.pid


async def _init_of(supervisor: Supervisor, spec: ChildSpec, begun: Start) -> Completed:
    """What came of an init, which may be cut short when the supervisor is to stop."""
    pid, tag = begun.child.pid, begun.ref

    def is_outcome(item: Any) -> bool:
        return type(item) is Completed and item.tag == tag

    def is_news(item: Any) -> bool:
        return is_outcome(item) or (type(item) is ExitSignal and item.sender == supervisor.parent)

    if supervisor.leaving is None:
        news = await supervisor.receive(is_news)
        if isinstance(news, Completed):
            return news
        supervisor.leaving = (news.reason,)
    patience: float | None = WORKER_SHUTDOWN
    if not spec.supervises and spec.grace != "brutal_kill":
        patience = None if spec.grace == "infinity" else float(spec.grace)
    try:
        return _completed(await supervisor.receive(is_outcome, timeout=patience))
    except TimeoutError:
        supervisor.log.warning("init_cut_short", child=spec.id, child_pid=str(pid))
    if spec.supervises:
        # It may itself wait for an init: it does as we do here, when its parent tells it to stop.
        supervisor.exit(pid, "shutdown")
        limit = float(spec.grace) if isinstance(spec.grace, int | float) else None
        try:
            return _completed(await supervisor.receive(is_outcome, timeout=limit))
        except TimeoutError:
            pass
    supervisor.exit(pid, "kill")
    return _completed(await supervisor.receive(is_outcome))


def _completed(item: Any) -> Completed:
    assert isinstance(item, Completed)
    return item


def without_arguments(spec: ChildSpec) -> ChildSpec:
    """What is kept of a temporary child's spec: it is never started again, so its arguments need not be held."""
    how = spec.start
    assert how is not None
    return replace(spec, start=StartSpec(how.cls, None, {}, how.function))


def readable(spec: ChildSpec) -> ChildSpec:
    """The spec as it can be told to others: without what cannot travel."""
    if is_sendable(spec):
        return spec
    bare = without_arguments(spec)
    if is_sendable(bare) or bare.start is None:
        return bare
    # Not a process class but one with a start function: its name has to do.
    cls = bare.start.cls
    return replace(bare, start=replace(bare.start, cls=f"{cls.__module__}:{cls.__qualname__}"))


async def _by_function(
    supervisor: Supervisor, function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Outcome:
    try:
        answer = await function(supervisor, *args, **kwargs)
    except StartError as error:
        return Failed(error.reason)
    except (Exit, Exception) as error:  # noqa: BLE001 - as in OTP: it is the child's fault, not the supervisor's
        return Failed(("EXIT", reason_of(error)))
    if answer is None or answer is IGNORE:
        return Ignored()
    if isinstance(answer, Pid):
        return Running(answer)
    if type(answer) is tuple and len(answer) == 2 and isinstance(answer[0], Pid):
        return Running(answer[0], answer[1])
    return Failed(answer)
