"""What an actor can be told to do: a method for each action of the recordings."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mirliton.runtime import (
    AlreadyStarted,
    CallError,
    CallTimeout,
    CoroutineProcess,
    Exit,
    Name,
    NameNotRegistered,
    NameTaken,
    NoProc,
    Pid,
    Process,
    ServerDied,
    StartError,
    SystemRequestFailed,
)

from .terms import ErlangError, ErlangThrow, decode, global_name

if TYPE_CHECKING:
    from .world import World


class Actions:
    """What an actor can be told to do: a method for each action of the recordings."""

    def __init__(self, world: World, me: Process) -> None:
        self.world = world
        self.me = me

    def run(self, act: list[Any]) -> Any:
        return getattr(self, f"do_{act[0]}")(*act[1:])

    def do_link(self, label: str) -> Any:
        try:
            self.me.link(self.world.pids[label])
        except NoProc:
            raise ErlangError("noproc") from None
        return True

    def do_unlink(self, label: str) -> Any:
        self.me.unlink(self.world.pids[label])
        return True

    def do_links(self) -> Any:
        return sorted((peer.pid for peer in self.me.pid.cell.links or ()), key=str)

    def do_monitor(self, target: Any, name: str) -> Any:
        # Known before a Down of it can be.
        ref = self.me.monitor(self.world.address(target))
        self.world.monitors[name] = ref
        self.world.terms.refs[ref] = name
        return ref

    def do_demonitor(self, name: str, options: tuple[str, ...] | list[str] = ()) -> Any:
        active = self.me.demonitor(self.world.monitors[name], flush="flush" in options)
        return active if "info" in options else True

    def do_trap(self, on: bool) -> Any:
        return self.me.trap_exit(on)

    def do_signal(self, label: str, reason: Any) -> Any:
        self.me.exit(self.world.pids[label], decode(reason))
        return True

    def do_exit(self, reason: Any) -> Any:
        raise Exit(decode(reason))

    def do_error(self, reason: Any) -> Any:
        raise ErlangError(reason)

    def do_throw(self, term: Any) -> Any:
        raise ErlangThrow(term)

    def do_send(self, target: Any, term: Any) -> Any:
        self.me.send(self.world.address(target), decode(term))
        return "ok"

    def do_alive(self, label: str) -> Any:
        return self.world.pids[label].cell is not None

    def do_register(self, name: str, label: str) -> Any:
        cell = self.world.pids[label].cell
        try:
            if cell is None:
                raise NoProc(self.world.pids[label])
            self.me.node.registry.register(Name("local", name), cell)
        except (NameTaken, NoProc):
            raise ErlangError("badarg") from None
        return True

    def do_unregister(self, name: str) -> Any:
        try:
            self.me.node.registry.unregister(Name("local", name))
        except NameNotRegistered:
            raise ErlangError("badarg") from None
        return True

    def do_whereis(self, name: str) -> Any:
        return self.me.whereis(Name("local", name)) or "undefined"

    def do_global_register(self, name: str, label: str) -> Any:
        try:
            self.me.node.registry.register(global_name(name), self.world.pids[label].cell)
        except NameTaken:
            return "no"
        return "yes"

    def do_global_unregister(self, name: str) -> Any:
        self.me.node.registry.unregister(global_name(name))
        return "ok"

    def do_global_whereis(self, name: str) -> Any:
        return self.me.whereis(global_name(name)) or "undefined"

    def do_spawn_link(self, label: str, options: dict[str, Any]) -> Any:
        pid = self.me.spawn_link(self.world.plain, self.world, label, **options)
        self.world.born(pid, label)
        return pid

    def do_spawn_monitor(self, label: str, name: str, options: dict[str, Any]) -> Any:
        pid, ref = self.me.spawn_monitor(self.world.plain, self.world, label, **options)
        self.world.born(pid, label)
        self.world.monitors[name] = ref
        self.world.terms.refs[ref] = name
        return pid, ref

    async def do_sleep(self, milliseconds: float) -> None:
        await self.me.sleep(milliseconds / 1000)

    async def do_start(self, label: str, options: dict[str, Any]) -> Any:
        return await self._start(self.me.start, label, options)

    async def do_start_link(self, label: str, options: dict[str, Any]) -> Any:
        return await self._start(self.me.start_link, label, options)

    async def do_start_monitor(self, label: str, options: dict[str, Any]) -> Any:
        started = await self._start(self.me.start, label, options)
        if started[0] != "ok":
            return started
        ref = self.me.monitor(started[1])
        self.world.terms.refs[ref] = f"{label}-mon"
        return "ok", (started[1], ref)

    async def _start(self, start: Callable[..., Any], label: str, options: dict[str, Any]) -> Any:
        options = dict(options)
        name = options.pop("name", None)
        timeout = options.pop("start_timeout", None)
        try:
            pid = await start(
                self.world.server,
                self.world,
                label,
                options,
                name=_name(name),
                timeout=timeout / 1000 if timeout else None,
            )
        except AlreadyStarted as taken:
            return "error", ("already_started", taken.pid)
        except StartError as error:
            return "error", error.reason
        return "ignore" if pid is None else ("ok", pid)

    async def do_call(self, target: Any, request: Any, timeout: Any = 5000) -> Any:
        to = self.world.address(target)
        match target:
            case {"global": name}:
                named: Any = ("global", name)
            case {"via": name}:
                named = ("via", "global", name)
            case _:
                named = to
        arguments = [named, request] if timeout == 5000 else [named, request, timeout]
        try:
            return await self.me.call(to, request, None if timeout == "infinity" else timeout / 1000)
        except CallError as error:
            # Erlang's form of an exit in the caller.
            raise Exit((error.reason, ("gen_server", "call", arguments))) from None

    def do_cast(self, target: Any, request: Any) -> Any:
        self.me.cast(self.world.address(target), request)
        return "ok"

    async def do_stop(self, target: Any, reason: Any = "normal", timeout: Any = None) -> Any:
        seconds = None if timeout is None else timeout / 1000
        stopping = self.me.node.sys.terminate(self.world.address(target), decode(reason), seconds)
        try:
            await self.foreign(stopping)
        except (NoProc, CallTimeout, ServerDied) as error:
            raise Exit(error.reason) from None
        return "ok"

    def do_start_timer(self, milliseconds: float, term: Any, name: str) -> Any:
        timer = self.me.start_timer(milliseconds / 1000, decode(term))
        self.world.timers[name] = timer
        self.world.terms.refs[timer.ref] = name
        return "ok"

    def do_send_after(self, milliseconds: float, target: Any, term: Any, name: str) -> Any:
        self.world.timers[name] = self.me.send_after(milliseconds / 1000, self.world.address(target), decode(term))
        return "ok"

    def do_cancel_timer(self, name: str) -> Any:
        return False if self.me.cancel_timer(self.world.timers[name]) is None else "time_left"

    def do_read_timer(self, name: str) -> Any:
        return False if self.me.read_timer(self.world.timers[name]) is None else "time_left"

    async def do_sys(self, label: str, operation: str, *arguments: Any) -> Any:
        target, sys = self.world.pids[label], self.me.node.sys
        try:
            return await self.foreign(self._sys(sys, target, operation, *arguments))
        except CallError as error:
            raise Exit((error.reason, ("sys", operation, [target, 1000]))) from None

    async def _sys(self, sys: Any, target: Pid, operation: str, *arguments: Any) -> Any:
        match operation:
            case "get_state":
                return await sys.get_state(target)
            case "replace_state":
                return await sys.replace_state(target, lambda _: decode(arguments[0]))
            case "replace_state_crash":
                failed = await sys.replace_state(target, lambda _: _raise(ErlangError("badfun")))
                assert isinstance(failed, SystemRequestFailed)
                where = ("gen_server", "system_replace_state")
                raise ErlangError({"t": ["callback_failed", {"t": list(where)}, {"t": ["error", "badfun"]}]})
            case "suspend" | "resume":
                await getattr(sys, operation)(target)
                return "ok"
            case "status":
                status = await sys.status(target)
                return "gen_server", "suspended" if status.status == "suspended" else "running", True
            case "terminate":
                await sys.terminate(target, decode(arguments[0]))
                return "ok"
            case "change_code":
                return self._changed(await sys.change_code(target, arguments[0], decode(arguments[1])), *arguments)
        raise NotImplementedError(operation)

    @staticmethod
    def _changed(answer: Any, old: Any, extra: Any) -> Any:
        if answer is None:
            return "ok"
        assert isinstance(answer, SystemRequestFailed)
        if answer.reason.kind == "RuntimeError":
            return "error", ("unknown_system_msg", ("change_code", "otpx_gs", old, extra))
        if answer.reason.kind.endswith("Refusal"):
            return "error", ("error", json.loads(answer.reason.text))
        return "error", ("EXIT", answer.reason)

    async def foreign(self, awaitable: Any) -> Any:
        if isinstance(self.me, CoroutineProcess):
            return await self.me.io(awaitable)
        return await awaitable


def _name(given: dict[str, str] | None) -> Name | None:
    if given is None:
        return None
    return Name("local", given["local"]) if "local" in given else global_name(given.get("global") or given["via"])


def _raise(error: BaseException) -> Any:
    raise error
