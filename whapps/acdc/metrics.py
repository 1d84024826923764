"""Prometheus metrics of the queues. docs/metrics.md lists them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final, get_args

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from mirliton.actors.agent import Agent
from mirliton.actors.queue import Queue
from mirliton.actors.queueing import Status
from mirliton.runtime import Node
from mirliton.runtime.families import gauge

_STATES: Final[tuple[str, ...]] = get_args(Status)


class AcdcCollector(Collector):
    """Register it with a CollectorRegistry. It looks at the actors as they are; nothing is counted over time."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def collect(self) -> Iterable[Metric]:
        """For Prometheus."""
        queues, waiting, states = 0, 0, Counter[str]()
        for cell in self._node.processes():
            actor = cell.actor
            if isinstance(actor, Queue):
                queues += 1
                waiting += actor.waiting
            elif isinstance(actor, Agent):
                states[actor.status] += 1
        yield gauge("mirliton_queues", "Queues that have agents at work or callers", queues)
        yield gauge("mirliton_queue_waiting", "Callers who wait in a queue", waiting)
        by_state = {state: states[state] for state in _STATES}
        yield gauge("mirliton_queue_agents", "Agents of the queues, by what they do", by_state, ("state",))
