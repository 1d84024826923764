"""Actions on local and global names."""

from __future__ import annotations

from typing import Any

from mirliton.runtime import NameNotRegistered, NameTaken
from mirliton.supervisors.replay.proc.actions import Doer, action
from mirliton.supervisors.replay.terms import ErlangError, global_name, local_name


@action("register")
def register(by: Doer, name: str, label: str) -> bool:
    cell = by.world.pid(label).cell
    # Erlang's register/2 is stricter than ours: one local name per process, and `undefined` is none.
    if cell is None or name == "undefined" or any(held.kind == "local" for held in cell.names or ()):
        raise ErlangError("badarg")
    try:
        by.me.node.registry.register(local_name(name), cell)
    except NameTaken:
        raise ErlangError("badarg") from None
    return True


@action("unregister")
def unregister(by: Doer, name: str) -> bool:
    try:
        by.me.node.registry.unregister(local_name(name))
    except NameNotRegistered:
        raise ErlangError("badarg") from None
    return True


@action("whereis")
def whereis(by: Doer, name: str) -> Any:
    return by.me.whereis(local_name(name))


@action("global_register")
def global_register(by: Doer, name: Any, label: str) -> str:
    cell = by.world.pid(label).cell
    if cell is None:
        # Erlang's global finds out later that it is dead, and then forgets the name.
        return "no" if by.me.whereis(global_name(name)) is not None else "yes"
    if any(held.kind == "global" for held in cell.names or ()):
        return "no"  # one global name per process, too
    try:
        by.me.node.registry.register(global_name(name), cell)
    except NameTaken:
        return "no"
    return "yes"


@action("global_unregister")
def global_unregister(by: Doer, name: Any) -> str:
    if by.me.whereis(global_name(name)) is not None:
        by.me.node.registry.unregister(global_name(name))
    return "ok"


@action("global_whereis")
def global_whereis(by: Doer, name: Any) -> Any:
    return by.me.whereis(global_name(name))
