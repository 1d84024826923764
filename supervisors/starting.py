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
    Ref,
    StartError,
    reason_of,
)
from mirliton.supervisors import stopping
from mirliton.supervisors.specs import RESERVED, WORKER_SHUTDOWN, ChildSpec, StartSpec
from mirliton.supervisors.terms import is_sendable

if TYPE_CHECKING:
    from mirliton.supervisors.supervisor import Supervisor


@dataclass(frozen=True, slots=True)
class Running:
    """The child runs. `info` is what its start function added, for whoever asked for the start."""

    pid: Pid
    info: Any = None


@dataclass(frozen=True, slots=True)
class Ignored:
    """The child asked not to be started now. No error."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The child did not start."""

    reason: Any


Outcome = Running | Ignored | Failed


async def start(supervisor: Supervisor, spec: ChildSpec) -> Outcome:
    """Start the child of `spec`, linked to `supervisor`, and wait for its init.

    As in OTP there is no limit to that unless the spec sets one; but once the supervisor's parent has told it to stop,
    a child gets no more time for its init than it would get for stopping.
    """
    how = spec.start
    assert how is not None  # checked before a spec is taken
    if how.function is not None:
        return await _by_function(supervisor, how)
    tag = supervisor.node.new_ref()
    try:
        pid = _begin(supervisor, spec, how, tag)
    except AlreadyStarted as taken:
        orphan = _orphan(supervisor, taken.pid)
        if orphan is None:
            return Failed(taken.reason)
        # Our predecessor was killed and its child is still cleaning up. OTP would try, and fail, until its intensity
        # is used up; the orphan gets the time that its spec gives it for stopping.
        await stopping.stop(supervisor, orphan, spec.grace)
        try:
            pid = _begin(supervisor, spec, how, tag)
        except AlreadyStarted as error:
            return Failed(error.reason)
    completed = await _init_of(supervisor, spec, pid, tag)
    if completed.error is not None:
        return Failed(completed.error)
    return Ignored() if completed.value is None else Running(completed.value)


def _begin(supervisor: Supervisor, spec: ChildSpec, how: StartSpec, tag: Ref) -> Pid:
    """Make the process; what comes of its init arrives as Completed(tag). Raises AlreadyStarted."""
    return supervisor.start_link_later(
        how.cls,
        *(how.args or ()),
        tag=tag,
        name=spec.name,
        keep_mail=spec.keep_mail,
        timeout=spec.start_timeout,
        **how.kwargs,
    )


def _orphan(supervisor: Supervisor, holder: object) -> Pid | None:
    """The process that holds the name, if it has outlived the process that started it."""
    node = supervisor.node
    cell = node.find(holder) if isinstance(holder, Pid) else None
    if cell is None or cell.parent == node.root or node.find(cell.parent) is not None:
        return None
    return cell.pid


async def _init_of(supervisor: Supervisor, spec: ChildSpec, pid: Pid, tag: Ref) -> Completed:
    """What came of an init, which may be cut short when the supervisor is to stop."""

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


def with_arguments(spec: ChildSpec, arguments: Any) -> ChildSpec:
    """The template with a dynamic child's own arguments added.

    Raises TypeError when they are neither a list or tuple nor a mapping whose keys are words of the child's.
    """
    how = spec.start
    assert how is not None
    args, kwargs = list(how.args or ()), dict(how.kwargs)
    if isinstance(arguments, Mapping):
        if any(type(word) is not str or word in RESERVED for word in arguments):
            raise TypeError(f"keyword arguments are words, and none of {', '.join(RESERVED)}: {arguments!r}")
        kwargs.update(arguments)
    elif isinstance(arguments, Sequence) and not isinstance(arguments, str | bytes):
        args.extend(arguments)
    else:
        raise TypeError(f"arguments are a list, a tuple or a mapping, not {arguments!r}")
    return replace(spec, start=StartSpec(how.cls, tuple(args), kwargs, how.function))


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


async def _by_function(supervisor: Supervisor, how: StartSpec) -> Outcome:
    assert how.function is not None
    try:
        answer = await getattr(how.cls, how.function)(supervisor, *(how.args or ()), **how.kwargs)
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
