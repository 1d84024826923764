"""One scenario as it runs: who is who, and what has happened."""

from __future__ import annotations

from collections import Counter
from typing import Any

from mirliton.runtime import Name, Pid, Ref, TimerRef

from .terms import Terms, global_name


class World:
    """One scenario as it runs."""

    def __init__(self, node: Any, scripts: dict[str, Any], plain: type, server: type) -> None:
        self.plain = plain
        self.server = server
        self.node = node
        self.scripts = scripts
        self.terms = Terms()
        self.pids: dict[str, Pid] = {}
        self.starts: Counter[str] = Counter()
        self.started: set[Pid] = set()
        self.timers: dict[str, TimerRef] = {}
        self.monitors: dict[str, Ref] = {}
        self.events: list[dict[str, Any]] = []
        node.on_exit.append(self.ended)

    def born(self, pid: Pid, label: str) -> None:
        """Called by whoever comes first: the starter, who has the Pid, or the process."""
        self.terms.labels[pid] = f"{label}#{self.starts[label] + 1}"
        self.pids[label] = pid

    def event(self, kind: str, who: Pid | str, **facts: Any) -> None:
        known = self.terms.labels[who].partition("#") if isinstance(who, Pid) else (who, "", "1")
        event = {"ev": kind, "p": known[0], **{key: self.terms.encode(value) for key, value in facts.items()}}
        if kind not in ("msg", "done"):
            event["n"] = int(known[2])
        self.events.append(event)

    def start_succeeded(self, pid: Pid) -> None:
        self.started.add(pid)
        self.starts[self.terms.labels[pid].partition("#")[0]] += 1

    def ended(self, cell: Any, reason: Any, *_: Any) -> None:
        if cell.pid in self.started:
            self.event("exit", cell.pid, reason=reason)

    def address(self, target: Any) -> Any:
        if isinstance(target, str):
            return self.pids[target]
        if "name" in target:
            return Name("local", target["name"])
        return global_name(target.get("global") or target["via"])

    def alive(self) -> list[str]:
        return sorted(self.terms.labels[cell.pid] for cell in self.node.processes() if cell.pid in self.started)
