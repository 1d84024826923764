"""Prometheus metrics of teletype. docs/metrics.md lists them. A restart of the spool sets its counters back to zero."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from mirliton.actors.mailing import TELETYPE
from mirliton.runtime import Node
from mirliton.runtime.families import counter, gauge
from mirliton.runtime.metrics import serving
from mirliton.whapps.teletype.spool import Spool


class TeletypeCollector(Collector):
    """Register it with a CollectorRegistry."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def collect(self) -> Iterable[Metric]:
        """For Prometheus."""
        spool = serving(self._node, TELETYPE, Spool)
        yield counter("mirliton_mails_sent", "Mails that the mail server has taken", spool and spool.sent)
        yield counter("mirliton_mails_failed", "Attempts at which it did not", spool and spool.failed)
        yield counter("mirliton_mails_given_up", "Notifications that no mail will go out for", spool and spool.given_up)
        yield gauge("mirliton_mails_waiting", "Notifications in the spool", spool and spool.waiting)
