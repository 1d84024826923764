"""The edge's link over RabbitMQ, with aio-pika.

A connection that breaks is not mended but made anew: the queue has gone with it (not durable, deleted with its last
consumer), and aio-pika's robust connection would repair what Kazoo's rules do not keep. Messages go out one after the
other through an outbox with a bound; what is in it when the connection breaks is lost and counted as dropped, as in
Kazoo. The pause between attempts to connect doubles up to a bound, as Kazoo's does. Deliveries are acknowledged when
their owner has taken them, at most `prefetch` at once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Any, Final

import aio_pika
import structlog
from aio_pika.abc import AbstractChannel, AbstractConnection
from aiormq import spec
from aiormq.abc import AbstractChannel as BareChannel
from aiormq.abc import DeliveredMessage
from aiormq.exceptions import AMQPError, PublishError
from yarl import URL

from mirliton.actors.edge.link import Incoming, Outgoing, Owner, Plan
from mirliton.actors.kapi.bodies import CONTENT_TYPE
from mirliton.config import Secret

log = structlog.get_logger()

OUTBOX: Final = 1_000
"""Messages that wait to be written; of more, the newest are dropped."""
BROKEN: Final = (AMQPError, OSError, TimeoutError, RuntimeError, asyncio.CancelledError)
"""What aio-pika raises when a connection goes away under a call; a publish in flight is cancelled."""


class AmqpLink:
    """One connection to a broker. All durations are seconds."""

    def __init__(
        self,
        url: str | Secret,
        *,
        connect_timeout: float = 5.0,
        publish_timeout: float = 4.0,
        pause: float = 1.5,
        longest_pause: float = 5.0,
        heartbeat: int = 5,
        prefetch: int = 50,
        outbox: int = OUTBOX,
    ) -> None:
        """`pause` is between two attempts to connect; with each that fails it doubles, up to `longest_pause`.

        Raises ValueError for what is no broker's URL.
        """
        parsed = URL(url.reveal() if isinstance(url, Secret) else url)
        if parsed.scheme not in ("amqp", "amqps"):
            raise ValueError(f"a broker's URL begins with amqp:// or amqps://, not with {parsed.scheme}://")
        self._url = parsed if "heartbeat" in parsed.query else parsed.update_query(heartbeat=str(heartbeat))
        self._connect_timeout = connect_timeout
        self._publish_timeout = publish_timeout
        self._pause = pause
        self._longest_pause = max(pause, longest_pause)
        self._prefetch = prefetch
        self._bound = outbox
        self.lost = 0
        """Messages that were in the outbox, or in flight, when the connection broke."""
        self._outbox: deque[Outgoing] = deque()
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._broken: asyncio.Future[str] | None = None
        self.connected = False
        self._owner: Owner
        self._plan: Plan

    @property
    def broker(self) -> str:
        return f"{self._url.host}:{self._url.port or 5672}{self._url.path.rstrip('/')}"

    def open(self, owner: Owner, plan: Plan) -> None:
        self._owner, self._plan = owner, plan
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"edge {plan.queue}")

    def publish(self, outgoing: Outgoing) -> bool:
        if not self.connected or len(self._outbox) >= self._bound:
            return False
        self._outbox.append(outgoing)
        self._news.set()
        return True

    def close(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def gone(self) -> None:
        if self._task is not None:
            await asyncio.wait([self._task], timeout=self._connect_timeout)

    # The connection

    async def _run(self) -> None:
        here = asyncio.current_task()
        assert here is not None
        pause = self._pause
        while True:
            connection: AbstractConnection | None = None
            broken = self._broken = asyncio.get_running_loop().create_future()
            try:
                async with asyncio.timeout(self._connect_timeout):
                    connection = await self._connect()
                    channels = await self._set_up(connection)
                self.connected, pause = True, self._pause
                self._owner.opened()
                await self._write(broken, *channels)
            except BROKEN as error:
                if here.cancelling():
                    raise
                if not self.connected:
                    log.warning("edge.broker_unreachable", broker=self.broker, error=repr(error), again_in=pause)
                self._break(repr(error))
            finally:
                was_connected, self.connected = self.connected, False
                self.lost += len(self._outbox)
                self._outbox.clear()
                await self._disconnect(connection)
            if was_connected:
                self._owner.closed(broken.result())
            await asyncio.sleep(pause)
            pause = min(2 * pause, self._longest_pause)

    async def _connect(self) -> AbstractConnection:
        connection = await aio_pika.connect(self._url, client_properties={"connection_name": self._plan.queue})
        connection.close_callbacks.add(lambda _, error: self._break(f"closed: {error!r}"))
        return connection

    async def _set_up(self, connection: AbstractConnection) -> tuple[BareChannel, BareChannel]:
        """Declare, bind and listen; what a broker refuses (another form of an exchange) breaks the connection.

        A channel for listening and for what need not come back, and one for what must.
        """
        channel = await connection.channel(publisher_confirms=False)
        confirming = await connection.channel(publisher_confirms=True, on_return_raises=True)
        for one in (channel, confirming):
            one.close_callbacks.add(lambda _, error: self._break(f"channel closed: {error!r}"))
        await channel.set_qos(prefetch_count=self._prefetch)
        for exchange, kind in self._plan.exchanges.items():
            await channel.declare_exchange(exchange, kind, durable=False, auto_delete=False)
        bare = await channel.get_underlay_channel()
        own = (("targeted", self._plan.queue), *self._plan.bindings)
        await self._listen(channel, bare, self._plan.queue, own)
        if self._plan.shared is not None:
            await self._listen(channel, bare, self._plan.shared.name, self._plan.shared.bindings)
        return bare, await confirming.get_underlay_channel()

    async def _listen(
        self, channel: AbstractChannel, bare: BareChannel, name: str, bindings: Iterable[tuple[str, str]]
    ) -> None:
        arguments: dict[str, Any] = {
            "x-max-length": self._plan.length,
            "x-message-ttl": round(self._plan.ttl * 1000),
            "x-expires": round(self._plan.ttl * 1000),
        }
        queue = await channel.declare_queue(name, auto_delete=True, arguments=arguments)
        for exchange, key in bindings:
            await queue.bind(exchange, key)
        await bare.basic_consume(name, self._delivered)

    async def _delivered(self, message: DeliveredMessage) -> None:
        properties = message.header.properties
        incoming = Incoming(
            body=message.body,
            exchange=message.exchange or "",
            routing_key=message.routing_key or "",
            headers={name: _text(value) for name, value in (properties.headers or {}).items()},
            content_type=properties.content_type,
            content_encoding=properties.content_encoding,
        )
        try:
            self._owner.arrived(incoming)
        except Exception as error:
            log.exception("edge.delivery_failed", exchange=incoming.exchange, error=repr(error))
        if message.delivery_tag is not None:
            await message.channel.basic_ack(message.delivery_tag)

    # What goes out

    async def _write(self, broken: asyncio.Future[str], channel: BareChannel, confirming: BareChannel) -> None:
        """Publish what is in the outbox, until the connection breaks. Only what must come back waits for the broker."""
        broken.add_done_callback(lambda _: self._news.set())
        while not broken.done():
            if not self._outbox:
                self._news.clear()
                await self._news.wait()
                continue
            await self._publish(channel, confirming, self._outbox.popleft())

    async def _publish(self, channel: BareChannel, confirming: BareChannel, outgoing: Outgoing) -> None:
        properties = spec.Basic.Properties(
            content_type=CONTENT_TYPE, delivery_mode=1, headers=dict(outgoing.headers) or None
        )
        try:
            await (confirming if outgoing.mandatory else channel).basic_publish(
                outgoing.body,
                exchange=outgoing.exchange,
                routing_key=outgoing.routing_key,
                properties=properties,
                mandatory=outgoing.mandatory,
                timeout=self._publish_timeout,
            )
        except PublishError:
            self._owner.returned(outgoing)
        except BROKEN:
            self.lost += 1
            raise

    async def _disconnect(self, connection: AbstractConnection | None) -> None:
        if connection is None or connection.is_closed:
            return
        try:
            async with asyncio.timeout(self._connect_timeout):
                await asyncio.shield(asyncio.ensure_future(connection.close()))
        except BROKEN as error:
            log.debug("edge.disconnect_failed", error=repr(error))

    def _break(self, reason: str) -> None:
        if self._broken is not None and not self._broken.done():
            self._broken.set_result(reason)


def _text(value: Any) -> Any:
    return value.decode(errors="replace") if isinstance(value, bytes) else value
