"""What operators ask of a node of a cluster: how it is, whether it is ready, and that it take no more work.

    await node.call(CLUSTER, Describe())                    # a Card of this node
    await node.call(CLUSTER.at("whapps1@host"), Drain())    # it takes no new calls, and tells when it has none left
    await node.call(CLUSTER, Move("switch fs1", "ecallmgr2@host"))      # see cluster_moves.py

A drained node goes on until it is stopped; `Resume` undoes it, and so does a restart.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from typing import Any, Final

from mirliton.actors.store import StoreError
from mirliton.actors.store.client import StoreClient
from mirliton.actors.switching import ROUTER, switch_group, switch_name
from mirliton.api.cluster_messages import (
    CLUSTER,
    CannotDrain,
    Card,
    Describe,
    Drain,
    Move,
    NotMoved,
    Rebalance,
    Resume,
    Shifts,
    Survey,
)
from mirliton.api.cluster_moves import CannotMove, Moves
from mirliton.ecallmgr.connection import Connection
from mirliton.runtime import CallError, Completed, From, GenServer, Name, NoReply
from mirliton.runtime.metrics import serving
from mirliton.runtime.transport import zone_of
from mirliton.supervisors.entities import Entities
from mirliton.supervisors.failover import AskStanding, FailoverStatus, SetWilling, failover_name

ASK_TIMEOUT: Final = 2.0
"""Seconds that another node, or a part of this one, may take to say how it is."""
HAND_OVER_TIMEOUT: Final = 60.0
"""Seconds that what runs on one node at a time may take to end here."""
REBALANCE_TIMEOUT: Final = 15.0
"""Seconds after which a rebalance begins nothing more."""
HANDED_OVER: Final[dict[str, tuple[Name, ...]]] = {"callflow": (ROUTER,)}
"""By application: the names under which new work comes, and other nodes have them too."""


class ClusterServer(GenServer):
    """Under CLUSTER on every node. `apps` are its applications, `groups` what of each runs on one node at a time (the
    groups of supervisors/failover.py), `switches` the names of the switches it may have."""

    def init(self, apps: Sequence[str], groups: Mapping[str, Sequence[str]], switches: Sequence[str]) -> None:
        self.apps = tuple(apps)
        self.groups = {app: tuple(those) for app, those in groups.items()}
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
            case Move(what, to):
                work = self._move(what, to)
            case Rebalance():
                work = self._rebalance()
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
        groups = self._all_groups
        standings = await asyncio.gather(*map(self._standing, groups))
        runs = tuple(group for group, standing in zip(groups, standings, strict=True) if standing and standing.acting)
        distribution = self.node.distribution
        registry, entities = self.node.registry, self._entities()
        owned = len(entities.owned()) if entities is not None else 0
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
            shards=owned,
            to_give=owned if entities is not None and not entities.hosts else 0,
            taken=entities.counters.takeovers if entities is not None else 0,
            given=entities.counters.given_back if entities is not None else 0,
            entities=entities.running() if entities is not None else 0,
        )

    def _entities(self) -> Entities | None:
        entities = self.node.cluster_names
        return entities if isinstance(entities, Entities) else None

    def _problems(self, store: str, runs: Sequence[str]) -> Iterable[tuple[str, str]]:
        distribution = self.node.distribution
        yield "broker", "not connected" if distribution is not None and not distribution.is_connected else ""
        yield "store", store
        yield "node", "draining" if self.draining else ""
        entities = self._entities()
        if entities is None:
            yield "entities", "not open"
        elif not entities.lease.holds(self.node.clock.now()):
            yield "entities", f"no lease: the broker has confirmed nothing for {entities.options.lease:g} s"
        mine = [switch for switch in self.switches if switch_group(switch) in runs or not self.groups]
        if "ecallmgr" in self.apps and mine and not any(map(self._is_connected, mine)):
            yield "switches", f"none of {len(mine)} connected"

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

    @property
    def _all_groups(self) -> tuple[str, ...]:
        return tuple(group for groups in self.groups.values() for group in groups)

    async def _standing(self, group: str) -> FailoverStatus | None:
        try:
            standing: FailoverStatus = await self.call(failover_name(group), AskStanding(), timeout=ASK_TIMEOUT)
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
            entities = self._entities()
            if entities is not None and entities.owned() and not entities.directory.others_host():
                return CannotDrain("no other node takes the entities")
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
        if app in self.groups:
            standings = await asyncio.gather(*map(self._standing, self.groups[app]))
            return all(standing is None or not standing.acting or standing.others for standing in standings)
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
        entities = self._entities()
        if entities is not None:
            entities.set_willing(on)
        await asyncio.gather(*(self._tell(group, on=on) for group in self._all_groups))

    async def _tell(self, group: str, *, on: bool) -> None:
        try:
            await self.call(failover_name(group), SetWilling(on), timeout=HAND_OVER_TIMEOUT)
        except CallError as error:
            self.log.warning("failover_not_told", group=group, error=str(error))

    async def _moves(self) -> Moves:
        # One that did not answer has told no version; and nothing goes over to another zone.
        mine = zone_of(self.node.name)
        cards = [card for card in await self._survey() if card.version and zone_of(card.node) == mine]
        return Moves(self, {card.node: card.acting for card in cards})

    async def _move(self, what: str, to: str) -> Shifts | NotMoved:
        try:
            shifts = await (await self._moves()).move(what, to)
        except CannotMove as error:
            return NotMoved(str(error))
        self.log.info("moved", what=what, to=to)
        return Shifts(shifts)

    async def _rebalance(self) -> Shifts | NotMoved:
        try:
            shifts = await (await self._moves()).rebalance(REBALANCE_TIMEOUT)
        except CannotMove as error:
            return NotMoved(str(error))
        self.log.info("rebalanced", moved=len(shifts))
        return Shifts(shifts)
