"""Prometheus metrics of the conferences. docs/metrics.md lists them."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from mirliton.actors.conference import Conference
from mirliton.runtime import Node
from mirliton.runtime.families import gauge


class ConferenceCollector(Collector):
    """Register it with a CollectorRegistry. It looks at the actors as they are; nothing is counted over time."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def collect(self) -> Iterable[Metric]:
        """For Prometheus."""
        found = [cell.actor for cell in self._node.processes() if isinstance(cell.actor, Conference)]
        up = [actor for actor in found if actor.participants]
        yield gauge("mirliton_conferences", "Conferences with participants", len(up))
        total = sum(len(actor.participants) for actor in up)
        yield gauge("mirliton_conference_participants", "Participants of all conferences", total)
        waiting = sum(len(actor.waiting) for actor in found)
        yield gauge("mirliton_conference_waiting", "Callers who wait for a moderator", waiting)
