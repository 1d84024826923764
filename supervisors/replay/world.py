"""What is known of the processes of a running scenario, and what happened so far.

The processes of a scenario find their world by a key, since what they are started with must be able to travel.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from typing import Any, Final

from mirliton.runtime import Dossier, Pid, Shutdown
from mirliton.runtime.cell import Cell
from mirliton.supervisors.replay.ends import Raised, end_reports
from mirliton.supervisors.replay.terms import encode
from mirliton.supervisors.reports import Report

Event = dict[str, Any]

_worlds: Final[dict[int, World]] = {}
_keys = itertools.count(1)


def world_of(key: int) -> World:
    """The world of the scenario that runs under this key."""
    return _worlds[key]


class World:
    """The recorder of one scenario: paths, incarnations, events. Use it as a context."""

    def __init__(self, *, ignore_failed_attempts: bool = False) -> None:
        self.key = next(_keys)
        self.ignore_failed_attempts = ignore_failed_attempts
        self.events: list[Event] = []
        self.trees: dict[str, dict[str, Any]] = {}
        """By path: what each supervisor's init answers."""
        self.latest: dict[str, Pid] = {}
        self.living: dict[Pid, tuple[str, int]] = {}
        self.supervisors: dict[Pid, str] = {}
        """The living supervisors that are up, with their paths."""
        self.ending_slowly: set[Pid] = set()
        """Workers whose terminate takes a while: a step is not over before they are gone."""
        self.raised: dict[Pid, Raised] = {}
        """Where a process raised the exit that it ends with."""
        self._labels: dict[Pid, tuple[str, int]] = {}
        self._starts: Counter[str] = Counter()
        self._attempts: Counter[str] = Counter()
        self._silent: set[Pid] = set()

    def __enter__(self) -> World:
        _worlds[self.key] = self
        return self

    def __exit__(self, *_: object) -> None:
        del _worlds[self.key]

    # Names of processes

    def label(self, pid: Pid) -> str:
        """path#incarnation, or "?" for a process outside the scenario."""
        known = self._labels.get(pid)
        return f"{known[0]}#{known[1]}" if known is not None else "?"

    def term(self, value: Any) -> Any:
        return encode(value, self.label)

    def alive(self) -> list[str]:
        return [f"{path}#{n}" for path, n in sorted(self.living.values())]

    # What processes tell

    def next_attempt(self, path: str, outcomes: list[Any] | None) -> Any:
        """What this start attempt of `path` is to come to; the last entry of the list repeats."""
        attempt = self._attempts[path]
        self._attempts[path] += 1
        if not outcomes:
            return "ok"
        return outcomes[min(attempt, len(outcomes) - 1)]

    def start_attempt(self, path: str, outcome: Any, kind: str) -> int:
        """A process, or its start function, runs its start code. Returns its incarnation."""
        n = self._starts[path] + 1
        if outcome == "ok" or kind == "supervisor" or not self.ignore_failed_attempts or outcome == "ignore":
            self.events.append({"ev": "init", "p": path, "n": n, "out": outcome, "type": kind})
        return n

    def started(self, pid: Pid, path: str, n: int) -> None:
        """The start code came to a good end."""
        self._starts[path] = n
        self._labels[pid] = (path, n)
        self.latest[path] = pid
        self.living[pid] = (path, n)

    def not_up(self, pid: Pid) -> None:
        """Unless it says otherwise later, this supervisor's end is that of a start that failed."""
        self._silent.add(pid)

    def up(self, pid: Pid) -> None:
        """A supervisor has started all its children."""
        self._silent.discard(pid)
        self.supervisors[pid] = self._labels[pid][0]

    def note(self, pid: Pid, event: Event) -> None:
        """A process tells what it does."""
        if pid not in self._labels:
            return  # its start did not count as one
        path, n = self._labels[pid]
        self.events.append({**event, "p": path, "n": n})

    # What others tell

    def on_exit(self, cell: Cell, reason: Any, _names: object, dossier: Dossier | None) -> None:
        """The runtime's exit hook."""
        pid = cell.pid
        self.ending_slowly.discard(pid)
        was_up = self.supervisors.pop(pid, None) is not None
        known = self.living.pop(pid, None)
        if known is None:
            return
        if pid in self._silent and _child_failed(reason):
            return
        path, n = known
        raised = self.raised.pop(pid, None)
        server = "gen_server" if was_up or path not in self.trees else None
        reports = end_reports(f"{path}#{n}", server, reason, dossier, raised, self.term)
        if self.ignore_failed_attempts:
            reports = [report for report in reports if report["label"] != "crash"]
        self.events += reports
        self.events.append({"ev": "exit", "p": path, "n": n, "reason": self.term(reason)})

    def on_report(self, report: Report) -> None:
        """Our supervisors' report hook."""
        if report.label == "start_error" and self.ignore_failed_attempts:
            return
        event: Event = {"ev": "report", "label": report.label, "sup": self.label(report.supervisor_pid)}
        if report.label == "unexpected_message":
            self.events.append({**event, "msg": self.term(report.reason)})
            return
        assert report.spec is not None
        event["id"] = self.term(report.spec.id)
        if report.count is not None:
            event["nb_children"] = report.count
        elif report.pid is not None:
            event["pid"] = self.label(report.pid)
        elif report.restarting:
            event["pid"] = "?"
        if report.restarting:
            event["pid_state"] = "restarting"
        if report.label != "progress":
            event |= {"context": report.label, "reason": self.term(report.reason)}
        self.events.append(event)

    def take_events(self) -> list[Event]:
        taken, self.events = self.events, []
        return taken


def child_path(parent: str, child_id: Any) -> str:
    """The path of a child with this id, as it stands in the file."""
    name = child_id if isinstance(child_id, str) else json.dumps(child_id, separators=(",", ":"))
    return f"{parent}/{name}"


def _child_failed(reason: Any) -> bool:
    return (
        isinstance(reason, Shutdown)
        and isinstance(reason.detail, tuple)
        and reason.detail[0] == "failed_to_start_child"
    )
