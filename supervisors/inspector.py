"""What an operator may ask a running node, as plain data: what runs, what waits, what died and why.

    inspector = Inspector(node, Name("supervisor", "top"))
    await inspector.tree()
    inspector.kill("service:counter", by="the tests")

Processes are named as people name them: by Pid, by Name, or by the end of either where that fits only one.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable
from typing import Any, Final

from mirliton.runtime import Node, Pid
from mirliton.runtime.addresses import Address
from mirliton.supervisors.client import explain
from mirliton.supervisors.counters import statistics
from mirliton.supervisors.errors import BadRequest, NoSuchProcess
from mirliton.supervisors.picture import Trees, entry_of, process_facts
from mirliton.supervisors.requests import HistoryEntry
from mirliton.supervisors.supervisor import Supervisor

PATIENCE: Final = 5.0
"""Seconds that a process has for an answer."""
CHILDREN_SHOWN: Final = 10_000
BATCH: Final = 1_000
"""Processes looked at between two turns of the loop: less than a millisecond."""

ORDERS: Final[dict[str, Callable[[Any], int]]] = {
    "mailbox": lambda cell: len(cell),
    "handled": lambda cell: int(cell.handled),
}


class Inspector:
    """Looks into the node from beside its processes; `root` is the supervisor at the top of the tree."""

    def __init__(self, node: Node, root: Address) -> None:
        self.node = node
        self.root = root
        self._began = node.clock.now()

    def status(self) -> dict[str, Any]:
        """The node's figures."""
        node = self.node
        counted = statistics()
        return {
            "node": node.name,
            "incarnation": node.incarnation,
            "up_seconds": round(node.clock.now() - self._began, 1),
            "processes": len(node),
            "messages_sent": node.messages_sent,
            "restarts": sum(counted.restarts.values()),
            "gave_up": sum(counted.gave_up.values()),
            "crash_dossiers": node.dossiers.total,
            "dead_letters": node.dead_letters,
            "run_queue": len(node.scheduler.ready),
        }

    async def tree(self, process: str = "", levels: int | None = None, most: int = CHILDREN_SHOWN) -> dict[str, Any]:
        """The tree below a supervisor (the root's, without one). Raises NoSuchProcess."""
        top = self.find(process) if process else self.root
        return await Trees(self.node, PATIENCE, most).below(top, levels)

    async def top(self, by: str = "mailbox", most: int = 20) -> list[dict[str, Any]]:
        """The processes with the most mail waiting (`mailbox`) or that have handled the most (`handled`)."""
        if by not in ORDERS:
            raise ValueError(f"processes are ordered by {' or '.join(ORDERS)}, not by {by!r}")
        found: list[Any] = []
        cells = self.node.processes()
        while batch := list(itertools.islice(cells, BATCH)):
            found = heapq.nlargest(most, [*found, *batch], key=ORDERS[by])
            await asyncio.sleep(0)
        return [process_facts(cell) for cell in found if cell.alive]

    async def process(self, process: str) -> dict[str, Any]:
        """One process: its status, links, mail and state in short. Raises NoSuchProcess, CallError."""
        status = await self.node.sys.status(self.find(process))
        return {name: plain(getattr(status, name)) for name in type(status).__dataclass_fields__}

    async def explain(self, process: str) -> dict[str, Any]:
        """Why this process is not the one it was; for one that is gone, its dossier.

        Raises NoSuchProcess, BadRequest.
        """
        dossier = next((dossier for dossier in self.node.dossiers if str(dossier.pid) == process), None)
        if dossier is not None:
            return {"supervisor": str(dossier.parent), "explanation": dossier.as_dict()}
        pid = self.find(process)
        cell = self.node.find(pid)
        supervisor = self.node.find(cell.parent) if cell is not None else None
        if supervisor is None or not isinstance(supervisor.actor, Supervisor):
            raise BadRequest(f"{process} has no supervisor")
        found = await explain(self.node, supervisor.pid, pid, timeout=PATIENCE)
        history = [self._entry(entry) for entry in found.entries]
        return {"supervisor": supervisor.label, "process": str(pid), "history": history}

    def _entry(self, entry: HistoryEntry) -> dict[str, Any]:
        dossier = self.node.dossiers.find(entry.dossier) if entry.dossier is not None else None
        return entry_of(entry) | ({"sent_by": dossier.by} if dossier is not None and dossier.by else {})

    def dossiers(self, last: int = 10) -> list[dict[str, Any]]:
        """The last crashes, newest last."""
        kept = len(self.node.dossiers)
        return [dossier.as_dict() for dossier in itertools.islice(self.node.dossiers, max(0, kept - last), None)]

    def kill(self, process: str, by: str, sender: Pid | None = None) -> dict[str, Any]:
        """Kill it, and write down who did. Raises NoSuchProcess."""
        pid = self.find(process)
        cell = self.node.find(pid)
        label = cell.label if cell is not None else ""
        self.node.log.warning("audit", operation="kill", by=by, target=str(pid), target_name=label)
        self.node.exit(pid, "kill", sender)
        return {"killed": str(pid), "name": label}

    def find(self, process: str) -> Pid:
        """The process that is meant. Raises NoSuchProcess when it is none, or not only one."""
        for cell in self.node.processes():
            if str(cell.pid) == process or process in map(str, cell.names or ()):
                return cell.pid
        fits = [
            cell
            for cell in self.node.processes()
            if str(cell.pid.serial) == process or (process and any(name.key == process for name in cell.names or ()))
        ]
        # A service and its supervisor often share a key, and the service is meant.
        fits = [cell for cell in fits if not isinstance(cell.actor, Supervisor)] or fits
        if len(fits) == 1:
            return fits[0].pid
        raise NoSuchProcess(process, len(fits))


def plain(value: Any) -> Any:
    """A message as JSON, field by field."""
    fields = getattr(type(value), "__dataclass_fields__", None)
    if fields is not None:
        return {name: plain(getattr(value, name)) for name in fields}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)
