"""Shards on RabbitMQ: a durable quorum queue each, of which one consumer is active.

What was observed of RabbitMQ (3.10.8) and is relied upon: when the channel of the active consumer closes, or its
connection is lost, the consumer that has waited longest is active 2 to 4 ms later, and gets what was not acknowledged
first, in its order, marked as redelivered; a node that is stopped is given up after two to three heartbeats. A cancel
alone makes the next consumer active at once, while ours still works, and it gets the later messages before the earlier
ones: so a shard is left by closing its channel. Each way of leaving counts against the delivery limit of all that was
prefetched, so that limit is a backstop here, and no more.

A connection that breaks is not mended but made anew, as that of nodes is (runtime/transport/amqp.py). The probes for
the lease go to a quorum queue of their own: a broker that is cut off from the others confirms nothing there.
"""

from __future__ import annotations

import asyncio
import itertools
import ssl
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, Final

import aio_pika
from aio_pika.abc import AbstractConnection
from aiormq import spec
from aiormq.abc import DeliveredMessage
from aiormq.channel import Channel as BareChannel
from yarl import URL

from mirliton.runtime.transport import Keyring
from mirliton.runtime.transport.broker import BROKEN, disconnect, published
from mirliton.runtime.transport.network import Outcome
from mirliton.supervisors.entities.errors import EntityFault
from mirliton.supervisors.entities.seal import ANY_SHARD, seal, unseal
from mirliton.supervisors.entities.shards import Delivery, Letter, ShardReceiver, Told, letter_id

if TYPE_CHECKING:
    from mirliton.runtime.node import Node

DELIVERY_LIMIT: Final = 100
"""Handovers that a message may see before the broker itself sets it aside. By then its entity would have been blamed,
if it were at fault."""
LOOKS: Final = 1_000_000
"""Times a dead letter may be looked at: each counts as a delivery."""
JOIN_PAUSE: Final = 1.0
"""Seconds before a shard that could not be joined, or was taken away, is reported."""


