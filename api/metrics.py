"""Prometheus metrics on a port of their own: `GET /metrics`.

mirliton_*               processes, mailboxes, crashes (runtime)
mirliton_supervisor_*    restarts, failed starts, supervisors that gave up
mirliton_api_*           requests by resource, method and status class
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from mirliton.api.counters import counters_of
from mirliton.api.listening import Listener, Where
from mirliton.config import MetricsSettings
from mirliton.runtime import From, GenServer, Name, Node, NodeCollector, Reply
from mirliton.supervisors import statistics

METRICS: Final = Name("service", "metrics")

MakeCollector = Callable[[Node], Collector]


class SupervisorCollector(Collector):
    """What all supervisors of this OS process count."""

    def collect(self) -> Iterable[Metric]:
        now = statistics()
        labels = ["supervisor", "child"]
        yield _counter("mirliton_supervisor_restarts", "Children started again", labels, now.restarts)
        yield _counter("mirliton_supervisor_failed_starts", "Starts that failed", labels, now.failed_starts)
        yield _counter(
            "mirliton_supervisor_unclean_stops", "Children that did not end as told", labels, now.unclean_stops
        )
        gave_up = {(supervisor,): count for supervisor, count in now.gave_up.items()}
        yield _counter("mirliton_supervisor_gave_up", "Supervisors at their restart intensity", labels[:1], gave_up)


class ApiCollector(Collector):
    """What the API of this node counts."""

    def __init__(self, node: Node) -> None:
        self._counters = counters_of(node)

    def collect(self) -> Iterable[Metric]:
        now = self._counters
        labels = ["resource", "method", "status"]
        yield _counter("mirliton_api_requests", "Requests answered", labels, dict(now.requests))
        seconds = {(resource,): spent for resource, spent in now.seconds.items()}
        yield _counter("mirliton_api_request_seconds", "Time spent on requests", ["resource"], seconds)
        for name, text, value in (
            ("mirliton_api_turned_away", "Requests refused because too many were under way", now.turned_away),
            ("mirliton_api_crashes", "Requests that ended in a fault", now.crashes),
            ("mirliton_api_logins_failed", "Logins with wrong credentials", now.logins_failed),
            ("mirliton_api_logins_throttled", "Logins refused because too many had failed", now.logins_throttled),
        ):
            yield _counter(name, text, [], {(): value})
        in_flight = GaugeMetricFamily("mirliton_api_requests_in_flight", "Requests under way")
        in_flight.add_metric((), now.in_flight)
        yield in_flight


class MetricsServer(GenServer):
    """Answers scrapes. Not being able to listen is a start error that names the address; it keeps no state.

    `more` makes further collectors for this node.
    """

    async def init(self, settings: MetricsSettings, more: tuple[MakeCollector, ...] = ()) -> None:
        self.trap_exit(True)
        self.registry = CollectorRegistry(auto_describe=False)
        for collector in (NodeCollector(self.node), SupervisorCollector(), ApiCollector(self.node)):
            self.registry.register(collector)
        for make in more:
            self.registry.register(make(self.node))
        self.scrapes = 0
        self.scraping = asyncio.Lock()
        app = web.Application(client_max_size=1024)
        app.router.add_get("/metrics", self._scrape)
        self.listener = Listener(self, app)
        await self.listener.start(settings.host, settings.port)

    def handle_call(self, request: Any, sender: From) -> Any:
        if isinstance(request, Where):
            return Reply(self.listener.address)
        return super().handle_call(request, sender)

    def handle_info(self, message: Any) -> None:
        self.log.warning("unexpected_message", message_type=type(message).__qualname__)

    async def terminate(self, reason: Any) -> None:
        await self.listener.close()

    def state(self) -> Any:
        return {"listening": f"{self.listener.address.host}:{self.listener.address.port}", "scrapes": self.scrapes}

    async def _scrape(self, _: web.Request) -> web.Response:
        # The collectors read what the loop changes, so they run on it; one scrape at a time bounds what that costs.
        async with self.scraping:
            self.scrapes += 1
            return web.Response(body=generate_latest(self.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})


def _counter(name: str, text: str, labels: list[str], values: Mapping[Any, float]) -> CounterMetricFamily:
    family = CounterMetricFamily(name, text, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family
