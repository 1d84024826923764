"""Shards in memory: those of a node that is alone, and of several nodes in virtual time, with what can go wrong.

    hub = ShardHub(16)
    shards = hub.shards()          # of one node; one process alone needs nothing else
    hub.kill("a@host")             # its queue places are another's at once; it is told nothing
    hub.cut("a@host")              # nothing goes to and fro; the broker has not noticed
    hub.lose("a@host")             # the broker notices now: its places are another's; it is told nothing
    hub.heal("a@host")             # it connects anew

It does with deliveries what was observed of RabbitMQ: one consumer of a queue is active, the next in line follows; what
is not acknowledged comes back at the head of the queue, in its order, and is marked.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from mirliton.runtime.transport.network import Outcome
from mirliton.supervisors.entities.shards import Delivery, Letter, ShardReceiver, Told, letter_id
from mirliton.supervisors.entities.waiting import pause

if TYPE_CHECKING:
    from mirliton.runtime.node import Node

PREFETCH: Final = 8
LONGEST: Final = 10_000
"""Messages in one queue."""


class _Queue:
    def __init__(self) -> None:
        self.waiting: deque[tuple[bytes, bool]] = deque()
        self.line: list[MemoryShards] = []
        self.unacked: OrderedDict[int, bytes] = OrderedDict()
        """Of the first in line."""


class ShardHub:
    """The broker, as it were. `delay` in seconds, each way."""

    def __init__(self, count: int, *, delay: float = 0.0) -> None:
        self.count = count
        self.delay = delay
        self.dead: list[bytes] = []
        """What was set aside."""
        self._queues = [_Queue() for _ in range(count)]
        self._tags = itertools.count(1)
        self._ends: dict[str, MemoryShards] = {}

    def shards(self) -> MemoryShards:
        """The end of one node."""
        return MemoryShards(self)

    def waiting(self) -> int:
        """Messages that are not acknowledged."""
        return sum(len(queue.waiting) + len(queue.unacked) for queue in self._queues)

    def line(self, shard: int) -> list[str]:
        """Who stands in line for a shard, the owner first."""
        return [end.node.name for end in self._queues[shard].line]

    # Faults

    def kill(self, node: str) -> None:
        """As kill -9."""
        end = self._ends.pop(node, None)
        if end is not None:
            end.dead = True
            self.drop(end)

    def cut(self, node: str) -> None:
        """Nothing goes through any more between this node and the broker."""
        self._ends[node].is_cut = True

    def lose(self, node: str) -> None:
        """The broker gives the connection of a node up."""
        if node in self._ends:
            self.lose_end(self._ends[node])

    def lose_end(self, end: MemoryShards) -> None:
        """`lose` for one of a node that may have been started anew."""
        end.is_lost = True
        self.drop(end)

    def end(self, node: str) -> MemoryShards | None:
        """That of a node, while it is connected."""
        return self._ends.get(node)

    def heal(self, node: str) -> None:
        """The way is free again. The connection is broken: the broker has given it up, or something was lost on it."""
        end = self._ends.get(node)
        if end is not None and (end.is_cut or end.is_lost):
            end.is_cut = False
            end.reset("lost")

    # What ends ask

    def enter(self, end: MemoryShards) -> None:
        self._ends[end.node.name] = end

    def drop(self, end: MemoryShards) -> None:
        """Everything that an end has joined is left."""
        for shard in range(self.count):
            self.leave(end, shard)

    def join(self, end: MemoryShards, shard: int) -> None:
        queue = self._queues[shard]
        if end not in queue.line:
            queue.line.append(end)
            self._push(shard)

    def leave(self, end: MemoryShards, shard: int) -> None:
        queue = self._queues[shard]
        if end not in queue.line:
            return
        if queue.line[0] is end:
            queue.waiting.extendleft((body, True) for body in reversed(queue.unacked.values()))
            queue.unacked.clear()
        queue.line.remove(end)
        self._push(shard)

    def publish(self, shard: int, body: bytes) -> Outcome:
        queue = self._queues[shard]
        if len(queue.waiting) >= LONGEST:
            return Outcome.REFUSED
        queue.waiting.append((body, False))
        self._push(shard)
        return Outcome.CONFIRMED

    def ack(self, end: MemoryShards, shard: int, tag: int, multiple: bool) -> None:
        queue = self._queues[shard]
        if not queue.line or queue.line[0] is not end:
            return
        if multiple:
            while queue.unacked and next(iter(queue.unacked)) <= tag:
                queue.unacked.popitem(last=False)
        else:
            queue.unacked.pop(tag, None)
        self._push(shard)

    def _push(self, shard: int) -> None:
        queue = self._queues[shard]
        while queue.line and queue.waiting and len(queue.unacked) < PREFETCH:
            body, redelivered = queue.waiting.popleft()
            tag = next(self._tags)
            queue.unacked[tag] = body
            queue.line[0].deliver(shard, Delivery(tag, body, redelivered))


class MemoryShards:
    """One node's end of a ShardHub: see Shards."""

    def __init__(self, hub: ShardHub) -> None:
        self.count = hub.count
        self.refused = 0
        self.node: Node
        self.dead = False
        self.is_cut = False
        self.is_lost = False
        self._hub = hub
        self._receiver: ShardReceiver
        self._connection = 0
        """Its number, 0 while there is none."""
        self._connections = 0
        self._joined: dict[int, int] = {}
        """The channel of each shard that is joined: what comes on another is of one that is closed."""
        self._channels = 0

    async def open(self, node: Node, receiver: ShardReceiver) -> None:
        self.node, self._receiver = node, receiver
        self._later(self._connect)

    def _connect(self) -> None:
        if self.dead or self._connection:
            return
        if self.is_cut:
            self.node.after(0.5, lambda _: self._connect())
            return
        self._connections += 1
        self._connection = self._connections
        self.is_lost = False
        self._hub.drop(self)  # of the connection before, should the hub not have noticed its end
        self._hub.enter(self)
        self._receiver.shards_up()

    async def close(self) -> None:
        self._connection = 0
        self._hub.drop(self)
        self.dead = True

    def reset(self, reason: str) -> None:
        was, self._connection = self._connection, 0
        self._joined.clear()
        if not self.is_cut and not self.is_lost:
            self._hub.drop(self)
        if was:
            self._receiver.shards_down(reason)
        self._later(self._connect)

    def join(self, shard: int) -> None:
        if self._connection and shard not in self._joined:
            self._channels += 1
            self._joined[shard] = self._channels
            self._tell(lambda: self._hub.join(self, shard))

    def joined(self, shard: int) -> bool:
        return shard in self._joined

    async def leave(self, shard: int) -> None:
        if self._joined.pop(shard, None) is None:
            return
        self._tell(lambda: self._hub.leave(self, shard))
        await pause(self.node, 2 * self._hub.delay)

    def ack(self, shard: int, tag: int, *, multiple: bool = False) -> None:
        self._tell(lambda: self._hub.ack(self, shard, tag, multiple))

    def publish(self, shard: int, body: bytes, told: Told) -> None:
        self._ask(lambda: self._hub.publish(shard, body), told)

    def probe(self) -> None:
        asked_at = self.node.clock.now()
        self._ask(
            lambda: Outcome.CONFIRMED,
            lambda outcome: self._receiver.confirmed(asked_at) if outcome is Outcome.CONFIRMED else None,
        )

    def set_aside(self, body: bytes, told: Told) -> None:
        def put() -> Outcome:
            self._hub.dead.append(body)
            return Outcome.CONFIRMED

        self._ask(put, told)

    async def letters(self, most: int, take: Callable[[Letter], bool]) -> Sequence[Letter]:
        looked = [Letter(tag, body, letter_id(body)) for tag, body in enumerate(self._hub.dead[:most])]
        gone = {letter.tag for letter in looked if take(letter)}
        self._hub.dead[:most] = [letter.body for letter in looked if letter.tag not in gone]
        return looked

    async def letter_count(self) -> int:
        return len(self._hub.dead)

    # The way to the hub and back, on this node's time

    def _later(self, act: Callable[[], Any]) -> None:
        self.node.after(self._hub.delay, lambda _: None if self.dead else act())

    def _tell(self, act: Callable[[], Any]) -> None:
        connection = self._connection
        if connection:
            self._later(lambda: act() if self._carries(connection) else None)

    def _carries(self, connection: int) -> bool:
        return connection == self._connection and not self.is_cut and not self.is_lost

    def _ask(self, act: Callable[[], Outcome], told: Told) -> None:
        connection = self._connection

        def there() -> None:
            outcome = act() if connection and self._carries(connection) else Outcome.FAILED
            self._later(lambda: told(outcome if not connection or self._carries(connection) else Outcome.FAILED))

        self._later(there)

    def deliver(self, shard: int, delivery: Delivery) -> None:
        """Something comes from the hub."""
        connection, channel = self._connection, self._joined.get(shard)

        def arrive() -> None:
            if self._carries(connection) and channel is not None and channel == self._joined.get(shard):
                self._receiver.delivered(shard, delivery)

        self._later(arrive)
