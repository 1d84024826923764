"""Actions on gen_statems: starting and calling them, changing their code."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from mirliton.runtime import CallError, Crash, Exit
from mirliton.supervisors.replay.proc.actions import Doer, action, unknown
from mirliton.supervisors.replay.proc.script import CALLERS
from mirliton.supervisors.replay.proc.servers import call_as, reference, start_process
from mirliton.supervisors.replay.proc.statem import Machine
from mirliton.supervisors.replay.proc.statem_terms import CALLBACK_MODULE
from mirliton.supervisors.replay.proc.sys import PATIENCE, code_changed


@action("start_statem")
async def start_statem(by: Doer, label: str, options: dict[str, Any]) -> Any:
    return await _start(by, by.me.start, label, options)


@action("start_statem_link")
async def start_statem_link(by: Doer, label: str, options: dict[str, Any]) -> Any:
    return await _start(by, by.me.start_link, label, options)


async def _start(by: Doer, begin: Callable[..., Awaitable[Any]], label: str, options: dict[str, Any]) -> Any:
    _check(options)
    started = await start_process(by, begin, Machine, label, options)
    match started:
        case ("error", Crash() as crash):
            # Unlike gen_server it tells the starter the error without the stack.
            return "error", by.world.term(crash)["t"][0]
    return started


def _check(options: dict[str, Any]) -> None:
    """Raise ValueError for an action that nobody knows, before anything is begun."""
    for position, rule in enumerate(options.get("rules", ())):
        if strange := unknown(rule.get("do", ()), CALLERS):
            raise ValueError(f"rule {position}: action {strange[0]!r} is not known")


@action("scall")
async def scall(by: Doer, target: Any, request: Any, timeout: Any = "infinity") -> Any:
    arguments = [reference(by, target), by.world.value(request), timeout]
    return await call_as(by, "gen_statem", target, by.world.value(request), timeout, arguments)


@action("scast")
def scast(by: Doer, target: Any, request: Any) -> str:
    by.me.cast(by.world.address(target), by.world.value(request))
    return "ok"


@action("ssys")
async def ssys(by: Doer, label: str, operation: str, old: Any, extra: Any) -> Any:
    if operation != "change_code":
        raise ValueError(f"ssys {operation!r} is not known")
    old, extra = by.world.value(old), by.world.value(extra)
    target = by.world.pid(label)
    try:
        answer = await by.foreign(by.me.node.sys.change_code(target, old, extra))
    except CallError as error:
        arguments = [target, CALLBACK_MODULE, old, extra, PATIENCE]
        raise Exit((error.reason, ("sys", operation, arguments))) from None
    return code_changed(answer, CALLBACK_MODULE, old, extra)
