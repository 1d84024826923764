"""One scenario as it runs: who is who, and what has happened."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from mirliton.runtime import (
    Address,
    Call,
    Cast,
    Dossier,
    From,
    GroupJoined,
    GroupLeft,
    Node,
    Pid,
    Ref,
    RequestId,
    Response,
    TimerRef,
)
from mirliton.runtime.cell import Cell
from mirliton.supervisors.replay.ends import Raised, end_reports
from mirliton.supervisors.replay.terms import decode, encode, global_name, local_name

Event = dict[str, Any]

_SERVERS: Final = {"Server": "gen_server", "Machine": "gen_statem"}
"""Which processes report their own end, by class."""


class World:
    """The recorder of one scenario, and what its actors know by label."""

    def __init__(self, node: Node, scripts: dict[str, Any]) -> None:
        self.node = node
        self.scripts = scripts
        """By request: what a server does and answers."""
        self.events: list[Event] = []
        self.pids: dict[str, Pid] = {}
        """The latest process of each label."""
        self.answered: set[Pid] = set()
        """Processes that have answered somebody since they were last seen."""
        self.timers: dict[str, TimerRef] = {}
        self.monitors: dict[str, Ref] = {}
        self.requests: dict[str, RequestId] = {}
        self.servers: dict[RequestId, Any] = {}
        """Whom a request was sent to, as Erlang tells of its end."""
        self.endless: set[Pid] = set()
        """Who is in a call without timeout: Erlang gives the server no alias for that."""
        self._labels: dict[Pid, tuple[str, int]] = {}
        self._refs: dict[Ref, str] = {}
        self.raised: dict[Pid, Raised] = {}
        """Where a server raised the exit that it ends with."""
        self._tags: dict[int, str] = {}
        """Labels of requests, by tag."""
        self._starts: Counter[str] = Counter()
        self._up: set[Pid] = set()
        node.on_exit.append(self._ended)

    def close(self) -> None:
        self.node.on_exit.remove(self._ended)

    # What processes tell

    def born(self, pid: Pid, label: str) -> None:
        """A process that was told to be `label` exists; said by its starter or by itself, whoever comes first."""
        self._labels[pid] = (label, self._starts[label] + 1)
        self.pids[label] = pid

    def started(self, pid: Pid) -> None:
        """Its start came to a good end: from now on it counts as alive, and its end is an event."""
        self._up.add(pid)
        self._starts[self.label(pid).partition("#")[0]] += 1

    def event(self, kind: str, pid: Pid, **facts: Any) -> None:
        """Something happened in a process; `facts` are our values."""
        label, n = self._labels[pid]
        self.events.append({"ev": kind, "p": label, "n": n, **{key: self.term(fact) for key, fact in facts.items()}})

    def taken(self, pid: Pid, message: Any) -> None:
        """A plain actor took a message."""
        self.events.append({"ev": "msg", "p": self._labels[pid][0], "msg": self.term(message)})

    def done(self, pid: Pid, tag: str, value: Any) -> None:
        """An asynchronous action ended; `value` is a term already."""
        self.events.append({"ev": "done", "p": self._labels[pid][0], "tag": tag, "value": value})

    def named(self, ref: Ref, label: str) -> Ref:
        """A reference has this label in the scenario."""
        self._refs[ref] = label
        return ref

    def asked(self, request: RequestId, label: str, server: Any) -> None:
        """A request was sent, which has this label in the scenario."""
        self.requests[label] = request
        self.servers[request] = server
        self._tags[request.tag] = label

    # What they ask

    def term(self, value: Any) -> Any:
        """Our value as the recorder wrote it down."""
        match value:
            case Call(From(_, tag, caller), request):
                tagged = {"ref": self._tags.get(tag, "?")}
                by_alias = {"improper": ["alias", tagged]}
                sender = {"t": [self.term(caller), tagged if caller in self.endless else by_alias]}
                return {"t": ["$gen_call", sender, self.term(request)]}
            case Cast(request):
                return {"t": ["$gen_cast", self.term(request)]}
            case Response(request, answer, None):
                return {"t": [{"improper": ["alias", {"ref": self._tags[request.tag]}]}, self.term(answer)]}
            case Response(request, _, reason):
                server = self.term(self.servers[request])
                return {"t": ["DOWN", {"ref": self._tags[request.tag]}, "process", server, self.term(reason)]}
            case GroupJoined(ref, group, pids):
                return self.term((ref, "join", group, list(pids)))
            case GroupLeft(ref, group, pids):
                return self.term((ref, "leave", group, list(pids)))
        return encode(value, self.label, lambda ref: self._refs.get(ref, "?"))

    def value(self, term: Any) -> Any:
        return decode(term, self._process)

    def label(self, pid: Pid) -> str:
        """label#incarnation, or "?" for a process outside the scenario."""
        known = self._labels.get(pid)
        return f"{known[0]}#{known[1]}" if known is not None else "?"

    def pid(self, label: str) -> Pid:
        """The latest process of this label. Raises ValueError when there was none."""
        pid = self.pids.get(label)
        if pid is None:
            raise ValueError(f"the scenario has started no {label!r}")
        return pid

    def _process(self, label: str) -> Pid:
        for pid in self._labels:
            if self.label(pid) == label:
                return pid
        raise ValueError(f"the scenario has started no {label!r}")

    def address(self, target: Any) -> Address:
        """Whom an action is for: a label, {"name": n}, {"global": t}, {"via": t} or {"rname": n, "node": d}."""
        match target:
            case str():
                return self.pid(target)
            case {"name": name}:
                return local_name(name)
            case {"global": term} | {"via": term}:
                return global_name(term)
            case {"rname": name, "node": node}:
                # Any process of that node would do: it is the node that cannot be reached.
                return local_name(name) if node == self.node.name else Pid(node, 0, 0)
        raise ValueError(f"{target!r} is no process of this scenario")

    def alive(self) -> list[str]:
        living = sorted(self._labels[cell.pid] for cell in self.node.processes() if cell.pid in self._up)
        return [f"{label}#{n}" for label, n in living]

    def take_events(self) -> list[Event]:
        taken, self.events = self.events, []
        return taken

    def _ended(self, cell: Cell, reason: Any, _names: object, dossier: Dossier | None) -> None:
        """The runtime's exit hook."""
        raised = self.raised.pop(cell.pid, None)
        if cell.pid in self._up:
            if cell.kind in _SERVERS:
                self.events += end_reports(
                    self.label(cell.pid), _SERVERS[cell.kind], reason, dossier, raised, self.term
                )
            self.event("exit", cell.pid, reason=reason)
