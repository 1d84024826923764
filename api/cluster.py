"""What operators ask of a node of a cluster: how it is, whether it is ready, and that it take no more work.

    await node.call(CLUSTER, Describe())                    # a Card of this node
    await node.call(CLUSTER.at("whapps1@host"), Drain())    # it takes no new calls, and tells when it has none left

A drained node goes on until it is stopped; `Resume` undoes it, and so does a restart.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
from collections.abc import Awaitable, Iterable, Sequence
from typing import Any, Final

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from mirliton.actors.store import StoreError
from mirliton.actors.store.client import StoreClient
from mirliton.actors.switching import ROUTER, switch_name
from mirliton.ecallmgr.connection import Connection
from mirliton.runtime import CallError, Completed, From, GenServer, Name, Node, NoReply, message
from mirliton.runtime.families import counter, gauge
from mirliton.runtime.metrics import serving
from mirliton.supervisors.failover import AskStanding, Failover, FailoverStatus, SetWilling, failover_name

CLUSTER: Final = Name("service", "cluster")
ASK_TIMEOUT: Final = 2.0
"""Seconds that another node, or a part of this one, may take to say how it is."""
HAND_OVER_TIMEOUT: Final = 60.0
"""Seconds that an application may take to end here."""
APP: Final = ("application",)
HANDED_OVER: Final[dict[str, tuple[Name, ...]]] = {"callflow": (ROUTER,)}
"""By application: the names under which new work comes, and other nodes have them too."""


@message("cluster.describe")
class Describe:
    """Ask for a Card."""


@message("cluster.card")
class Card:
    """How a node is. `since`: unix time of its start. `acting`: the applications of those that run on one node at a
    time that run here. `waiting`: messages that wait for other nodes. `problems`: by part, why it is not ready."""

    node: str
    version: str
    since: float
    apps: tuple[str, ...]
    acting: tuple[str, ...]
    draining: bool
    calls: int
    executors: int
    nodes: tuple[str, ...]
    waiting: int
    problems: dict[str, str]

    @property
    def ready(self) -> bool:
        """Whether it can be given work."""
        return not self.problems

    @property
    def drained(self) -> bool:
        """Whether it was told to take no new work, and has none left. What still acts there has nobody to go to."""
        return self.draining and not self.calls and not self.executors


@message("cluster.survey")
class Survey:
    """Ask for the Cards of all nodes that are up, this one's first. Of one that does not answer only the name and why
    (a problem of its "node") are told."""


@message("cluster.drain")
class Drain:
    """Take no new calls, and hand over what runs on one node at a time. Answered with a Card, or CannotDrain where new
    calls would have nowhere to go, unless `force` says that they need not."""

    force: bool = False


@message("cluster.cannot_drain")
class CannotDrain:
    """Why not."""

    reason: str


@message("cluster.resume")
class Resume:
    """Undo a Drain. Answered with a Card."""


def shown(card: Card) -> dict[str, Any]:
    """A card as JSON shows it."""
    fields = {name: getattr(card, name) for name in Card.__dataclass_fields__}
    return {**fields, "ready": card.ready, "drained": card.drained}


class ClusterServer(GenServer):
    """Under CLUSTER on every node. `apps` are its applications, `acting` those of them that run on one node at a time,
    `switches` the names of the switches it may have."""

    def init(self, apps: Sequence[str], acting: Sequence[str], switches: Sequence[str]) -> None:
        self.apps = tuple(apps)
        self.acting = tuple(acting)
        self.switches = tuple(switches)
        self.version = importlib.metadata.version("mirliton")
        self.since = self.node.clock.time()
        self.draining = False

    def state(self) -> Any:
        return {"apps": self.apps, "draining": self.draining}

    def handle_call(self, request: Any, sender: From) -> Any:
        work: Awaitable[Any]
        match request:
            case Describe():
                work = self._card()
            case Survey():
                work = self._survey()
            case Drain(force):
                work = self._drain(force)
            case Resume():
                work = self._resume()
            case _:
                return super().handle_call(request, sender)
        self.background(work, sender)
        return NoReply()

    def handle_info(self, message: Any) -> None:
        match message:
            case Completed(tag=From() as sender, value=value, error=None):
                self.reply(sender, value)
            case Completed(tag=From(), error=error):
                self.log.error("cluster_question_failed", error=str(error))
            case _:
                super().handle_info(message)

    # How it is

    async def _card(self) -> Card:
        store = await self._store()
        standings = await asyncio.gather(*(self._standing(app) for app in self.acting))
        runs = tuple(app for app, standing in zip(self.acting, standings, strict=True) if standing and standing.acting)
        distribution = self.node.distribution
        registry = self.node.registry
        return Card(
            node=self.node.name,
            version=self.version,
            since=self.since,
            apps=self.apps,
            acting=runs,
            draining=self.draining,
            calls=len(registry.names("call")),
            executors=len(registry.names("cf_exe")),
            nodes=tuple(distribution.nodes()) if distribution is not None else (),
            waiting=distribution.waiting() if distribution is not None else 0,
            problems={part: why for part, why in self._problems(store, runs) if why},
        )

    def _problems(self, store: str, runs: Sequence[str]) -> Iterable[tuple[str, str]]:
        distribution = self.node.distribution
        yield "broker", "not connected" if distribution is not None and not distribution.is_connected else ""
        yield "store", store
        yield "node", "draining" if self.draining else ""
        has_switches = "ecallmgr" in (runs if "ecallmgr" in self.acting else self.apps)
        if has_switches and self.switches and not any(map(self._is_connected, self.switches)):
            yield "switches", f"none of {len(self.switches)} connected"

    async def _store(self) -> str:
        try:
            async with asyncio.timeout(ASK_TIMEOUT):
                await StoreClient(self).databases("accounts")
        except (StoreError, CallError, TimeoutError) as error:
            return str(error) or "it does not answer in time"
        return ""

    def _is_connected(self, switch: str) -> bool:
        connection = serving(self.node, switch_name(switch), Connection)
        return connection is not None and connection.sockets is not None

    async def _standing(self, app: str) -> FailoverStatus | None:
        try:
            standing: FailoverStatus = await self.call(failover_name(app), AskStanding(), timeout=ASK_TIMEOUT)
        except CallError:
            return None
        return standing

    async def _survey(self) -> tuple[Card, ...]:
        distribution = self.node.distribution
        others = distribution.nodes() if distribution is not None else []
        return tuple(await asyncio.gather(self._card(), *map(self._card_of, others)))

    async def _card_of(self, node: str) -> Card:
        try:
            card: Card = await self.call(CLUSTER.at(node), Describe(), timeout=2 * ASK_TIMEOUT)
        except CallError as error:
            return Card(node, "", 0.0, (), (), False, 0, 0, (), 0, {"node": str(error)})
        return card

    # What it is told

    async def _drain(self, force: bool) -> Card | CannotDrain:
        if not force:
            for app in self.apps:
                if not await self._has_successor(app):
                    return CannotDrain(f"no other node runs {app}")
        if not self.draining:
            self.log.info("node_drains")
        self.draining = True
        self._show(on=False)
        await self._set_willing(on=False)
        return await self._card()

    async def _resume(self) -> Card:
        self.draining = False
        self._show(on=True)
        self.log.info("node_resumes")
        await self._set_willing(on=True)
        return await self._card()

    async def _has_successor(self, app: str) -> bool:
        """Whether another node does what this one has in hand of an application."""
        if app in self.acting:
            standing = await self._standing(app)
            return standing is None or not standing.acting or bool(standing.others)
        distribution = self.node.distribution
        names = HANDED_OVER.get(app, ())
        return all(distribution is not None and distribution.directory.holders(name) for name in names)

    def _show(self, *, on: bool) -> None:
        if self.node.distribution is None:
            return
        directory = self.node.distribution.directory
        for name in (name for app in self.apps for name in HANDED_OVER.get(app, ())):
            if on:
                directory.show(name)
            else:
                directory.hide(name)

    async def _set_willing(self, *, on: bool) -> None:
        for app in self.acting:
            try:
                await self.call(failover_name(app), SetWilling(on), timeout=HAND_OVER_TIMEOUT)
            except CallError as error:
                self.log.warning("failover_not_told", app=app, error=str(error))


class ClusterCollector(Collector):
    """What a node tells Prometheus of its part in a cluster, beyond the traffic."""

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
