"""Running supervision trees as plain data, for people to look at.

The shape is asked of each supervisor, in its turn; what a process is doing is seen from beside it, so that one which is
stuck is shown as stuck and holds nobody up.
"""

from __future__ import annotations

import datetime
from typing import Any

from mirliton.runtime import Address, CallError, Node, Pid
from mirliton.supervisors.children import Child
from mirliton.supervisors.client import which_children
from mirliton.supervisors.errors import RequestRefused
from mirliton.supervisors.requests import ChildInfo, HistoryEntry
from mirliton.supervisors.supervisor import Supervisor


class Trees:
    """Reads trees. A supervisor gets `patience` seconds for an answer and is shown with at most `most` children."""

    def __init__(self, node: Node, patience: float, most: int) -> None:
        self._node = node
        self._patience = patience
        self._most = most

    async def below(self, supervisor: Address, levels: int | None = None) -> dict[str, Any]:
        """The tree below this supervisor, itself first; only so many `levels` of children where that is said."""
        return await self._process(supervisor, str(supervisor), "supervisor", levels)

    async def _process(self, address: Address, id: str, type: str, levels: int | None) -> dict[str, Any]:
        cell = self._node.find(address)
        if cell is None:
            return {"id": id, "type": type, "pid": None, "status": "not running"}
        shown = {"id": id, "type": type} | process_facts(cell)
        return shown | await self._children(cell, levels) if isinstance(cell.actor, Supervisor) else shown

    async def _children(self, cell: Any, levels: int | None) -> dict[str, Any]:
        tree = cell.actor.tree
        shown: dict[str, Any] = {"strategy": tree.strategy, "intensity": tree.intensity, "period": tree.period}
        if levels == 0:
            return shown
        try:
            # Newest first; a reader wants the order of the start.
            children = (await which_children(self._node, cell.pid, timeout=self._patience))[::-1]
        except (CallError, RequestRefused) as error:
            return shown | {"children": [], "error": str(error)}
        below = None if levels is None else levels - 1
        shown["children"] = [await self._child(cell, child, below) for child in children[: self._most]]
        if len(children) > self._most:
            shown["not_shown"] = len(children) - self._most
        return shown

    async def _child(self, supervisor: Any, child: ChildInfo, levels: int | None) -> dict[str, Any]:
        if not isinstance(child.child, Pid):
            return {"id": str(child.id), "type": child.type, "pid": None, "status": child.child or "not running"}
        id = str(child.id) if child.id is not None else str(child.child)
        shown = await self._process(child.child, id, child.type, levels)
        return shown | {"restarts": _restarts(supervisor, child.child)}


def process_facts(cell: Any) -> dict[str, Any]:
    """One process, seen from beside it."""
    return {
        "pid": str(cell.pid),
        "names": [str(name) for name in cell.names or ()],
        "class": cell.kind,
        "status": doing(cell),
        "mailbox_length": len(cell),
        "handled": cell.handled,
    }


def _restarts(supervisor: Any, child: Pid) -> int | None:
    """How often it was started again lately, as far as its supervisor remembers; None when that has gone meanwhile."""
    if not supervisor.alive:
        return None
    found: Child | None = supervisor.actor.children.by_pid(child)
    if found is None or found.history is None:
        return 0
    return sum(entry.event == "started" for entry in found.history.entries)


def doing(cell: Any) -> str:
    """What a process is doing."""
    if cell.suspended:
        return "suspended"
    if cell.busy:
        return "awaiting"
    return "running" if cell.queued else "waiting"


def entry_of(entry: HistoryEntry) -> dict[str, Any]:
    """One line of a child's history."""
    return {
        "when": at(entry.when),
        "event": entry.event,
        "pid": str(entry.pid) if entry.pid is not None else None,
        "reason": str(entry.reason)[:256] if entry.reason is not None else None,
        "dossier": entry.dossier,
        "action": entry.action,
        "by": entry.by,
    }


def at(unix: float) -> str:
    """A moment in ISO 8601, UTC."""
    return datetime.datetime.fromtimestamp(unix, datetime.UTC).isoformat(timespec="milliseconds")
