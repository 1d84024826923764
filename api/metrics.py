"""Prometheus metrics on a port of their own: `GET /metrics`. docs/metrics.md lists them all. Beside them, for load
balancers, `GET /health/live` and `GET /health/ready` (docs/cluster.md).

mirliton_*               processes, mailboxes, crashes, the loop (runtime)
mirliton_supervisor_*    restarts, failed starts, supervisors that gave up
mirliton_chaos_*         what was killed by plan, and how soon it was back
mirliton_api_*           requests by resource, method and status class
process_*                memory, processor time and files of the OS process (prometheus_client)

A scraper that asks for OpenMetrics gets it, with the number of a crash dossier as exemplar where something crashed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Final

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from mirliton.api.cluster_messages import CLUSTER, Card, Describe
from mirliton.api.counters import counters_of
from mirliton.api.listening import Listener, Where
from mirliton.config import MetricsSettings
from mirliton.runtime import CallError, From, GenServer, Name, Node, NodeCollector, Pauses, Reply
from mirliton.runtime.families import counter, gauge
from mirliton.supervisors import SupervisorCollector
from mirliton.supervisors.chaos import ChaosCollector
from mirliton.supervisors.entities import EntityCollector

METRICS: Final = Name("service", "metrics")
READY_TIMEOUT: Final = 4.0

MakeCollector = Callable[[Node], Collector]


class ApiCollector(Collector):
    """What the API of this node counts."""

    def __init__(self, node: Node) -> None:
        self._counters = counters_of(node)

    def collect(self) -> Iterable[Metric]:
        """For Prometheus."""
        now = self._counters
        yield counter(
            "mirliton_api_requests", "Requests answered", dict(now.requests), ["resource", "method", "status"]
        )
        yield counter("mirliton_api_request_seconds", "Time spent on requests", dict(now.seconds), ["resource"])
        yield counter("mirliton_api_turned_away", "Requests refused because too many were under way", now.turned_away)
        yield counter("mirliton_api_crashes", "Requests that ended in a fault", now.crashes)
        yield counter("mirliton_api_logins", "Logins", dict(now.logins), ["method"])
        yield counter("mirliton_api_logins_failed", "Logins with wrong credentials", now.logins_failed)
        yield counter(
            "mirliton_api_logins_throttled", "Logins refused because too many had failed", now.logins_throttled
        )
        yield counter(
            "mirliton_api_rate_limited", "Requests refused because the client had asked too much", now.rate_limited
        )
        yield gauge("mirliton_api_requests_in_flight", "Requests under way", now.in_flight)


class MetricsServer(GenServer):
    """Answers scrapes. Not being able to listen is a start error that names the address; it keeps no state.

    `more` makes further collectors for this node.
    """

    async def init(self, settings: MetricsSettings, more: tuple[MakeCollector, ...] = ()) -> None:
        self.trap_exit(True)
        self.registry = CollectorRegistry(auto_describe=False)
        self.processes = NodeCollector(self.node)
        known = (
            self.processes,
            SupervisorCollector(),
            ChaosCollector(),
            EntityCollector(self.node),
            ApiCollector(self.node),
            Pauses(),
        )
        for collector in known:
            self.registry.register(collector)
        ProcessCollector(registry=self.registry)
        for make in more:
            self.registry.register(make(self.node))
        self.scrapes = 0
        self.scraping = asyncio.Lock()
        app = web.Application(client_max_size=1024)
        app.router.add_get("/metrics", self._scrape)
        app.router.add_get("/health/live", self._live)
        app.router.add_get("/health/ready", self._ready)
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

    async def _live(self, _: web.Request) -> web.Response:
        """Whoever gets an answer knows that the loop turns."""
        return web.json_response({"live": True, "node": self.node.name})

    async def _ready(self, _: web.Request) -> web.Response:
        """200 where the node can be given work, else 503 and why."""
        try:
            card: Card = await self.node.call(CLUSTER, Describe(), timeout=READY_TIMEOUT)
        except CallError as error:
            problems = {"node": str(error)}
        else:
            problems = dict(card.problems)
        answer = {"ready": not problems, "node": self.node.name, "problems": problems}
        if problems:
            return web.json_response(answer, status=503, headers={"Retry-After": "1"})
        return web.json_response(answer)

    async def _scrape(self, request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        # The collectors read what the loop changes, so they run on it; one scrape at a time bounds what that costs.
        async with self.scraping:
            self.scrapes += 1
            await self.processes.look()
            return web.Response(body=encode(self.registry), headers={"Content-Type": content_type})
