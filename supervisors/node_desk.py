"""What a running node supervisor can be asked over its host socket, and its answers.

    {"do": "ps"}                        what it is and what each program is doing
    {"do": "stop"}                      stop all in order, and end
    {"do": "stop", "node": "a"}         stop a; it stays down until it is restarted
    {"do": "restart"}                   restart all, one after another
    {"do": "restart", "node": "a"}      restart a, or start it where it is down
    {"do": "reload"}                    as SIGUSR2
    {"do": "reopen"}                    as SIGHUP: open the logs anew

What takes time is only begun; ps shows how far it is.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from mirliton.supervisors.node_order import Order
from mirliton.supervisors.node_watch import GIVEN_UP, Phase, Watch

if TYPE_CHECKING:
    from mirliton.supervisors.node_supervisor import NodeSupervisor


_ASKED: Final = "asked for over the host socket"


class Refused(Exception):
    """The request cannot be done; the text says why."""


def answer(supervisor: NodeSupervisor, request: Mapping[str, Any], now: float) -> dict[str, Any]:
    """Do what `request` asks, or begin to."""
    try:
        return {"ok": True, "result": _result(supervisor, request, now)}
    except Refused as error:
        return {"ok": False, "error": str(error)}


def _result(supervisor: NodeSupervisor, request: Mapping[str, Any], now: float) -> Any:
    do, node = request.get("do"), request.get("node")
    if not isinstance(do, str) or not (node is None or isinstance(node, str)):
        raise Refused('"do" and "node" are texts')
    unknown = set(request) - ({"do", "node"} if do in ("stop", "restart") else {"do"})
    if unknown:
        raise Refused(f"{do!r} takes no {', '.join(sorted(unknown))}")
    if do == "ps":
        return picture(supervisor, now)
    if do == "reopen":
        supervisor.reopen_logs()
        return None
    if supervisor.stopping:
        raise Refused("the host is stopping")
    match do:
        case "stop" if node is None:
            supervisor.stop(_ASKED, now)
        case "stop":
            supervisor.restarts.hold(_find(supervisor, node), now)
        case "restart" if node is None:
            for watch in supervisor.watches:
                supervisor.restarts.ask(watch, _ASKED)
        case "restart":
            supervisor.restarts.begin(_find(supervisor, node), _ASKED, now)
        case "reload":
            supervisor.reloader.begin(now)
        case _:
            raise Refused(f"{do!r} is no request; expected ps, stop, restart, reload or reopen")
    return None


def _find(supervisor: NodeSupervisor, name: str | None) -> Watch:
    for watch in supervisor.watches:
        if watch.program.name == name:
            return watch
    names = ", ".join(watch.program.name for watch in supervisor.watches)
    raise Refused(f"there is no node {name!r}; there are {names}")


def picture(supervisor: NodeSupervisor, now: float) -> dict[str, Any]:
    """All there is to see."""
    reloader = supervisor.reloader
    state = "stopping" if supervisor.stopping else "reloading" if reloader.under_way else "running"
    return {
        "host": {
            "os_pid": os.getpid(),
            "state": state,
            "status": standing(supervisor.watches),
            "reloads": reloader.done,
            "refusals": reloader.refusals,
            "last_refusal": reloader.last_refusal,
        },
        "nodes": [_row(watch, supervisor.order, now) for watch in supervisor.watches],
    }


def standing(watches: Sequence[Watch]) -> str:
    """How things stand, in one line: how many are up, and what is the matter with the others."""
    up = [watch for watch in watches if watch.phase in (Phase.RUNNING, Phase.DRAINING)]
    others = [f"{watch.program.name} {state_of(watch)}{_cause(watch)}" for watch in watches if watch not in up]
    return "; ".join([f"{len(up)} of {len(watches)} nodes up", *others])


def state_of(watch: Watch) -> str:
    """Its phase, or why it is down for good."""
    return watch.held if watch.phase is Phase.ENDED and watch.held else watch.phase.value


def _cause(watch: Watch) -> str:
    ailing = watch.phase is Phase.WAITING or watch.failures > 0 or watch.held == GIVEN_UP
    return f" ({watch.previous})" if ailing and watch.previous else ""


def _row(watch: Watch, order: Order, now: float) -> dict[str, Any]:
    process = watch.process
    return {
        "name": watch.program.name,
        "state": state_of(watch),
        "os_pid": None if process is None else process.pid,
        "seconds": round(now - watch.since, 1),
        "starts": watch.incarnation,
        "failures": watch.failures,
        "memory": None if process is None else process.memory(),
        "to_start_in": round(max(0.0, watch.deadline - now), 1) if watch.phase is Phase.WAITING else None,
        "waits_for": order.waiting_for(watch) if watch.phase is Phase.QUEUED else [],
        "to_restart": watch.to_restart or ("in progress" if watch.turning else ""),
        "previous": watch.previous,
    }
