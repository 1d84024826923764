"""Prometheus metrics of a node. docs/metrics.md lists them all.

Counting happens in plain integers on the way (a prometheus `inc()` costs as much as a message); this collector reads
them when it is scraped.

    collector = NodeCollector(node)
    registry.register(collector)
    ...
    await collector.look()  # with many processes, so that the scrape does not stop the node
    generate_latest(registry)

Labels are class names and message types, never ids: their number is bounded by the code, and by CLASSES should a
program make classes without end.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final, TypeVar

from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar

from mirliton.runtime.addresses import Address
from mirliton.runtime.cell import Cell
from mirliton.runtime.families import Spread, counter, gauge, histogram
from mirliton.runtime.node import Node
from mirliton.runtime.transport import metrics as transport

A = TypeVar("A")

CLASSES: Final = 1_000
"""Classes told apart, those that came first; the processes of any other count as "other"."""
BATCH: Final = 1_000
"""Processes looked at between two turns of the loop: less than a millisecond."""
OTHER: Final = "other"


def serving(node: Node, name: Address, cls: type[A]) -> A | None:
    """The actor under this name, once its init is done: for collectors that read what a process counts."""
    cell = node.find(name)
    if cell is None or cell.starter or cell.init is not None or not isinstance(cell.actor, cls):
        return None
    return cell.actor


class Mailboxes:
    """How many processes of each class there are, and how much mail waits for them."""

    def __init__(self) -> None:
        self.processes: Counter[str] = Counter()
        self.waiting: Counter[str] = Counter()
        self.longest: Counter[str] = Counter()

    def add(self, cells: Iterable[Cell], classes: frozenset[str]) -> None:
        """Count these in; a class that is none of `classes` is "other"."""
        for cell in cells:
            kind = cell.kind if cell.kind in classes else OTHER
            self.processes[kind] += 1
            length = len(cell)
            self.waiting[kind] += length
            self.longest[kind] = max(length, self.longest[kind])


class NodeCollector(Collector):
    """Register it with a CollectorRegistry."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._seen: Mailboxes | None = None

    async def look(self) -> None:
        """Look at all processes, some at a time, and let others run meanwhile: the next `collect` tells what was seen.

        Without it `collect` looks at all of them at once, which takes 50 ms for 100,000.
        """
        seen = Mailboxes()
        cells = self._node.processes()
        classes = self._classes()
        while batch := list(islice(cells, BATCH)):
            seen.add(batch, classes)
            await asyncio.sleep(0)
        self._seen = seen

    def collect(self) -> Iterable[Metric]:
        """For Prometheus."""
        yield from self._processes()
        yield from self._crashes()
        yield from self._messages()
        yield from self._loop()
        if self._node.distribution is not None:
            yield from transport.families(self._node.distribution)

    def _classes(self) -> frozenset[str]:
        return frozenset(islice(self._node.spawned, CLASSES))

    def _processes(self) -> Iterator[Metric]:
        node, classes, labels = self._node, self._classes(), ["class"]
        seen, self._seen = self._seen or Mailboxes(), None
        if not seen.processes:
            seen.add(node.processes(), classes)
        yield gauge("mirliton_processes", "Living processes", seen.processes, labels)
        yield gauge("mirliton_mailbox_messages", "Messages waiting", seen.waiting, labels)
        yield gauge("mirliton_mailbox_longest", "Messages in the longest mailbox", seen.longest, labels)
        spawned: Counter[str] = Counter()
        for kind, count in node.spawned.items():
            spawned[kind if kind in classes else OTHER] += count
        yield counter("mirliton_spawned", "Processes started", spawned, labels)
        exited: Counter[tuple[str, str]] = Counter()
        for (kind, reason), count in node.exited.items():
            exited[kind if kind in classes else OTHER, reason] += count
        yield counter("mirliton_exited", "Processes ended, by how", exited, ["class", "reason"])
        yield gauge("mirliton_names", "Registered names", len(node.registry))

    def _crashes(self) -> Iterator[Metric]:
        """With the newest dossier of each class as exemplar: `mirliton dossiers` and the API know it by that id."""
        dossiers, classes = self._node.dossiers, self._classes()
        ended: Counter[str] = Counter()
        newest: dict[str, Exemplar] = {}
        for kind, count in dossiers.by_class.items():
            label = kind if kind in classes else OTHER
            ended[label] += count
            dossier_id, when = dossiers.newest[kind]
            newest[label] = Exemplar({"dossier": str(dossier_id)}, 1.0, when)
        yield counter("mirliton_crash_dossiers", "Abnormal ends, killed ones too", ended, ["class"], newest)

    def _messages(self) -> Iterator[Metric]:
        node = self._node
        yield counter("mirliton_messages_sent", "Messages sent", node.messages_sent)
        yield counter("mirliton_dead_letters", "Messages to nobody", node.dead_letters)
        yield counter("mirliton_mailbox_dropped", "Messages that bounded mailboxes dropped", node.dropped)
        lost: Counter[tuple[str, str]] = Counter()
        classes = self._classes()
        for (kind, rule), count in node.overflow.lost.items():
            lost[kind if kind in classes else OTHER, rule] += count
        yield counter("mirliton_mailbox_full", "Messages that met a full mailbox", lost, ["class", "rule"])
        yield gauge("mirliton_calls_in_flight", "Calls that wait for an answer", len(node.calls))
        yield counter("mirliton_late_replies", "Answers that came after the call had ended", node.calls.late_replies)
        yield gauge(
            "mirliton_parked_messages", "Messages kept for restarting names", sum(node.registry.parked().values())
        )
        yield counter(
            "mirliton_parked_dropped", "Messages beyond the bound of a reserved name", node.registry.parked_dropped
        )

    def _loop(self) -> Iterator[Metric]:
        node, classes = self._node, self._classes()
        yield gauge("mirliton_run_queue", "Processes waiting for their turn", len(node.scheduler.ready))
        yield counter("mirliton_scheduler_slices", "Times the run queue was drained", node.scheduler.turns)
        yield gauge("mirliton_timers", "Deadlines that are set", len(node.timers))
        watch = node.watch
        slow: Counter[tuple[str, str]] = Counter()
        broken: Counter[str] = Counter()
        for (kind, message), count in dict(watch.slow).items() if watch is not None else ():
            # Each was a message type of the code; but one a class made without end would get its own series.
            slow[(kind, message) if kind in classes and len(slow) < CLASSES else (OTHER, OTHER)] += count
        for kind, count in dict(watch.ended).items() if watch is not None else ():
            broken[kind if kind in classes else OTHER] += count
        yield counter(
            "mirliton_slow_handlers", "Times a handler held the loop for long", slow, ["class", "message_type"]
        )
        yield counter(
            "mirliton_handlers_ended", "Handlers ended because they held the loop too long", broken, ["class"]
        )
        lags: dict[tuple[str, ...], Spread] = {(): watch.lags} if watch is not None else {}
        yield histogram("mirliton_loop_lag_seconds", "How long a callback waited for the loop", lags)
