"""A network in memory, on the time of the nodes' clock: for tests, with whatever can go wrong in it, from a seed.

    hub = Hub(seed=7)
    a, b = Distribution(one, hub.network(), keys), Distribution(other, hub.network(), keys)
    hub.cut("a@host", "b@host")         # frames vanish, both ways, until `heal`
    hub.disconnect("a@host")            # its connection to the network is down, until `reconnect`
    hub.kill("a@host")                  # as kill -9: its queue is gone, frames to it come back
    hub.loss = hub.disorder = 0.01      # of all frames

All nodes of a hub must share one clock.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from mirliton.runtime.transport.frames import Endpoint
from mirliton.runtime.transport.network import Outcome, Receiver

if TYPE_CHECKING:
    from mirliton.runtime.node import Node

DELAY: Final = 0.001
CONNECT_DELAY: Final = 0.001
UNCONFIRMED_AFTER: Final = 4.0
"""Seconds until a frame counts as lost of which nothing is heard."""


class Hub:
    """The broker, as it were."""

    def __init__(self, seed: int = 0, *, delay: float = DELAY, jitter: float = 0.0) -> None:
        self.delay = delay
        self.jitter = jitter
        """Up to so many seconds more for each frame; the order of a pair is kept."""
        self.loss = 0.0
        """Frames that are confirmed and never arrive, of 1."""
        self.doubling = 0.0
        """Frames that arrive twice, of 1."""
        self.disorder = 0.0
        """Frames that are overtaken by those behind them, of 1."""
        self.slow: set[str] = set()
        """Nodes that take nothing just now: what is sent there is refused for the moment."""
        self._random = random.Random(seed)  # noqa: S311 - faults to order, not secrets
        self.unplugged: set[str] = set()
        """Nodes whose cable is out, so to speak: nothing comes and goes, nothing is confirmed, and nobody is told."""
        self._ends: dict[Endpoint, MemoryNetwork] = {}
        self._speakers: dict[Endpoint, MemoryNetwork] = {}
        """Ends that do not listen."""
        self._cuts: set[tuple[str, str]] = set()
        self._last_due: dict[tuple[str, str], float] = {}
        self._away: dict[str, MemoryNetwork] = {}

    def network(self, *, listens: bool = True) -> MemoryNetwork:
        """The end of one node; one that does not listen can only publish."""
        return MemoryNetwork(self, listens=listens)

    # Faults

    def cut(self, one: str, other: str, *, one_way: bool = False) -> None:
        """From now on nothing that one sends the other arrives, and unless `one_way` the reverse; both think it did."""
        self._cuts.update({(one, other)} if one_way else {(one, other), (other, one)})

    def heal(self, one: str, other: str) -> None:
        self._cuts -= {(one, other), (other, one)}

    def disconnect(self, node: str) -> None:
        """The connection of this node breaks; what it has published may or may not have arrived."""
        end = self._of(node)
        if end is not None:
            self.leave(end)
            self._away[node] = end
            end.lose("connection lost")

    def reconnect(self, node: str) -> None:
        """A node that was disconnected finds its way back."""
        self._away.pop(node).connect()

    def tap(self, node: str, tell: Callable[[bytes], None]) -> MemoryNetwork:
        """Be told of every frame that this node receives from now on; its end takes more by `take`."""
        end = self._of(node)
        if end is None:
            raise ValueError(f"no node {node!r} is connected")
        end.tell = tell
        return end

    def kill(self, node: str) -> None:
        """The node is dead: nothing of it is heard again, and nothing is told to it."""
        end = self._of(node)
        if end is not None:
            self.leave(end)
            end.dead = True

    def announce_gone(self, endpoint: Endpoint) -> None:
        """Tell all nodes that this one receives no more, as a broker's own events do."""
        for end in list(self._ends.values()):
            end.node.after(self.delay, end.tell_gone, endpoint)

    def enter(self, end: MemoryNetwork) -> None:
        self._place(end)[end.endpoint] = end

    def leave(self, end: MemoryNetwork) -> None:
        place = self._place(end)
        if place.get(end.endpoint) is end:
            del place[end.endpoint]

    def _place(self, end: MemoryNetwork) -> dict[Endpoint, MemoryNetwork]:
        return self._ends if end.listens else self._speakers

    def _of(self, node: str) -> MemoryNetwork | None:
        ends = [*self._ends.items(), *self._speakers.items()]
        return next((end for endpoint, end in ends if endpoint.node == node), None)

    # Frames

    def carry(self, sender: MemoryNetwork, to: Endpoint, data: bytes) -> Outcome:
        """What becomes of a frame that has arrived at the hub."""
        receiver = self._ends.get(to)
        if receiver is None:
            return Outcome.RETURNED
        if to.node in self.slow:
            return Outcome.REFUSED
        self._deliver(sender, receiver, data)
        return Outcome.CONFIRMED

    def carry_to_all(self, sender: MemoryNetwork, data: bytes) -> None:
        for receiver in list(self._ends.values()):
            self._deliver(sender, receiver, data)

    def _deliver(self, sender: MemoryNetwork, receiver: MemoryNetwork, data: bytes) -> None:
        pair = (sender.endpoint.node, receiver.endpoint.node)
        if pair in self._cuts or self.unplugged.intersection(pair) or self._random.random() < self.loss:
            return
        for _ in range(1 + (self._random.random() < self.doubling)):
            now = receiver.node.clock.now()
            due = now + self.delay + self.jitter * self._random.random()
            if self._random.random() < self.disorder:
                due += 3 * (self.delay + self.jitter)
            else:
                due = max(due, self._last_due.get(pair, 0.0))
                self._last_due[pair] = due
            receiver.node.after(due - now, receiver.take, data)


