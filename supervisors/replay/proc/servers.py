"""Actions that start, call and stop gen_servers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from mirliton.runtime import AlreadyStarted, CallError, CallTimeout, Exit, Name, NoProc, Process, ServerDied, StartError
from mirliton.supervisors.replay.proc.actions import Doer, action
from mirliton.supervisors.replay.proc.server import Server
from mirliton.supervisors.replay.terms import global_name, local_name


@action("start")
async def start(by: Doer, label: str, options: dict[str, Any]) -> Any:
    return await start_process(by, by.me.start, Server, label, options)


@action("start_link")
async def start_link(by: Doer, label: str, options: dict[str, Any]) -> Any:
    return await start_process(by, by.me.start_link, Server, label, options)


@action("start_monitor")
async def start_monitor(by: Doer, label: str, options: dict[str, Any]) -> Any:
    started = await start_process(by, by.me.start_monitor, Server, label, options)
    match started:
        case ("ok", (pid, ref)):
            return "ok", (pid, by.world.named(ref, f"{label}-mon"))
    return started


async def start_process(
    by: Doer, begin: Callable[..., Awaitable[Any]], cls: type[Process], label: str, options: dict[str, Any]
) -> Any:
    """Start a scripted process; `name` and `start_timeout` among its options are for the start. As start_link answers:
    ("ok", pid), "ignore" or ("error", reason)."""
    options = dict(options)
    name = process_name(options.pop("name", None))
    timeout = options.pop("start_timeout", None)
    seconds = timeout / 1000 if timeout else None
    try:
        pid = await begin(cls, by.world, label, options, name=name, timeout=seconds)
    except AlreadyStarted as taken:
        return "error", ("already_started", taken.pid)
    except StartError as error:
        return "error", error.reason
    return "ignore" if pid is None else ("ok", pid)


def process_name(given: dict[str, Any] | None) -> Name | None:
    """{"local": n}, {"global": t} or {"via": t}."""
    match given:
        case None:
            return None
        case {"local": name}:
            return local_name(name)
        case {"global": term} | {"via": term}:
            return global_name(term)
    raise ValueError(f"name {given!r} is not known")


@action("call")
async def call(by: Doer, target: Any, request: Any, timeout: Any = 5000) -> Any:
    arguments = [reference(by, target), request] if timeout == 5000 else [reference(by, target), request, timeout]
    return await call_as(by, "gen_server", target, request, timeout, arguments)


async def call_as(by: Doer, module: str, target: Any, request: Any, timeout: Any, arguments: list[Any]) -> Any:
    """A call whose failure is the exit that Erlang's `module:call` makes of it."""

    def failed(reason: Any) -> Exit:
        return Exit((reason, (module, "call", arguments)))

    # Erlang refuses such a timeout in the call itself.
    if timeout != "infinity" and (not isinstance(timeout, int) or timeout < 0):
        raise failed(("function_clause", "STACK"))
    if timeout == "infinity":
        by.world.endless.add(by.me.pid)
    try:
        return await by.me.call(by.world.address(target), request, None if timeout == "infinity" else timeout / 1000)
    except CallError as error:
        raise failed(error.reason) from None
    finally:
        by.world.endless.discard(by.me.pid)


def reference(by: Doer, target: Any) -> Any:
    """A server as it stands in the reason of a failed call."""
    match target:
        case {"global": name}:
            return "global", by.world.value(name)
        case {"via": name}:
            return "via", "global", by.world.value(name)
        case {"rname": name, "node": node}:
            return name, node
    return by.world.address(target)


@action("cast")
def cast(by: Doer, target: Any, request: Any) -> str:
    by.me.cast(by.world.address(target), request)
    return "ok"


@action("stop")
async def stop(by: Doer, target: Any, reason: Any = "normal", timeout: Any = "infinity") -> str:
    seconds = None if timeout == "infinity" else timeout / 1000
    if by.me.node.find(by.world.address(target)) is by.me.pid.cell:
        raise Exit(("calling_self", ("sys", "terminate", [by.me.pid, by.world.value(reason), "infinity"])))
    stopping = by.me.node.sys.terminate(by.world.address(target), by.world.value(reason), seconds)
    try:
        await by.foreign(stopping)
    except (NoProc, CallTimeout, ServerDied) as error:
        raise Exit(error.reason) from None
    return "ok"
