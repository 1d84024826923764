"""Prometheus metrics of tasks. docs/metrics.md lists them."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from mirliton.runtime import Node
from mirliton.runtime.families import counter, gauge
from mirliton.runtime.metrics import serving
from mirliton.whapps.tasks.record import TASKS
from mirliton.whapps.tasks.scheduler import Scheduler


class TasksCollector(Collector):
    """Register it with a CollectorRegistry."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def collect(self) -> Iterable[Metric]:
        """For Prometheus."""
        tasks = serving(self._node, TASKS, Scheduler)
        yield gauge("mirliton_tasks_running", "Tasks that are being carried out", tasks and len(tasks.running))
        yield counter("mirliton_tasks_ended", "Tasks that have ended or were stopped", tasks and tasks.ended)
        yield counter("mirliton_tasks_interrupted", "Attempts that the store ended", tasks and tasks.failed)
