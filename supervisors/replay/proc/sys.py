"""Actions that look into a server, as Erlang's `sys` does."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from typing import Any, Final

from mirliton.runtime import Call, CallError, Cast, Exit, From, GenStatem, NoProc, Pid, SystemRequestFailed
from mirliton.runtime.protocol import SystemRequest
from mirliton.supervisors.replay.proc.actions import Doer, action
from mirliton.supervisors.replay.terms import ErlangError

PATIENCE: Final = 1000
"""Milliseconds that the recorder's `sys` calls waited."""


@action("sys")
async def sys(by: Doer, label: str, operation: str, *arguments: Any) -> Any:
    found = _OPERATIONS.get(operation)
    if found is None:
        raise ValueError(f"sys {operation!r} is not known")
    try:
        by.world.answered.add(by.world.pid(label))
        answer = found(by, by.world.pid(label), *arguments)
        return await by.foreign(answer) if inspect.iscoroutine(answer) else answer
    except CallError as error:
        raise Exit((error.reason, _asked(operation, by.world.pid(label), by.world.value(list(arguments))))) from None


def _asked(operation: str, target: Pid, arguments: list[Any]) -> tuple[Any, ...]:
    """The function of Erlang's `sys` that failed, as it stands in the exit of its caller."""
    match operation:
        case "terminate" | "log" | "statistics":
            return "sys", operation, [target, *arguments, PATIENCE]
        case "change_code":
            return "sys", operation, [target, "otpx_gs", *arguments, PATIENCE]
        case "status":
            return "sys", "get_status", [target, PATIENCE]
        case "replace_state_crash":
            return "sys", "replace_state", [target, PATIENCE]
    return "sys", operation, [target, PATIENCE]


async def _get_state(by: Doer, target: Pid) -> Any:
    return await by.me.node.sys.get_state(target)


async def _replace_state(by: Doer, target: Pid, state: Any) -> Any:
    return await by.me.node.sys.replace_state(target, lambda _: by.world.value(state))


async def _replace_state_crash(by: Doer, target: Pid) -> Any:
    def change(_: Any) -> Any:
        raise ErlangError("badfun")

    failed = await by.me.node.sys.replace_state(target, change)
    assert isinstance(failed, SystemRequestFailed)
    where = {"t": [_behaviour(target), "system_replace_state"]}
    raise ErlangError({"t": ["callback_failed", where, {"t": ["error", "badfun"]}]})


async def _suspend(by: Doer, target: Pid) -> str:
    await by.me.node.sys.suspend(target)
    return "ok"


async def _resume(by: Doer, target: Pid) -> str:
    await by.me.node.sys.resume(target)
    return "ok"


async def _status(by: Doer, target: Pid) -> Any:
    status = await by.me.node.sys.status(target)
    return _behaviour(target), "suspended" if status.status == "suspended" else "running", True


def _behaviour(target: Pid) -> str:
    return "gen_statem" if target.cell is not None and isinstance(target.cell.actor, GenStatem) else "gen_server"


def _terminate(by: Doer, target: Pid, reason: Any) -> str:
    """Answered before the end, so that a caller who is linked hears the answer first."""
    cell = target.cell
    if cell is None:
        raise NoProc(target)
    nobody = From(by.me.node.name, 0)
    by.me.node.deliver(cell, SystemRequest("terminate", by.world.value(reason), nobody), by.me.pid)
    return "ok"


async def _change_code(by: Doer, target: Pid, old: Any, extra: Any) -> Any:
    return code_changed(await by.me.node.sys.change_code(target, old, by.world.value(extra)), "otpx_gs", old, extra)


def code_changed(answer: Any, module: str, old: Any, extra: Any) -> Any:
    """What sys:change_code gives for our answer."""
    if answer is None:
        return "ok"
    assert isinstance(answer, SystemRequestFailed)
    if answer.reason.kind == "RuntimeError":
        return "error", ("unknown_system_msg", ("change_code", module, old, extra))
    if answer.reason.kind.endswith("Refusal"):
        return "error", ("error", json.loads(answer.reason.text))
    return "error", ("EXIT", answer.reason)


async def _log(by: Doer, target: Pid, wish: Any) -> Any:
    sys = by.me.node.sys
    match by.world.value(wish):
        case "get":
            return "ok", [_event(event) for event in await sys.get_log(target)]
        case False:
            await sys.stop_log(target)
        case (True, int(keep)):
            await sys.start_log(target, keep)
        case True:
            await sys.start_log(target)
        case other:
            raise ValueError(f"sys log {other!r} is not known")
    return "ok"


def _event(event: tuple[Any, ...]) -> Any:
    match event:
        case ("in", Call(_, request)):
            return "in", ("call", request)
        case ("in", Cast(request)):
            return "in", ("cast", request)
        case ("in", message):
            return "in", ("info", message)
        case ("out", answer, _):
            return "out", answer
    return event[0]


async def _statistics(by: Doer, target: Pid, wish: Any) -> Any:
    sys = by.me.node.sys
    match by.world.value(wish):
        case "get":
            counted = await sys.get_statistics(target)
            if counted is None:
                return "ok", "no_statistics"
            return "ok", [("messages_in", counted.messages_in), ("messages_out", counted.messages_out)]
        case True:
            await sys.start_statistics(target)
        case False:
            await sys.stop_statistics(target)
        case other:
            raise ValueError(f"sys statistics {other!r} is not known")
    return "ok"


_OPERATIONS: Final[dict[str, Callable[..., Any]]] = {
    "get_state": _get_state,
    "replace_state": _replace_state,
    "replace_state_crash": _replace_state_crash,
    "suspend": _suspend,
    "resume": _resume,
    "status": _status,
    "terminate": _terminate,
    "change_code": _change_code,
    "log": _log,
    "statistics": _statistics,
}