class MemoryNetwork:
    """One node's end of a Hub."""

    def __init__(self, hub: Hub, *, listens: bool = True) -> None:
        self.listens = listens
        self.node: Node
        self.endpoint: Endpoint
        self.dead = False
        self.tell: Callable[[bytes], None] | None = None
        self._hub = hub
        self._receiver: Receiver
        self._connected = 0
        """The number of this connection, 0 while there is none."""
        self._connections = 0

    async def open(self, node: Node, endpoint: Endpoint, receiver: Receiver) -> None:
        self.node, self.endpoint, self._receiver = node, endpoint, receiver
        node.after(CONNECT_DELAY, self.connect)

    def connect(self, _: Any = None) -> None:
        """Connect (again)."""
        if not self.dead and not self._connected:
            self._connections += 1
            self._connected = self._connections
            self._hub.enter(self)
            self._receiver.network_up()

    async def close(self) -> None:
        self._hub.leave(self)
        self._connected = 0

    def lose(self, reason: str) -> None:
        self._connected = 0
        self._receiver.network_down(reason)

    def publish(self, to: Endpoint, make: Callable[[], bytes | None], done: Callable[[Outcome], None]) -> None:
        connection = self._connected

        def at_hub(data: bytes) -> None:
            if self.endpoint.node in self._hub.unplugged:
                self.node.after(UNCONFIRMED_AFTER, self._tell, (done, Outcome.FAILED))
                return
            alive = connection and connection == self._connected
            outcome = self._hub.carry(self, to, data) if alive else Outcome.FAILED
            self.node.after(self._hub.delay, self._tell, (done, outcome))

        def end_of_turn() -> None:
            if not self.dead and (data := make()) is not None:
                self.node.after(self._hub.delay, at_hub, data)

        self.node.loop.call_soon(end_of_turn)

    def _tell(self, what: tuple[Callable[[Outcome], None], Outcome]) -> None:
        done, outcome = what
        if not self.dead:
            done(outcome)

    def announce(self, data: bytes) -> None:
        if self._connected:
            self._hub.carry_to_all(self, data)

    def take(self, data: bytes) -> None:
        if self._connected and not self.dead:
            if self.tell is not None:
                self.tell(data)
            self._receiver.received(data)

    def tell_gone(self, endpoint: Endpoint) -> None:
        if self._connected and not self.dead:
            self._receiver.endpoint_gone(endpoint)
