"""Prometheus metrics of the document store. docs/metrics.md lists them."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from mirliton.actors.store.couch import CouchStore
from mirliton.actors.store.follower import FOLLOWER, Follower
from mirliton.actors.store.server import STORE, StoreServer
from mirliton.runtime import Node
from mirliton.runtime.families import counter, gauge
from mirliton.runtime.metrics import serving


class StoreCollector(Collector):
    """Register it with a CollectorRegistry."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def collect(self) -> Iterable[Metric]:
        """For Prometheus."""
        store = serving(self._node, STORE, StoreServer)
        yield counter("mirliton_store_requests", "Requests to the document store", store and store.requests)
        yield counter("mirliton_store_told", "Messages that told listeners of changed documents", store and store.told)
        follower = serving(self._node, FOLLOWER, Follower)
        yield counter("mirliton_store_found", "Changes found that nobody had told", follower and follower.found)
        yield gauge("mirliton_store_followed", "Databases that are followed", follower and len(follower.feeds))
        couch = store.store.statistics() if store and isinstance(store.store, CouchStore) else None
        repeated, interrupted, away = (couch.repeated, couch.interrupted, len(couch.away)) if couch else (0, 0, 0)
        yield counter("mirliton_store_repeated", "Requests to CouchDB made again", repeated)
        yield counter("mirliton_store_interrupted", "Requests to CouchDB with unknown outcome", interrupted)
        yield gauge("mirliton_store_hosts_away", "Hosts of CouchDB that are away", away)
