"""A broker in memory, for tests: exchanges, bindings and queues as RabbitMQ has them."""

from __future__ import annotations

import re
from collections import defaultdict, deque
from collections.abc import Callable

from mirliton.actors.edge.link import Incoming, Outgoing, Owner, Plan
from mirliton.actors.kapi import Publication
from mirliton.actors.kapi.bodies import CONTENT_TYPE


class MemoryBroker:
    """What a broker does with messages. Everything happens at once, in the order of the calls.

    `delivered` is what went to which queue (the last thousand), `unroutable` counts what no queue got.
    """

    def __init__(self, name: str = "memory") -> None:
        self.name = name
        self.up = True
        self.exchanges: dict[str, str] = {}
        self.delivered: deque[tuple[str, Incoming]] = deque(maxlen=1_000)
        self.unroutable = 0
        self._queues: defaultdict[str, deque[Callable[[Incoming], None]]] = defaultdict(deque)
        """Who takes what comes to a queue, in turns."""
        self._bindings: set[tuple[str, str, str]] = set()
        self._links: list[MemoryLink] = []

    def link(self) -> MemoryLink:
        """A connection to this broker, not open yet."""
        made = MemoryLink(self)
        self._links.append(made)
        return made

    def declare(self, exchange: str, kind: str) -> None:
        """Make an exchange. Raises ValueError where it exists with another type, as a broker closes the channel."""
        if self.exchanges.setdefault(exchange, kind) != kind:
            raise ValueError(f"exchange {exchange} is {self.exchanges[exchange]}, not {kind}")

    def consume(self, queue: str, deliver: Callable[[Incoming], None]) -> None:
        """Make a queue where there is none, bound to exchange `targeted` by its own name; take what comes to it.

        Several who take from one queue do it in turns.
        """
        self._queues[queue].append(deliver)
        self.bind(queue, "targeted", queue)

    def bind(self, queue: str, exchange: str, key: str) -> None:
        """Have a queue get what is published to an exchange under keys like this."""
        self._bindings.add((exchange, key, queue))

    def leave(self, queue: str, deliver: Callable[[Incoming], None]) -> None:
        """Take no more from a queue; with its last consumer it goes, and its bindings."""
        takers = self._queues[queue]
        if deliver in takers:
            takers.remove(deliver)
        if takers:
            return
        del self._queues[queue]
        self._bindings = {binding for binding in self._bindings if binding[2] != queue}

    def publish(self, outgoing: Outgoing) -> bool:
        """Whether a queue got it."""
        kind = self.exchanges.get(outgoing.exchange, "topic")
        queues = {
            queue
            for exchange, pattern, queue in self._bindings
            if exchange == outgoing.exchange and matches(kind, pattern, outgoing.routing_key)
        }
        if not queues:
            self.unroutable += 1
        for queue in sorted(queues):
            incoming = Incoming(
                outgoing.body, outgoing.exchange, outgoing.routing_key, outgoing.headers, CONTENT_TYPE, None
            )
            self.delivered.append((queue, incoming))
            takers = self._queues[queue]
            takers[0](incoming)
            takers.rotate(-1)
        return bool(queues)

    def stop(self) -> None:
        """Go away, with all queues."""
        self.up = False
        self._queues.clear()
        self._bindings.clear()
        for link in self._links:
            link.lose("the broker has stopped")

    def start(self) -> None:
        """Be there again, empty."""
        self.up = True
        for link in self._links:
            link.connect()


class MemoryLink:
    """One connection to a MemoryBroker."""

    def __init__(self, broker: MemoryBroker) -> None:
        self._broker = broker
        self._owner: Owner | None = None
        self._plan: Plan | None = None
        self._connected = False
        self.lost = 0
        """What it takes is there at once."""

    def open(self, owner: Owner, plan: Plan) -> None:
        self._owner, self._plan = owner, plan
        if self._broker.up:
            self.connect()

    def publish(self, outgoing: Outgoing) -> bool:
        if not self._connected:
            return False
        if not self._broker.publish(outgoing) and outgoing.mandatory and self._owner is not None:
            self._owner.returned(outgoing)
        return True

    @property
    def broker(self) -> str:
        return self._broker.name

    def close(self) -> None:
        if self._plan is not None and self._owner is not None:
            for queue in self._queues():
                self._broker.leave(queue, self._owner.arrived)
        self._owner, self._connected = None, False

    async def gone(self) -> None:
        return None

    def connect(self) -> None:
        """Declare, bind and listen, if the link is open."""
        if self._owner is None or self._plan is None:
            return
        for exchange, kind in self._plan.exchanges.items():
            self._broker.declare(exchange, kind)
        for queue, bindings in self._queues().items():
            self._broker.consume(queue, self._owner.arrived)
            for exchange, key in bindings:
                self._broker.bind(queue, exchange, key)
        self._connected = True
        self._owner.opened()

    def _queues(self) -> dict[str, tuple[Publication, ...]]:
        """The queues of the plan, each with its bindings."""
        assert self._plan is not None
        shared = self._plan.shared
        return {self._plan.queue: self._plan.bindings} | ({shared.name: shared.bindings} if shared else {})

    def lose(self, reason: str) -> None:
        """The connection breaks."""
        if self._connected and self._owner is not None:
            self._connected = False
            self._owner.closed(reason)


def matches(kind: str, pattern: str, key: str) -> bool:
    """Whether an exchange of this kind gives a message with this key to a queue bound with this pattern."""
    if kind == "fanout":
        return True
    if kind == "direct":
        return pattern == key
    expression = re.escape(pattern).replace(r"\.\#", r"(\..*)?").replace(r"\#", ".*").replace(r"\*", "[^.]*")
    return re.fullmatch(expression, key) is not None
