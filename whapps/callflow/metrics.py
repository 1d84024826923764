"""Prometheus metrics of callflow. docs/metrics.md lists them. A restart of the listener sets its counters back to
zero."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from mirliton.actors.switching import ROUTER
from mirliton.runtime import Node
from mirliton.runtime.families import counter
from mirliton.runtime.metrics import serving
from mirliton.whapps.callflow.listener import Listener


class CallflowCollector(Collector):
    """Register it with a CollectorRegistry."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def collect(self) -> Iterable[Metric]:
        """For Prometheus."""
        router = serving(self._node, ROUTER, Listener)
        yield counter("mirliton_routes_asked", "Questions where a call goes", router and router.decided)
        yield counter("mirliton_routes_won", "Calls taken over by an executor", router and router.won)
