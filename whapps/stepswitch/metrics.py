"""Prometheus metrics of stepswitch. docs/metrics.md lists them. A restart of the listener sets its counters to zero."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from mirliton.runtime import Node
from mirliton.runtime.families import counter, gauge
from mirliton.runtime.metrics import serving
from mirliton.whapps.stepswitch.listener import Listener
from mirliton.whapps.stepswitch.messages import STEPSWITCH


class StepswitchCollector(Collector):
    """Register it with a CollectorRegistry."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def collect(self) -> Iterable[Metric]:
        """For Prometheus."""
        found = serving(self._node, STEPSWITCH, Listener)
        yield counter("mirliton_offnet_asked", "Questions how a number can be called", found and found.asked)
        yield counter("mirliton_offnet_on_net", "Numbers that are of an account of ours", found and found.on_net)
        yield counter("mirliton_offnet_unroutable", "Numbers that no carrier takes", found and found.without_route)
        yield counter("mirliton_offnet_failures", "Calls that a gateway could not take", found and found.failed)
        yield gauge(
            "mirliton_offnet_failing", "Gateways that fail just now", found and sum(map(found.fails, found.failing))
        )
