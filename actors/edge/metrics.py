"""Prometheus metrics of the edge. docs/metrics.md lists them. A restart of the edge sets its counters back to zero."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from mirliton.actors.edge.server import EDGE, Edge
from mirliton.actors.kapi import COUNTS
from mirliton.runtime import Node
from mirliton.runtime.families import counter, gauge
from mirliton.runtime.metrics import serving


class EdgeCollector(Collector):
    """Register it with a CollectorRegistry."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def collect(self) -> Iterable[Metric]:
        """For Prometheus."""
        edge = serving(self._node, EDGE, Edge)
        up = {broker: float(there) for broker, there in edge.up.items()} if edge else {}
        yield gauge("mirliton_edge_connected", "Whether the broker is connected", up, ("broker",))
        yield counter("mirliton_edge_connects", "Times a broker was connected", edge and edge.connects)
        yield counter("mirliton_edge_published", "Messages given to a broker", edge and edge.published)
        lost = edge and edge.dropped + sum(link.lost for link in edge.links.values())
        yield counter("mirliton_edge_dropped", "Messages that could not go out", lost)
        yield counter("mirliton_edge_unwanted", "Messages that nobody outside listens to", edge and edge.unwanted)
        yield counter("mirliton_edge_read", "Messages from outside that were read", sum(COUNTS.read.values()))
        yield counter("mirliton_edge_refused", "Messages from outside that break rules", sum(COUNTS.refused.values()))
        unmatched = edge and edge.requests.unmatched + edge.strays
        yield counter("mirliton_edge_unmatched", "Answers that nobody waited for", unmatched)
        yield gauge("mirliton_edge_requests", "Questions that wait for answers", edge and len(edge.requests))
