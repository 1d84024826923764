"""Several brokers, one for each zone: a node is heard in its own zone, and speaks in all of them.

    Zones("east", AmqpNetwork(east), {"west": AmqpNetwork(west, listens=False)})        # of whapps1@host+east

A zone is a place with a broker of its own: a data centre, say. It stands at the end of a node's name, after a `+`, and
so in every address of a process there; an address tells which broker leads to it, and nothing has to be looked up.

A node's queue is at the broker of its own zone. What it has to say to a node of another zone it publishes at the broker
of that zone, over a connection of its own; that one answers the same way round. So nothing is forwarded, all that one
node sends another goes over one broker, and the order and the sessions are those of one network. (Kazoo's federation
does it the other way: a node consumes from the brokers of all zones, and publishes at its own.)

When the way to another zone breaks, the sessions with its nodes end ("broker_lost"), and everything else goes on; they
begin anew when both zones hear each other again. When the broker of a node's own zone is away the node is alone.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from mirliton.runtime.transport.frames import Endpoint
from mirliton.runtime.transport.network import Network, Outcome, Receiver

if TYPE_CHECKING:
    from mirliton.runtime.node import Node

MARK: Final = "+"
_ZONE: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


def zone_of(node: str) -> str:
    """The zone in the name of a node; empty for one without."""
    return node.rpartition(MARK)[2] if MARK in node else ""


class Zones:
    """The network of a node of this zone: `own` is its broker's, `others` are those of the brokers of other zones, by
    name, and do not listen. Raises ValueError for a zone that is no name, or its own among the others."""

    def __init__(self, zone: str, own: Network, others: Mapping[str, Network]) -> None:
        for name in (zone, *others):
            if not _ZONE.fullmatch(name):
                raise ValueError(f"a zone is called by letters, digits, '_' or '-', not {name!r}")
        if zone in others:
            raise ValueError(f"the zone {zone} is its own, and cannot be another")
        self.zone = zone
        self._own = own
        self._others = dict(others)
        self._away = set(self._others)
        self._opened: list[Network] = []
        self._node: Node

    async def open(self, node: Node, endpoint: Endpoint, receiver: Receiver) -> None:
        """Begin to connect everywhere. Raises ValueError for a node whose name is of another zone."""
        if zone_of(node.name) != self.zone:
            raise ValueError(f"the name of a node of the zone {self.zone} ends in {MARK}{self.zone}, not {node.name!r}")
        self._node = node
        await self._own.open(node, endpoint, receiver)
        self._opened.append(self._own)
        for name, network in self._others.items():
            await network.open(node, endpoint, _Abroad(self, name, receiver))
            self._opened.append(network)

    async def close(self) -> None:
        opened, self._opened = self._opened, []
        await asyncio.gather(*(network.close() for network in opened))

    def reachable(self) -> list[str]:
        """The other zones that this node's frames get to just now."""
        return sorted(self._others.keys() - self._away)

    def publish(self, to: Endpoint, make: Callable[[], bytes | None], done: Callable[[Outcome], None]) -> None:
        zone = zone_of(to.node)
        network = self._own if zone == self.zone else self._others.get(zone)
        if network is not None:
            network.publish(to, make, done)
        else:
            self._node.loop.call_soon(_nowhere, make, done)

    def announce(self, data: bytes) -> None:
        for network in (self._own, *self._others.values()):
            network.announce(data)

    def went(self, zone: str, up: bool) -> None:
        """The way to another zone is there, or broken."""
        if up:
            self._away.discard(zone)
        else:
            self._away.add(zone)
        self._node.log.info("zone_up" if up else "zone_down", zone=zone)


class _Abroad:
    """Who hears of the network of another zone."""

    def __init__(self, zones: Zones, zone: str, receiver: Receiver) -> None:
        self._zones = zones
        self._zone = zone
        self._receiver = receiver

    def network_up(self) -> None:
        self._zones.went(self._zone, up=True)
        self._receiver.part_up()

    def network_down(self, reason: str) -> None:
        self._zones.went(self._zone, up=False)
        self._receiver.part_down(lambda endpoint: zone_of(endpoint.node) == self._zone)

    def part_up(self) -> None:
        """It has no parts."""

    def part_down(self, leads_to: Callable[[Endpoint], bool]) -> None:
        """It has no parts."""

    def received(self, data: bytes) -> None:
        """It does not listen; what came all the same would be read as any frame is."""
        self._receiver.received(data)

    def endpoint_gone(self, endpoint: Endpoint) -> None:
        self._receiver.endpoint_gone(endpoint)


def _nowhere(make: Callable[[], bytes | None], done: Callable[[Outcome], None]) -> None:
    """There is no way to a zone that this node does not join."""
    if make() is not None:
        done(Outcome.FAILED)
