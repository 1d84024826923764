"""Prometheus metrics of registrar. docs/metrics.md lists them. A restart of the listener sets its counters back to
zero."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from mirliton.runtime import Node
from mirliton.runtime.families import counter, gauge
from mirliton.runtime.metrics import serving
from mirliton.whapps.registrar.listener import AUTHN, Listener


class RegistrarCollector(Collector):
    """Register it with a CollectorRegistry."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def collect(self) -> Iterable[Metric]:
        """For Prometheus."""
        authn = serving(self._node, AUTHN, Listener)
        outcomes = {outcome: float(count) for outcome, count in authn.outcomes.items()} if authn else {}
        yield counter("mirliton_authn", "Questions for a phone's password", outcomes, ("outcome",))
        waiting = {name: float(len(line.waiting)) for name, line in authn.lines.items()} if authn else {}
        yield gauge("mirliton_authn_waiting", "Questions that wait for their turn", waiting, ("line",))
