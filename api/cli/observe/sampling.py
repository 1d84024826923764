"""Asks a node over its control socket, about once a second, and makes rates of counters. Blocking: for a thread."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from mirliton.api.cli.client import Control
from mirliton.api.cli.errors import CommandError, RequestRefused

PATIENCE: Final = 10.0
CHILDREN: Final = 200
"""Children shown of one supervisor."""
BUSIEST: Final = 50
DOSSIERS: Final = 50

Branch = tuple[str, ...]
"""Where a process stands in the tree: the ids on the way to it. It outlives a restart, as a pid does not."""


@dataclass
class Sample:
    """What a node showed at one moment. `rates` are messages per second, by pid."""

    when: float
    status: dict[str, Any]
    tree: dict[Branch, dict[str, Any]]
    busiest: list[dict[str, Any]]
    dossiers: list[dict[str, Any]]
    handled: dict[str, int] = field(default_factory=dict)
    rates: dict[str, float] = field(default_factory=dict)
    sent_rate: float = 0.0


class Sampler:
    """One connection, made anew when it fails. Every method raises CommandError when the node cannot be asked.

    Threads take turns, question by question: whoever waits for an answer may be gone before it comes.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._control: Control | None = None
        self._last: Sample | None = None
        self._turn = threading.Lock()

    def close(self) -> None:
        with self._turn:
            self._disconnect()

    def ask(self, do: str, **request: Any) -> Any:
        """One question. A node that was restarted is connected to again."""
        with self._turn:
            if self._control is None:
                self._control = Control(self._path, PATIENCE)
            try:
                return self._control.ask(do, **request)
            except RequestRefused:
                raise
            except CommandError:
                self._disconnect()
                raise

    def _disconnect(self) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None

    def sample(self, open_branches: Iterable[Branch], order: str) -> Sample:
        """All that is shown; of the tree only the branches that are open, and one level below them."""
        sample = Sample(
            when=time.monotonic(),
            status=self.ask("status"),
            tree=self._tree(set(open_branches)),
            busiest=self.ask("top", by=order, most=BUSIEST),
            dossiers=self.ask("dossiers", last=DOSSIERS)[::-1],
        )
        for process in (*sample.tree.values(), *sample.busiest):
            if process.get("pid"):
                sample.handled[process["pid"]] = process["handled"]
        self._rate(sample)
        self._last = sample
        return sample

    def _tree(self, open_branches: set[Branch]) -> dict[Branch, dict[str, Any]]:
        root = self.ask("tree", levels=1, most=CHILDREN)
        found: dict[Branch, dict[str, Any]] = {}
        self._grow(found, (root["id"],), root, open_branches)
        return found

    def _grow(
        self, found: dict[Branch, dict[str, Any]], at: Branch, process: dict[str, Any], open_branches: set[Branch]
    ) -> None:
        found[at] = process
        for child in process.get("children", ()):
            below = (*at, child["id"])
            if "strategy" in child and below in open_branches:
                # One that ended between the two questions: the next look shows its successor.
                with contextlib.suppress(RequestRefused):
                    child |= self.ask("tree", process=child["pid"], levels=1, most=CHILDREN) | {"id": child["id"]}
            self._grow(found, below, child, open_branches)

    def _rate(self, sample: Sample) -> None:
        last = self._last
        if last is None or last.status["incarnation"] != sample.status["incarnation"]:
            return
        seconds = max(sample.when - last.when, 1e-3)
        sample.rates = {
            pid: (count - last.handled[pid]) / seconds for pid, count in sample.handled.items() if pid in last.handled
        }
        sample.sent_rate = (sample.status["messages_sent"] - last.status["messages_sent"]) / seconds
