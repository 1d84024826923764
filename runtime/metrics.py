"""Prometheus metrics of a node.

Counting happens in plain integers on the way (a prometheus `inc()` costs as much as a message); this collector reads
them when it is scraped. Labels are class names and name kinds, never ids: their number is bounded by the code.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from mirliton.runtime.node import Node


class NodeCollector(Collector):
    """Register it with a CollectorRegistry."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def collect(self) -> Iterable[Metric]:
        node = self._node
        processes: Counter[str] = Counter()
        waiting: Counter[str] = Counter()
        longest: Counter[str] = Counter()
        for cell in node.processes():
            kind = cell.kind
            processes[kind] += 1
            length = len(cell)
            waiting[kind] += length
            longest[kind] = max(longest[kind], length)
        yield _gauge("mirliton_processes", "Living processes", ["class"], {(k,): v for k, v in processes.items()})
        yield _gauge("mirliton_mailbox_messages", "Messages waiting", ["class"], {(k,): v for k, v in waiting.items()})
        yield _gauge(
            "mirliton_mailbox_longest",
            "Messages in the longest mailbox",
            ["class"],
            {(k,): v for k, v in longest.items()},
        )
        yield _counter("mirliton_spawned", "Processes started", ["class"], {(k,): v for k, v in node.spawned.items()})
        exited: dict[tuple[str, ...], float] = {(*key,): count for key, count in node.exited.items()}
        yield _counter("mirliton_exited", "Processes ended, by how", ["class", "reason"], exited)
        for name, text, value in (
            ("mirliton_messages_sent", "Messages sent", node.messages_sent),
            ("mirliton_dead_letters", "Messages to nobody", node.dead_letters),
            ("mirliton_mailbox_dropped", "Messages that bounded mailboxes dropped", node.dropped),
            ("mirliton_late_replies", "Answers that came after the call had ended", node.calls.late_replies),
            ("mirliton_crash_dossiers", "Abnormal ends", node.dossiers.total),
            ("mirliton_parked_dropped", "Messages beyond the bound of a reserved name", node.registry.parked_dropped),
            ("mirliton_scheduler_slices", "Times the run queue was drained", node.scheduler.turns),
        ):
            yield _counter(name, text, [], {(): value})
        for name, text, value in (
            ("mirliton_names", "Registered names", len(node.registry)),
            ("mirliton_parked_messages", "Messages kept for restarting names", sum(node.registry.parked().values())),
            ("mirliton_timers", "Deadlines that are set", len(node.timers)),
            ("mirliton_calls_in_flight", "Calls that wait for an answer", len(node.calls)),
            ("mirliton_run_queue", "Processes waiting for their turn", len(node.scheduler.ready)),
        ):
            yield _gauge(name, text, [], {(): value})


def _gauge(name: str, text: str, labels: list[str], values: dict[tuple[str, ...], float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family


def _counter(name: str, text: str, labels: list[str], values: dict[tuple[str, ...], float]) -> CounterMetricFamily:
    family = CounterMetricFamily(name, text, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family
