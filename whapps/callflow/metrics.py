"""Prometheus metrics of callflow. docs/metrics.md lists them. A restart of the listener sets its counters back to
zero."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from mirliton.actors.switching import ROUTER
from mirliton.runtime import Node
from mirliton.runtime.families import counter, gauge
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
        gate = router.gate if router is not None else None
        refused = {why: float(count) for why, count in gate.refused.items()} if gate is not None else {}
        yield counter("mirliton_routes_overloaded", "New calls refused for too much load", refused, ("why",))
        closed, delay = (float(gate.closed), gate.delay) if gate is not None else (None, None)
        yield gauge("mirliton_routes_closed", "Whether new calls are refused for their delay", closed)
        yield gauge("mirliton_routes_delay_seconds", "What a channel table took to answer", delay)
        yield counter("mirliton_routes_won", "Calls taken over by an executor", router and router.won)
