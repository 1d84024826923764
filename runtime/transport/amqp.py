"""Frames over RabbitMQ, with aio-pika.

Each start of a node has a queue of its own name: not durable, deleted with its consumer, expiring by itself, and not
exclusive (after a half-open failure an exclusive queue holds up the whole connection until the broker notices). A
frame to one node is published to its queue as mandatory and confirmed: it comes back when that queue is gone.
Announcements go through a fanout exchange that all node queues are bound to, the sender's own as well: one whose
announcements do not come back is deaf, and connects anew. Where the broker has the plugin rabbitmq_event_exchange (in
the same virtual host), the end of a queue is heard at once; otherwise with the next frame that goes there.

A queue that holds `queue_bytes` refuses more: then the sender waits, and what waits there has a bound too (lane.py).

The queue is deleted with the connection, and what was in it lost; so a connection that breaks is not mended but made
anew, and all sessions begin again. Of aio-pika's robust connection, which keeps queues and consumers, nothing is left
to use; it also forgets its callbacks for returned messages when a channel is opened again (10.2.1).
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection
from aiormq.abc import DeliveredMessage
from aiormq.channel import Channel as BareChannel
from aiormq.exceptions import AMQPError
from yarl import URL

from mirliton.runtime.transport.broker import BROKEN, disconnect, published
from mirliton.runtime.transport.frames import Endpoint
from mirliton.runtime.transport.network import Outcome, Receiver

if TYPE_CHECKING:
    from mirliton.runtime.node import Node

EVENTS: Final = "amq.rabbitmq.event"
QUEUE_DELETED: Final = "queue.deleted"
QUEUE_NAME: Final = re.compile(r"[a-zA-Z0-9-_.:@#,/+ ]{1,255}")
"""Of which the client library lets a name consist."""
DEAF_AFTER: Final = 3
"""Announcements of one's own that do not come back."""


