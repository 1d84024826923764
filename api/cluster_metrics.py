"""What a node tells Prometheus of its part in a cluster, beyond the traffic. docs/metrics.md lists it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from mirliton.api.cluster import ClusterServer
from mirliton.api.cluster_messages import CLUSTER
from mirliton.runtime import Node
from mirliton.runtime.families import counter, gauge
from mirliton.runtime.metrics import serving
from mirliton.supervisors.failover import Failover, failover_name

APP: Final = ("application",)


class ClusterCollector(Collector):
    """Register it with a CollectorRegistry."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def collect(self) -> Iterable[Metric]:
        """For Prometheus."""
        server = serving(self._node, CLUSTER, ClusterServer)
        names = self._node.registry.names(failover_name("").kind)
        told = {name.key: found for name in names if (found := serving(self._node, name, Failover)) is not None}
        yield gauge("mirliton_node_draining", "Whether the node takes no new calls", server and float(server.draining))
        acting = {app: float(found.acting) for app, found in told.items()}
        yield gauge("mirliton_acting", "Whether the application runs on this node", acting, APP)
        takeovers = {app: found.takeovers for app, found in told.items()}
        yield counter("mirliton_takeovers", "Times this node took the application over", takeovers, APP)
        step_downs = {app: found.step_downs for app, found in told.items()}
        yield counter("mirliton_step_downs", "Times this node left it to another", step_downs, APP)
        distribution = self._node.distribution
        directory = distribution.directory if distribution is not None else None
        yield gauge(
            "mirliton_names_elsewhere", "Names that other nodes hold", len(directory) if directory is not None else None
        )
        yield counter(
            "mirliton_name_conflicts",
            "Processes that ended since a newer one elsewhere has their name",
            directory.conflicts if directory is not None else None,
        )