class AmqpShards:
    """One node's connection to RabbitMQ for its entities; give it to Entities.

    `url`, one or several, and `ssl_context` as for AmqpNetwork; `count` shards, the same on all nodes and for ever.
    The queue of a shard holds `longest` messages (each of up to Options.batch), more are refused. All durations are
    seconds: `connect_timeout` for connecting with all that belongs to it, `publish_timeout` until a publish that is not
    confirmed counts as lost, `pause` between two attempts to connect, `heartbeat` of AMQP itself, which must be longer
    than the lease.
    """

    def __init__(
        self,
        url: str | Sequence[str],
        keys: Keyring,
        *,
        count: int = 64,
        prefix: str = "mirliton.entities",
        prefetch: int = 8,
        longest: int = 10_000,
        connect_timeout: float = 30.0,
        publish_timeout: float = 4.0,
        pause: float = 1.0,
        heartbeat: int = 5,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._urls = [_parsed(each, heartbeat) for each in ([url] if isinstance(url, str) else url)]
        if not self._urls:
            raise ValueError("a broker needs one URL at least")
        if not 1 <= count <= 4096:
            raise ValueError(f"there are 1 to 4096 shards, not {count}")
        self.count = count
        self.refused = 0
        """Messages that nobody with a key of ours has made."""
        self._keys = keys
        self._tries = 0
        self._prefix = prefix
        self._prefetch = prefetch
        self._longest = longest
        self._connect_timeout = connect_timeout
        self._publish_timeout = publish_timeout
        self._pause = pause
        self._ssl = ssl_context
        self._node: Node
        self._receiver: ShardReceiver
        self._task: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._connection: AbstractConnection | None = None
        self._publisher: BareChannel | None = None
        """While connected."""
        self._broken: asyncio.Future[str] | None = None
        self._channels: dict[int, BareChannel] = {}
        """Of the shards that are joined."""
        self._joining: set[int] = set()
        self._numbers = itertools.count(1)

    async def open(self, node: Node, receiver: ShardReceiver) -> None:
        self._node, self._receiver = node, receiver
        self._task = node.loop.create_task(self._run())

    async def close(self) -> None:
        if self._tasks:
            await asyncio.wait(list(self._tasks), timeout=self._publish_timeout)  # acknowledgements among them
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task], timeout=self._connect_timeout)
            self._task = None

    def reset(self, reason: str) -> None:
        self._channels.clear()
        self._break(reason)

    # One shard

    def join(self, shard: int) -> None:
        connection = self._connection
        if connection is not None and shard not in self._channels and shard not in self._joining:
            self._joining.add(shard)
            self._begin(self._join(connection, shard))

    async def _join(self, connection: AbstractConnection, shard: int) -> None:
        try:
            async with asyncio.timeout(self._connect_timeout):
                channel = await self._channel(connection)
                await channel.basic_qos(prefetch_count=self._prefetch)
                channel.on_consumer_cancel_callbacks.add(
                    lambda *_: self._begin(self._lost(shard, channel, "cancelled"))
                )
                channel.closing.add_done_callback(lambda _: self._begin(self._lost(shard, channel, "closed")))
                if connection is self._connection:
                    self._channels[shard] = channel
                await channel.basic_consume(
                    self._queue(shard), lambda message: self._delivered(shard, channel, message)
                )
        except BROKEN as error:
            self._node.log.warning("shard_not_joined", shard=shard, error=repr(error))
            await asyncio.sleep(JOIN_PAUSE)
            if connection is self._connection:
                self._channels.pop(shard, None)
                self._joining.discard(shard)
                self._receiver.left(shard, "not joined")
            return
        finally:
            if connection is self._connection:
                self._joining.discard(shard)

    async def _lost(self, shard: int, channel: BareChannel, reason: str) -> None:
        """The broker has taken a shard away, its queue being deleted, say."""
        if self._channels.get(shard) is not channel or self._publisher is None:
            return
        del self._channels[shard]
        self._node.log.warning("shard_taken_away", shard=shard, reason=reason)
        await self._close(channel)
        self._receiver.left(shard, reason)

    def joined(self, shard: int) -> bool:
        return shard in self._channels and shard not in self._joining

    async def leave(self, shard: int) -> None:
        channel = self._channels.pop(shard, None)
        if channel is not None:
            await self._close(channel)

    async def _close(self, channel: BareChannel) -> None:
        try:
            async with asyncio.timeout(self._publish_timeout):
                await channel.close()
        except BROKEN as error:
            if self._publisher is not None:
                # As long as it is not closed the shard is ours, and nobody's.
                self._break(f"a channel did not close: {error!r}")

    async def _delivered(self, shard: int, channel: BareChannel, message: DeliveredMessage) -> None:
        if self._channels.get(shard) is not channel:
            return
        delivery = message.delivery
        assert isinstance(delivery, spec.Basic.Deliver)
        assert delivery.delivery_tag is not None
        read = unseal(self._keys, message.body)
        if read is None or read[0] != shard:
            self.refused += 1
            self._node.log.warning("shard_message_refused", shard=shard, size=len(message.body))
            self.ack(shard, delivery.delivery_tag)
            return
        self._receiver.delivered(shard, Delivery(delivery.delivery_tag, read[1], bool(delivery.redelivered)))

    def ack(self, shard: int, tag: int, *, multiple: bool = False) -> None:
        channel = self._channels.get(shard)
        if channel is not None:
            self._begin(self._ack(channel, tag, multiple))

    async def _ack(self, channel: BareChannel, tag: int, multiple: bool) -> None:
        try:
            await channel.basic_ack(tag, multiple=multiple, wait=False)
        except BROKEN as error:
            self._node.log.debug("ack_failed", error=repr(error))  # it comes again, and its key is known

    # Publishing

    def publish(self, shard: int, body: bytes, told: Told) -> None:
        self._begin(self._publish(self._queue(shard), seal(self._keys, shard, body), told))

    def set_aside(self, body: bytes, told: Told) -> None:
        self._begin(self._publish(self._dead, seal(self._keys, ANY_SHARD, body), told))

    def probe(self) -> None:
        self._begin(self._publish(self._leases, self._node.name.encode(), lambda _: None))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        # Its own Task: who publishes does not wait, and must not be cancelled when aio-pika cancels what is in flight.
        task = self._node.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _publish(self, queue: str, body: bytes, told: Told) -> None:
        channel, asked_at = self._publisher, self._node.clock.now()
        outcome = Outcome.FAILED
        if channel is not None:
            properties = spec.Basic.Properties(delivery_mode=2, message_id=str(next(self._numbers)))
            outcome = await published(self._node, channel, queue, body, self._publish_timeout, properties)
            if outcome is Outcome.CONFIRMED and channel is self._publisher:
                self._receiver.confirmed(asked_at)
        told(outcome)

    # Dead letters

    async def letters(self, most: int, take: Callable[[Letter], bool]) -> Sequence[Letter]:
        connection = self._connection
        if connection is None:
            raise EntityFault("the broker is away: the dead letters cannot be read")
        looked: list[Letter] = []
        try:
            async with asyncio.timeout(self._connect_timeout):
                channel = await self._channel(connection)
                while len(looked) < most:
                    message = await channel.basic_get(self._dead)
                    tag = getattr(message.delivery, "delivery_tag", None)
                    if tag is None:
                        break
                    # One that the broker itself has set aside is as it was in the queue of its shard.
                    read = unseal(self._keys, message.body)
                    letter = Letter(tag, read[1] if read is not None else b"", letter_id(message.body))
                    looked.append(letter)
                    if take(letter):
                        await channel.basic_ack(tag)
                await channel.close()  # puts back what is not taken
        except BROKEN as error:
            raise EntityFault(f"the dead letters cannot be read: {error!r}") from error
        return looked

    async def letter_count(self) -> int:
        publisher = self._publisher
        if publisher is None:
            raise EntityFault("the broker is away: the dead letters cannot be counted")
        try:
            async with asyncio.timeout(self._publish_timeout):
                declared = await self._declare_dead(publisher)
        except BROKEN as error:
            raise EntityFault(f"the dead letters cannot be counted: {error!r}") from error
        return declared.message_count or 0

    # The connection

    async def _run(self) -> None:
        log = self._node.log
        while True:
            connection: AbstractConnection | None = None
            reason = ""
            try:
                self._broken = self._node.loop.create_future()
                async with asyncio.timeout(self._connect_timeout):
                    connection = await self._connect()
                    publisher = await self._set_up(connection)
                self._connection, self._publisher = connection, publisher
                self._joining.clear()
                log.info("shards_up", broker=str(self._url.with_password(None).with_query(None)))
                self._receiver.shards_up()
                reason = await self._broken
            except BROKEN as error:
                if self._task is not None and self._task.cancelling():
                    raise
                log.warning("shards_unreachable", error=repr(error), again_in=self._pause)
            finally:
                was_up = self._publisher is not None
                self._connection = self._publisher = None
                self._channels.clear()
                if was_up and reason:
                    self._receiver.shards_down(reason)
                await disconnect(self._node, connection, self._publish_timeout)
            self._tries += 1
            await asyncio.sleep(self._pause)

    @property
    def _url(self) -> URL:
        return self._urls[self._tries % len(self._urls)]

    async def _connect(self) -> AbstractConnection:
        connection = await aio_pika.connect(
            self._url, ssl_context=self._ssl, client_properties={"connection_name": f"{self._node.name} entities"}
        )
        connection.close_callbacks.add(lambda _, error: self._break(f"closed: {error!r}"))
        return connection

    async def _set_up(self, connection: AbstractConnection) -> BareChannel:
        publisher = await self._channel(connection, confirms=True)
        publisher.closing.add_done_callback(lambda _: self._break("the publisher's channel is closed"))
        await self._declare_dead(publisher)
        quorum: dict[str, Any] = {"x-queue-type": "quorum"}
        await publisher.queue_declare(self._leases, durable=True, arguments={**quorum, "x-max-length": 1})
        of_a_shard = {
            **quorum,
            "x-single-active-consumer": True,
            "x-delivery-limit": DELIVERY_LIMIT,
            "x-max-length": self._longest,
            "x-overflow": "reject-publish",
            "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": self._dead,
            "x-dead-letter-strategy": "at-least-once",
        }
        for shard in range(self.count):
            await publisher.queue_declare(self._queue(shard), durable=True, arguments=of_a_shard)
        return publisher

    async def _declare_dead(self, channel: BareChannel) -> spec.Queue.DeclareOk:
        arguments: dict[str, Any] = {"x-queue-type": "quorum", "x-delivery-limit": LOOKS}
        return await channel.queue_declare(self._dead, durable=True, arguments=arguments)

    async def _channel(self, connection: AbstractConnection, *, confirms: bool = False) -> BareChannel:
        channel = await connection.channel(publisher_confirms=confirms, on_return_raises=confirms)
        # aio-pika's own objects would cost more than the whole rest of a message.
        bare = await channel.get_underlay_channel()
        assert isinstance(bare, BareChannel)
        return bare

    def _break(self, reason: str) -> None:
        if self._broken is not None and not self._broken.done():
            self._broken.set_result(reason)

    # Names

    @property
    def _dead(self) -> str:
        return f"{self._prefix}.dead"

    @property
    def _leases(self) -> str:
        return f"{self._prefix}.leases"

    def _queue(self, shard: int) -> str:
        return f"{self._prefix}.{self.count}.{shard}"


def _parsed(url: str, heartbeat: int) -> URL:
    parsed = URL(url)
    if parsed.scheme not in ("amqp", "amqps"):
        raise ValueError(f"a broker's URL begins with amqp:// or amqps://, not with {parsed.scheme}://")
    return parsed if "heartbeat" in parsed.query else parsed.update_query(heartbeat=str(heartbeat))
