"""What carries the messages of shards: RabbitMQ (amqp_shards.py), or memory (memory_shards.py).

Each shard has one queue, which any number of nodes have joined; what is in it is delivered to one of them, the same one
until that one leaves, or is lost: then what it has not acknowledged is delivered to another, first and in the order
in which it was there. Nobody is told that it is the one, but by its first delivery.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from mirliton.runtime.transport.network import Outcome

if TYPE_CHECKING:
    from mirliton.runtime.node import Node

Told = Callable[[Outcome], None]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message of a shard's queue. `redelivered`: it was delivered before, and not acknowledged."""

    tag: int
    body: bytes
    redelivered: bool


@dataclass(frozen=True, slots=True)
class Letter:
    """One message that was set aside. `tag` is for who holds it just now; `body` is empty where nobody of this cluster
    has made it. `id` is made of what it is."""

    tag: int
    body: bytes
    id: str


def letter_id(raw: bytes) -> str:
    """What a letter is called."""
    return hashlib.blake2b(raw, digest_size=8).hexdigest()


class ShardReceiver(Protocol):
    """Who is told. Nothing of it waits, or raises."""

    def shards_up(self) -> None:
        """The broker is reached: join."""

    def shards_down(self, reason: str) -> None:
        """The broker is lost, and with it all that was joined."""

    def delivered(self, shard: int, delivery: Delivery) -> None:
        """A message, to be acknowledged."""

    def left(self, shard: int, reason: str) -> None:
        """This one shard is joined no longer, though nobody asked for that."""

    def confirmed(self, asked_at: float) -> None:
        """The broker has answered what was asked of it at this time of the node's clock."""


class Shards(Protocol):
    """One node's end."""

    count: int
    """How many shards there are: the same on all nodes, for ever."""
    refused: int
    """Messages that nobody of this cluster has made."""

    async def open(self, node: Node, receiver: ShardReceiver) -> None:
        """Begin to connect, and keep at it."""

    async def close(self) -> None:
        """Disconnect, within a bound."""

    def reset(self, reason: str) -> None:
        """Drop the connection as it is, and connect anew: whatever was delivered goes to another node."""

    def join(self, shard: int) -> None:
        """Stand in line for a shard; nothing happens to who does already, or while the broker is away."""

    def joined(self, shard: int) -> bool:
        """Whether one stands in line for a shard, as the broker has confirmed."""

    async def leave(self, shard: int) -> None:
        """Leave the line, if one stands in it, within a bound: what is not acknowledged goes to the next in it."""

    def ack(self, shard: int, tag: int, *, multiple: bool = False) -> None:
        """This message, or all up to it, need not be delivered again."""

    def publish(self, shard: int, body: bytes, told: Told) -> None:
        """Put a message into a shard's queue. `told` is called once, later, also when the broker is away."""

    def probe(self) -> None:
        """Have the broker confirm something: `confirmed` tells when it does."""

    def set_aside(self, body: bytes, told: Told) -> None:
        """Put a message into the queue of dead letters."""

    async def letters(self, most: int, take: Callable[[Letter], bool]) -> Sequence[Letter]:
        """The oldest dead letters; those for which `take` says so are gone then. Raises EntityFault."""

    async def letter_count(self) -> int:
        """How many there are. Raises EntityFault."""
