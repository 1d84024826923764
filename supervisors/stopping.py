"""Stopping children: one by one, or all at once (OTP: supervisor, "shutdown" in the child specification).

The wait is on a monitor, so a child that has unlinked itself is stopped too. What counts is the reason in the exit
signal where there is one: a child that had died before was found dead, and its own reason says more than `noproc`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mirliton.runtime import CoroutineProcess, Down, ExitSignal, Pid, Ref, is_quiet
from mirliton.supervisors.specs import ChildSpec, Shutdown


async def stop(supervisor: CoroutineProcess, pid: Pid, grace: Shutdown) -> Any:
    """Stop one child as `grace` says and return the reason it ended with."""
    ref = supervisor.monitor(pid)
    limit = _ask_to_end(supervisor, pid, grace)
    try:
        down = await _down(supervisor, ref, limit)
    except TimeoutError:
        supervisor.exit(pid, "kill")
        down = await _down(supervisor, ref, None)
    return await _real_reason(supervisor, pid, down.reason)


async def stop_all(supervisor: CoroutineProcess, pids: Iterable[Pid], grace: Shutdown) -> list[tuple[Pid, Any]]:
    """Stop children of one kind at the same time: one timer for all, then the rest is killed.

    Returns each with the reason it ended with.
    """
    waiting = {supervisor.monitor(pid): pid for pid in pids}
    limit: float | None = None
    for pid in waiting.values():
        limit = _ask_to_end(supervisor, pid, grace)
    deadline = None if limit is None else supervisor.node.clock.now() + limit
    ended: list[tuple[Pid, Any]] = []
    while waiting:
        left = None if deadline is None else max(0.0, deadline - supervisor.node.clock.now())
        try:
            down = await supervisor.receive(lambda item: type(item) is Down and item.ref in waiting, timeout=left)
        except TimeoutError:
            deadline = None
            for pid in waiting.values():
                supervisor.exit(pid, "kill")
            continue
        pid = waiting.pop(down.ref)
        ended.append((pid, await _real_reason(supervisor, pid, down.reason)))
    return ended


def acceptable(spec: ChildSpec, reason: Any) -> bool:
    """Whether a child that was told to stop may end with this reason. Anything else is reported."""
    if spec.grace == "brutal_kill":
        return bool(reason == "killed") or (not spec.permanent and is_quiet(reason))
    return bool(reason == "shutdown") or (not spec.permanent and is_quiet(reason))


def _ask_to_end(supervisor: CoroutineProcess, pid: Pid, grace: Shutdown) -> float | None:
    """Send the exit signal; returns the seconds to wait, None for as long as it takes."""
    if grace == "brutal_kill":
        supervisor.exit(pid, "kill")
        return None
    supervisor.exit(pid, "shutdown")
    return None if grace == "infinity" else float(grace)


async def _down(supervisor: CoroutineProcess, ref: Ref, limit: float | None) -> Down:
    down = await supervisor.receive(lambda item: type(item) is Down and item.ref == ref, timeout=limit)
    assert isinstance(down, Down)
    return down


async def _real_reason(supervisor: CoroutineProcess, pid: Pid, reason: Any) -> Any:
    supervisor.unlink(pid)
    try:
        signal = await supervisor.receive(lambda item: type(item) is ExitSignal and item.sender == pid, timeout=0.0)
    except TimeoutError:
        return reason
    return signal.reason
