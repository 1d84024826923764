"""What every connection to RabbitMQ of ours does alike: publish with the broker's word for it, and go."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from aio_pika.abc import AbstractConnection
from aiormq import spec
from aiormq.channel import Channel as BareChannel
from aiormq.exceptions import AMQPError, DeliveryError, PublishError

from mirliton.runtime.transport.network import Outcome

if TYPE_CHECKING:
    from mirliton.runtime.node import Node

BROKEN: Final = (AMQPError, OSError, TimeoutError, RuntimeError, asyncio.CancelledError)
"""What aio-pika raises when a connection goes away under a call; a publish in flight is cancelled."""


async def published(
    node: Node,
    channel: BareChannel,
    queue: str,
    body: bytes,
    timeout: float,
    properties: spec.Basic.Properties | None = None,
) -> Outcome:
    """Publish to a queue, and what became of it: the broker has it, gives it back, refuses it, or said nothing within
    `timeout` seconds."""
    try:
        # It need not wait for the socket as well: nothing more goes there before this is confirmed.
        await channel.basic_publish(
            body, routing_key=queue, properties=properties, mandatory=True, timeout=timeout, wait=False
        )
    except PublishError:
        return Outcome.RETURNED
    except DeliveryError:
        return Outcome.REFUSED
    except BROKEN as error:
        node.log.debug("publish_failed", queue=queue, error=repr(error))
        return Outcome.FAILED
    return Outcome.CONFIRMED


async def disconnect(node: Node, connection: AbstractConnection | None, timeout: float) -> None:
    """Close a connection, if there is one and it is open; one that does not close in time is left alone."""
    if connection is None or connection.is_closed:
        return
    try:
        async with asyncio.timeout(timeout):
            await asyncio.shield(asyncio.ensure_future(connection.close()))
    except BROKEN as error:
        node.log.debug("disconnect_failed", error=repr(error))
