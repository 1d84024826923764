"""What the edge asks of a broker: an interface of two ends, which amqp.py has over RabbitMQ and memory.py in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from mirliton.actors.kapi import EXCHANGES, Publication

QUEUE_LENGTH: Final = 100
"""Kazoo's: of more, the broker drops the oldest."""
QUEUE_TTL: Final = 60.0
"""Seconds that a message waits in a queue, also Kazoo's."""


@dataclass(frozen=True, slots=True)
class SharedQueue:
    """A queue that edges of several nodes listen on: each message reaches one of them."""

    name: str
    bindings: tuple[Publication, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """The queue of its own that the edge listens on, what it is bound to, and a queue that it may share with others.

    All `exchanges` are declared as Kazoo declares them (not durable, not deleted by themselves), with their type: one
    that is there in another form leaves Kazoo's own nodes, or Kamailio, without what goes through it.
    """

    queue: str
    bindings: tuple[Publication, ...] = ()
    exchanges: Mapping[str, str] = field(default_factory=lambda: EXCHANGES)
    length: int = QUEUE_LENGTH
    ttl: float = QUEUE_TTL
    shared: SharedQueue | None = None


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message as the broker delivers it."""

    body: bytes
    exchange: str
    routing_key: str
    headers: Mapping[str, object] = field(default_factory=dict)
    content_type: str | None = None
    content_encoding: str | None = None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message for the broker."""

    exchange: str
    routing_key: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    """AMQP's, not those of the message in the body."""
    tag: str = ""
    """What the message is; told when it comes back."""
    mandatory: bool = False
    """True: it comes back if no queue gets it."""


class Owner(Protocol):
    """Who is told what happens on a link, always on the loop, between turns of processes. It must not wait."""

    def opened(self) -> None:
        """Everything of the plan is declared, bound and listened to; also after a reconnect."""

    def closed(self, reason: str) -> None:
        """The broker is away; the link goes on trying."""

    def arrived(self, incoming: Incoming) -> None:
        """A message came. What it raises is logged, and the message is gone."""

    def returned(self, outgoing: Outgoing) -> None:
        """No queue got this."""


class Link(Protocol):
    """One connection to a broker."""

    @property
    def broker(self) -> str:
        """Which one, without its password."""

    @property
    def lost(self) -> int:
        """Messages that it took and that were not written when the connection broke."""

    def open(self, owner: Owner, plan: Plan) -> None:
        """Connect, and connect again whenever the broker went away, until `close`."""

    def publish(self, outgoing: Outgoing) -> bool:
        """Hand a message over; False when it is dropped, because the broker is away or cannot keep up."""

    def close(self) -> None:
        """End the connection. May be called twice."""

    async def gone(self) -> None:
        """Wait, for a few seconds at most, until what `close` began is done."""
