"""What carries frames between nodes: AMQP (amqp.py), or memory, for tests (memory.py).

A network promises little: a frame that is published arrives at most once, those from one node to another in their order
unless they are published at the same time, and for each the publisher hears an Outcome within a bound.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from mirliton.runtime.transport.frames import Endpoint

if TYPE_CHECKING:
    from mirliton.runtime.node import Node


class Outcome(Enum):
    """What became of a published frame."""

    CONFIRMED = "confirmed"
    """The network has it. That is not yet the receiver."""
    RETURNED = "returned"
    """Nobody is there to receive it: the other node is gone."""
    REFUSED = "refused"
    """Too much waits for the receiver: it has not been taken, and may be published again."""
    FAILED = "failed"
    """Nobody knows."""


class Receiver(Protocol):
    """Who is told what the network brings. Nothing of it waits, or raises."""

    def network_up(self) -> None:
        """Frames can be published from now on, and come."""

    def network_down(self, reason: str) -> None:
        """Nothing comes and goes any more; what was under way may be lost."""

    def part_up(self) -> None:
        """Of a network of several parts (zones.py): one that was away is there again."""

    def part_down(self, leads_to: Callable[[Endpoint], bool]) -> None:
        """One part, which leads to these, is away; the others go on."""

    def received(self, data: bytes) -> None:
        """A frame, or what somebody says is one."""

    def endpoint_gone(self, endpoint: Endpoint) -> None:
        """The network knows that this one receives no more."""


class Network(Protocol):
    """One node's end of a network."""

    async def open(self, node: Node, endpoint: Endpoint, receiver: Receiver) -> None:
        """Begin to connect, and keep at it; `receiver` hears when it has come to something."""

    async def close(self) -> None:
        """Disconnect, within a bound."""

    def publish(self, to: Endpoint, make: Callable[[], bytes | None], done: Callable[[Outcome], None]) -> None:
        """Send one node the frame that `make` makes at the end of this turn of the loop; None is nothing to send.

        `done` is called once, later, also when the network is or goes down; not where there was nothing to send.
        """

    def announce(self, data: bytes) -> None:
        """Send a frame to all nodes that are there."""
