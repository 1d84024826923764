"""Where a link meets the edge's process: what arrives is read here, and sent to whom it is for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from mirliton.actors.edge.link import Incoming, Outgoing
from mirliton.actors.kapi.inbox import Received, received
from mirliton.actors.kapi.targeted import DELIVER_TO, EXCHANGE
from mirliton.runtime import Address, Node, Pid, message

Listeners = Mapping[type, Address | Sequence[Address]]
"""Who gets the messages of a class: one, or several."""


@message("edge.opened")
class Opened:
    """A link is there."""

    broker: str


@message("edge.closed")
class Closed:
    """A link is lost."""

    broker: str
    reason: str


@message("edge.returned")
class Returned:
    """No queue got a message of this kind."""

    tag: str


@message("edge.arrived")
class Arrived:
    """A message came to our queue itself, for the process that is named, or for whoever asked."""

    received: Received
    process: str | None


class Border:
    """A link's owner: reads what arrives, and sends it to whom it is for."""

    def __init__(self, broker: str, edge: Pid, node: Node, listeners: Listeners) -> None:
        self._broker = broker
        self._edge = edge
        self._node = node
        self._listeners = listeners

    def opened(self) -> None:
        self._node.send(self._edge, Opened(self._broker))

    def closed(self, reason: str) -> None:
        self._node.send(self._edge, Closed(self._broker, reason))

    def returned(self, outgoing: Outgoing) -> None:
        self._node.send(self._edge, Returned(outgoing.tag))

    def arrived(self, incoming: Incoming) -> None:
        got = received(
            incoming.body,
            exchange=incoming.exchange,
            routing_key=incoming.routing_key,
            content_type=incoming.content_type,
            content_encoding=incoming.content_encoding,
        )
        if got is None:
            return
        # Kazoo's header for it: what a stranger says there is none of our brokers.
        got = replace(got, envelope=replace(got.envelope, amqp_broker=self._broker))
        process = incoming.headers.get(DELIVER_TO)
        hearing = () if incoming.exchange == EXCHANGE else listeners_of(self._listeners, got.message)
        for listener in hearing:
            self._node.send(listener, got)
        if not hearing:
            self._node.send(self._edge, Arrived(got, process if isinstance(process, str) else None))


def listeners_of(listeners: Listeners, message: object) -> tuple[Address, ...]:
    """Who listens for messages of this class, or of one that it is derived from."""
    found = next((listeners[cls] for cls in type(message).__mro__ if cls in listeners), ())
    return tuple(found) if isinstance(found, Sequence) else (found,)
