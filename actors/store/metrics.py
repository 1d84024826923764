"""Prometheus metrics of the document store. docs/metrics.md lists them."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from mirliton.actors.store.server import STORE, StoreServer
from mirliton.runtime import Node
from mirliton.runtime.families import counter
from mirliton.runtime.metrics import serving


class StoreCollector(Collector):
    """Register it with a CollectorRegistry."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def collect(self) -> Iterable[Metric]:
        """For Prometheus."""
        store = serving(self._node, STORE, StoreServer)
        yield counter("mirliton_store_requests", "Requests to the document store", store and store.requests)
