"""Actions on links, monitors, exit signals and messages."""

from __future__ import annotations

from typing import Any

from mirliton.runtime import Exit, Name, NoProc, Pid
from mirliton.supervisors.replay.callbacks import ErlangThrow
from mirliton.supervisors.replay.proc.actions import Doer, action
from mirliton.supervisors.replay.terms import ErlangError


@action("link")
def link(by: Doer, label: str) -> bool:
    try:
        by.me.link(by.world.pid(label))
    except NoProc:
        raise ErlangError("noproc") from None
    return True


@action("unlink")
def unlink(by: Doer, label: str) -> bool:
    by.me.unlink(by.world.pid(label))
    return True


@action("links")
def links(by: Doer) -> list[Pid]:
    cell = by.me.pid.cell
    assert cell is not None
    linked = [peer.pid for peer in cell.links or ()]
    return sorted(linked, key=by.world.label)


@action("monitor")
def monitor(by: Doer, target: Any, name: str) -> Any:
    ref = by.world.named(by.me.monitor(by.world.address(target)), name)
    by.world.monitors[name] = ref
    return ref


@action("demonitor")
def demonitor(by: Doer, name: str, options: list[str] | None = None) -> bool:
    options = options or []
    active = by.me.demonitor(by.world.monitors[name], flush="flush" in options)
    return active if "info" in options else True


@action("trap")
def trap(by: Doer, on: bool) -> bool:
    return by.me.trap_exit(on)


@action("signal")
def signal(by: Doer, label: str, reason: Any) -> bool:
    by.me.exit(by.world.pid(label), by.world.value(reason))
    return True


@action("exit")
def exit_(by: Doer, reason: Any) -> None:
    raise Exit(by.world.value(reason))


@action("error")
def error(_: Doer, term: Any) -> None:
    raise ErlangError(term)


@action("throw")
def throw(_: Doer, term: Any) -> None:
    raise ErlangThrow(term)


@action("send")
def send(by: Doer, target: Any, term: Any) -> str:
    to = by.world.address(target)
    # Erlang's `!` raises where nobody has the name; here such mail is a dead letter, so that is asked first.
    if isinstance(to, Name) and by.me.whereis(to) is None:
        if to.kind == "local":
            raise ErlangError("badarg")
        key = target.get("global", target.get("via"))
        raise Exit(("badarg", (by.world.value(key), by.world.value(term))))
    by.me.send(to, by.world.value(term))
    return "ok"


@action("alive")
def alive(by: Doer, label: str) -> bool:
    return by.world.pid(label).cell is not None


@action("sleep")
async def sleep(by: Doer, milliseconds: float) -> str:
    await by.me.sleep(milliseconds / 1000)
    return "ok"
