"""Prometheus metrics of cdr. docs/metrics.md lists them. A restart of the listener sets its counters back to zero."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from mirliton.actors.switching import CDR
from mirliton.runtime import Node
from mirliton.runtime.families import counter, gauge
from mirliton.runtime.metrics import serving
from mirliton.whapps.cdr.listener import Listener


class CdrCollector(Collector):
    """Register it with a CollectorRegistry."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def collect(self) -> Iterable[Metric]:
        """For Prometheus."""
        cdr = serving(self._node, CDR, Listener)
        yield counter("mirliton_cdrs_stored", "Records written", cdr and cdr.stored)
        yield counter("mirliton_cdrs_doubles", "Reports of a leg whose record was there", cdr and cdr.doubles)
        yield counter("mirliton_cdrs_replaced", "Inferred records that the switch's own replaced", cdr and cdr.replaced)
        yield gauge("mirliton_cdrs_storing", "Reports that are being stored", cdr and cdr.storing)
        yield gauge("mirliton_cdrs_waiting", "Reports that wait for their turn", cdr and len(cdr.waiting))
