"""Prometheus metrics of all supervisors of this OS process. docs/metrics.md lists them."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from mirliton.runtime.families import counter
from mirliton.supervisors.counters import statistics


class SupervisorCollector(Collector):
    """Register it with a CollectorRegistry, once per OS process."""

    def collect(self) -> Iterable[Metric]:
        """For Prometheus."""
        now = statistics()
        labels = ["supervisor", "child"]
        yield counter("mirliton_supervisor_restarts", "Children started again", now.restarts, [*labels, "reason"])
        yield counter("mirliton_supervisor_failed_starts", "Starts that failed", now.failed_starts, labels)
        yield counter(
            "mirliton_supervisor_unclean_stops", "Children that did not end as told", now.unclean_stops, labels
        )
        yield counter("mirliton_supervisor_gave_up", "Supervisors at their restart intensity", now.gave_up, labels[:1])
