"""Actions on process groups, all in Erlang's default scope. Members are listed sorted: Erlang promises no order."""

from __future__ import annotations

from typing import Any

from mirliton.runtime import Pid
from mirliton.supervisors.replay.proc.actions import Doer, action


def _pids(by: Doer, who: str | list[str]) -> list[Pid]:
    return [by.world.pid(label) for label in ([who] if isinstance(who, str) else who)]


@action("pg_start")
def start(_: Doer) -> str:
    """A scope is there from its first use."""
    return "ok"


@action("pg_join")
def join(by: Doer, group: Any, who: str | list[str]) -> str:
    by.me.node.groups.join(by.world.value(group), *_pids(by, who))
    return "ok"


@action("pg_leave")
def leave(by: Doer, group: Any, who: str | list[str]) -> str:
    return "ok" if by.me.node.groups.leave(by.world.value(group), *_pids(by, who)) else "not_joined"


@action("pg_members")
def members(by: Doer, group: Any) -> list[Pid]:
    return sorted(by.me.node.groups.members(by.world.value(group)), key=by.world.label)


@action("pg_local_members")
def local_members(by: Doer, group: Any) -> list[Pid]:
    return sorted(by.me.node.groups.local_members(by.world.value(group)), key=by.world.label)


@action("pg_groups")
def which_groups(by: Doer) -> list[Any]:
    return sorted(by.me.node.groups.which_groups(), key=str)


@action("pg_monitor")
def monitor(by: Doer, group: Any, name: str) -> Any:
    ref, present = by.me.node.groups.monitor(by.me.pid, by.world.value(group))
    by.world.monitors[name] = by.world.named(ref, name)
    return ref, sorted(present, key=by.world.label)


@action("pg_demonitor")
def demonitor(by: Doer, name: str) -> Any:
    return "ok" if by.me.node.groups.demonitor(by.world.monitors[name]) else False
