"""Supervision trees as plain data: each supervisor with its children, asked one by one."""

from __future__ import annotations

import datetime
from typing import Any

from mirliton.runtime import Address, CallError, Node, Pid
from mirliton.supervisors import (
    ChildInfo,
    HistoryEntry,
    RequestRefused,
    Supervisor,
    explain,
    which_children,
)


class Trees:
    """Reads trees. A supervisor gets `patience` seconds for an answer and is shown with at most `most` children."""

    def __init__(self, node: Node, patience: float, most: int) -> None:
        self._node = node
        self._patience = patience
        self._most = most

    async def below(self, supervisor: Address) -> dict[str, Any]:
        """The tree below this supervisor, itself first."""
        return await self._process(supervisor, str(supervisor), "supervisor")

    async def _process(self, address: Address, id: str, type: str) -> dict[str, Any]:
        cell = self._node.find(address)
        if cell is None:
            return {"id": id, "type": type, "pid": None, "status": "not running"}
        shown = {
            "id": id,
            "type": type,
            "pid": str(cell.pid),
            "names": [str(name) for name in cell.names or ()],
            "class": type_name(cell.actor),
            "status": doing(cell),
            "mailbox_length": len(cell),
            "handled": cell.handled,
        }
        return shown | await self._children(cell) if isinstance(cell.actor, Supervisor) else shown

    async def _children(self, cell: Any) -> dict[str, Any]:
        tree = cell.actor.tree
        shown: dict[str, Any] = {"strategy": tree.strategy, "intensity": tree.intensity, "period": tree.period}
        try:
            # Newest first; a reader wants the order of the start.
            children = (await which_children(self._node, cell.pid, timeout=self._patience))[::-1]
        except (CallError, RequestRefused) as error:
            return shown | {"children": [], "error": str(error)}
        shown["children"] = [await self._child(cell.pid, child) for child in children[: self._most]]
        if len(children) > self._most:
            shown["not_shown"] = len(children) - self._most
        return shown

    async def _child(self, supervisor: Pid, child: ChildInfo) -> dict[str, Any]:
        if not isinstance(child.child, Pid):
            return {"id": str(child.id), "type": child.type, "pid": None, "status": child.child or "not running"}
        id = str(child.id) if child.id is not None else str(child.child)
        shown = await self._process(child.child, id, child.type)
        return shown | {"restarts": await self._restarts(supervisor, child.child)}

    async def _restarts(self, supervisor: Pid, child: Pid) -> int | None:
        """How often it was started again lately, as far as its supervisor remembers."""
        try:
            explanation = await explain(self._node, supervisor, child, timeout=self._patience)
        except (CallError, RequestRefused):
            return None
        return sum(entry.event == "started" for entry in explanation.entries)


def doing(cell: Any) -> str:
    """What a process is doing, seen from beside it."""
    if cell.suspended:
        return "suspended"
    if cell.busy:
        return "awaiting"
    return "running" if cell.queued else "waiting"


def type_name(actor: Any) -> str:
    return type(actor).__qualname__


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
