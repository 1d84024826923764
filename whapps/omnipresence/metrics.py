"""Prometheus metrics of omnipresence. docs/metrics.md lists them. A restart of the listener sets them back to zero."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from mirliton.actors.presence import OMNIPRESENCE
from mirliton.runtime import Node
from mirliton.runtime.families import counter, gauge
from mirliton.runtime.metrics import serving
from mirliton.whapps.omnipresence.listener import Listener


class OmnipresenceCollector(Collector):
    """Register it with a CollectorRegistry."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def collect(self) -> Iterable[Metric]:
        """For Prometheus."""
        listener = serving(self._node, OMNIPRESENCE, Listener)
        told = {package: float(count) for package, count in listener.told.items()} if listener else {}
        yield counter("mirliton_presence_updates", "What proxies were told", told, ("package",))
        yield gauge("mirliton_presence_dialogs", "Legs of watched phones", listener and len(listener.dialogs))
        yield gauge("mirliton_presence_lamps", "Lamps that no call lights", listener and len(listener.lamps))
        dropped = listener and listener.accounts.dropped
        yield counter("mirliton_presence_dropped", "News of lamps that found too much waiting", dropped)
