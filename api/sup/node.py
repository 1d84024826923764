"""The node itself: its applications, and what it is made of. Kazoo: kapps_controller, kazoo_maintenance, kz_nodes."""

from __future__ import annotations

import os
import resource
import time
from pathlib import Path
from typing import Any, Final

from mirliton.api.sup.commands import Answer, Sup, SupError, command
from mirliton.supervisors import ChildInfo, restart_child, terminate_child, which_children
from mirliton.supervisors.inspector import Inspector

_NOT_APPS: Final = frozenset({"store", "control", "metrics", "chaos"})
"""Children of the root that are no applications, and are not stopped by name: nothing runs without them."""


@command("kapps_controller")
async def running_apps(sup: Sup) -> Answer:
    """The applications that run on this node."""
    return [child.id for child in await _apps(sup) if child.child is not None]


@command("kapps_controller")
async def list_apps(sup: Sup) -> Answer:
    """The applications of this node, running or stopped."""
    return [child.id for child in await _apps(sup)]


@command("kapps_controller")
async def ready(sup: Sup) -> Answer:
    """Whether all applications of this node run."""
    stopped = [child.id for child in await _apps(sup) if child.child is None]
    return "true" if not stopped else f"false: {', '.join(stopped)}"


@command("kapps_controller", changes=True)
async def start_app(sup: Sup, app: str) -> Answer:
    """Start an application that was stopped."""
    if (await _app(sup, app)).child is not None:
        return f"{app} is running"
    await restart_child(sup.node, sup.root, app)
    return f"{app} started"


@command("kapps_controller", changes=True)
async def stop_app(sup: Sup, app: str) -> Answer:
    """Stop an application, and leave it stopped until it is started."""
    if (await _to_stop(sup, app)).child is None:
        return f"{app} is stopped"
    await terminate_child(sup.node, sup.root, app)
    return f"{app} stopped"


@command("kapps_controller", changes=True)
async def restart_app(sup: Sup, app: str) -> Answer:
    """Stop an application in order and start it again. Calls go on."""
    if (await _to_stop(sup, app)).child is not None:
        await terminate_child(sup.node, sup.root, app)
    await restart_child(sup.node, sup.root, app)
    return f"{app} restarted"


@command("kazoo_maintenance")
async def mem_info(sup: Sup) -> Answer:
    """The memory and processes of this node."""
    return {
        "most_resident_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "processes": len(sup.node),
        "run_queue": len(sup.node.scheduler.ready),
        "crash_dossiers": len(sup.node.dossiers),
    }


@command("kazoo_maintenance")
async def top_mem_consumers(sup: Sup, count: str = "10") -> Answer:
    """The processes with the longest mailboxes."""
    if not (count.isascii() and count.isdigit() and 0 < int(count[:9]) <= 1000):
        raise SupError(f"COUNT is a number from 1 to 1000, not {count[:40]!r}")
    return await Inspector(sup.node, sup.root).top("mailbox", int(count))


@command("kz_nodes")
async def status(sup: Sup) -> Answer:
    """This node: how long it is up, its applications and its figures."""
    figures: dict[str, Any] = Inspector(sup.node, sup.root).status()
    apps = ", ".join(str(child.id) for child in await _apps(sup) if child.child is not None)
    return {**figures, "up_seconds": round(_up_seconds(), 1), "apps": apps}


def _up_seconds() -> float:
    """Since this OS process began (proc(5): the 22nd field of stat is its start, in ticks since boot)."""
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    return time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")


async def _apps(sup: Sup) -> list[ChildInfo]:
    children = await which_children(sup.node, sup.root)
    return [child for child in reversed(children) if child.id not in _NOT_APPS]


async def _to_stop(sup: Sup, app: str) -> ChildInfo:
    if app == sup.through:
        raise SupError(f"{app} is what this is asked through, and would end with it; ask by the command line")
    return await _app(sup, app)


async def _app(sup: Sup, app: str) -> ChildInfo:
    apps = await _apps(sup)
    found = next((child for child in apps if child.id == app), None)
    if found is None:
        raise SupError(f"there is no application {app!r}; there are: {', '.join(str(one.id) for one in apps)}")
    return found