class AmqpNetwork:
    """One node's connection to RabbitMQ; give it to a Distribution.

    `url` is amqp:// or, with TLS, amqps:// (aio-pika reads its options: cafile, certfile, keyfile …; or give an
    `ssl_context`). Of several, nodes of one broker, the next is tried when one cannot be reached, or is lost. All
    durations are seconds: `connect_timeout` for connecting with all that belongs to it, `publish_timeout` until a frame
    that is not confirmed counts as lost, `pause` between two attempts to connect, `heartbeat` of AMQP itself,
    `expires` of a queue that nobody consumes. One that does not listen (`listens`) has no queue, and only publishes: it
    is for the broker of another zone (zones.py).
    """

    def __init__(
        self,
        url: str | Sequence[str],
        *,
        prefix: str = "mirliton.node",
        connect_timeout: float = 5.0,
        publish_timeout: float = 4.0,
        pause: float = 1.0,
        heartbeat: int = 5,
        expires: float = 10.0,
        queue_bytes: int = 16 * 1024 * 1024,
        ssl_context: ssl.SSLContext | None = None,
        listens: bool = True,
    ) -> None:
        self._listens = listens
        self._urls = [_parsed(each, heartbeat) for each in ([url] if isinstance(url, str) else url)]
        if not self._urls:
            raise ValueError("a broker needs one URL at least")
        self._tries = 0
        self._prefix = prefix
        self._connect_timeout = connect_timeout
        self._publish_timeout = publish_timeout
        self._pause = pause
        self._arguments: dict[str, Any] = {
            "x-expires": round(expires * 1000),
            "x-max-length-bytes": queue_bytes,
            "x-overflow": "reject-publish",
        }
        self._ssl = ssl_context
        self._node: Node
        self._receiver: Receiver
        self._queue: str
        self._task: asyncio.Task[None] | None = None
        self._publishing: set[asyncio.Task[None]] = set()
        self._channel: BareChannel | None = None
        """While connected."""
        self._broken: asyncio.Future[str] | None = None
        self._unanswered = 0

    async def open(self, node: Node, endpoint: Endpoint, receiver: Receiver) -> None:
        self._node, self._receiver = node, receiver
        self._queue = self._name(endpoint)
        if not QUEUE_NAME.fullmatch(self._queue):
            raise ValueError(f"no queue can be called after the node {node.name!r}: letters, digits and -_.:@#,/+ only")
        self._task = node.loop.create_task(self._run())

    async def close(self) -> None:
        if self._publishing and self._channel is not None:
            await asyncio.wait(list(self._publishing), timeout=self._publish_timeout)  # a goodbye among them
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task], timeout=self._connect_timeout)
            self._task = None

    @property
    def _url(self) -> URL:
        return self._urls[self._tries % len(self._urls)]

    def publish(self, to: Endpoint, make: Callable[[], bytes | None], done: Callable[[Outcome], None]) -> None:
        self._begin(self._publish(self._channel, self._name(to), make, done))

    def announce(self, data: bytes) -> None:
        self._unanswered += self._listens
        if self._unanswered > DEAF_AFTER:
            self._break("deaf")
        self._begin(self._announce(self._channel, data))

    # One frame

    def _begin(self, publishing: Any) -> None:
        # Its own Task: who publishes does not wait, and must not be cancelled when aio-pika cancels what is in flight.
        task = self._node.loop.create_task(publishing)
        self._publishing.add(task)
        task.add_done_callback(self._publishing.discard)

    async def _publish(
        self,
        channel: BareChannel | None,
        queue: str,
        make: Callable[[], bytes | None],
        done: Callable[[Outcome], None],
    ) -> None:
        data = make()
        if data is None:
            return
        if channel is None:
            done(Outcome.FAILED)
        else:
            done(await published(self._node, channel, queue, data, self._publish_timeout))

    async def _announce(self, channel: BareChannel | None, data: bytes) -> None:
        if channel is None:
            return
        try:
            await channel.basic_publish(data, exchange=self._fanout, timeout=self._publish_timeout)
        except BROKEN as error:
            self._node.log.debug("announcement_failed", error=repr(error))

    async def _delivered(self, message: DeliveredMessage) -> None:
        if message.exchange == EVENTS:
            self._event(message)
            return
        self._unanswered = 0
        self._receiver.received(message.body)

    def _event(self, message: DeliveredMessage) -> None:
        name = (message.header.properties.headers or {}).get("name")
        text = name.decode(errors="replace") if isinstance(name, bytes) else str(name)
        endpoint = self._endpoint(text)
        if endpoint is not None:
            self._receiver.endpoint_gone(endpoint)

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
                    self._channel = await self._set_up(connection)
                self._unanswered = 0
                log.info("network_up", broker=str(self._url.with_password(None).with_query(None)))
                self._receiver.network_up()
                reason = await self._broken
            except BROKEN as error:
                if self._task is not None and self._task.cancelling():
                    raise
                log.warning("broker_unreachable", error=repr(error), again_in=self._pause)
            finally:
                was_up, self._channel = self._channel is not None, None
                await disconnect(self._node, connection, self._connect_timeout)
            self._tries += 1
            if was_up:
                self._receiver.network_down(reason)
            await asyncio.sleep(self._pause)

    async def _connect(self) -> AbstractConnection:
        connection = await aio_pika.connect(
            self._url, ssl_context=self._ssl, client_properties={"connection_name": self._queue}
        )
        connection.close_callbacks.add(lambda _, error: self._break(f"closed: {error!r}"))
        return connection

    async def _set_up(self, connection: AbstractConnection) -> BareChannel:
        has_events = self._listens and await self._has_events(connection)
        channel: AbstractChannel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        channel.close_callbacks.add(lambda _, error: self._break(f"channel closed: {error!r}"))
        fanout = await channel.declare_exchange(self._fanout, aio_pika.ExchangeType.FANOUT, auto_delete=True)
        bare = await channel.get_underlay_channel()
        assert isinstance(bare, BareChannel)
        if not self._listens:
            return bare
        queue = await channel.declare_queue(self._queue, auto_delete=True, arguments=self._arguments)
        await queue.bind(fanout)
        if has_events:
            await queue.bind(EVENTS, QUEUE_DELETED)
        # aio-pika's own Message objects would cost more than the whole rest of a frame.
        await bare.basic_consume(self._queue, self._delivered, no_ack=True)
        return bare

    async def _has_events(self, connection: AbstractConnection) -> bool:
        """Whether the broker tells of queues that are deleted. Asking costs the channel where it does not."""
        channel: AbstractChannel = await connection.channel()
        try:
            await channel.get_exchange(EVENTS, ensure=True)
        except AMQPError:
            return False
        await channel.close()
        return True

    def _break(self, reason: str) -> None:
        if self._broken is not None and not self._broken.done():
            self._broken.set_result(reason)

    # Names

    @property
    def _fanout(self) -> str:
        return f"{self._prefix}s"

    def _name(self, endpoint: Endpoint) -> str:
        return f"{self._prefix}.{endpoint}"

    def _endpoint(self, queue: str) -> Endpoint | None:
        """Whose queue it is; None for one that is no node's."""
        if not queue.startswith(f"{self._prefix}."):
            return None
        node, _, incarnation = queue.removeprefix(f"{self._prefix}.").rpartition(".")
        try:
            return Endpoint(node, int(incarnation, 16))
        except ValueError:
            return None


def _parsed(url: str, heartbeat: int) -> URL:
    parsed = URL(url)
    if parsed.scheme not in ("amqp", "amqps"):
        raise ValueError(f"a broker's URL begins with amqp:// or amqps://, not with {parsed.scheme}://")
    return parsed if "heartbeat" in parsed.query else parsed.update_query(heartbeat=str(heartbeat))
