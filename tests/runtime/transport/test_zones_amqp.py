"""Two zones with a real RabbitMQ each, and proxies of ours on the ways between them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from amqp_node import PEER, SECRET, Peer
from broker import missing, running_broker
from eventually import until
from mirliton.runtime import Node, NodeDown
from mirliton.runtime.distribution import Distribution
from mirliton.runtime.transport import Keyring, Zones, zone_of
from mirliton.runtime.transport.amqp import AmqpNetwork
from mirliton.supervisors.chaos import Proxy

pytestmark = [
    pytest.mark.skipif(missing() is not None, reason=missing() or ""),
    pytest.mark.lax("two brokers: what is tried is the real thing"),
    pytest.mark.timeout(180),
]
PATIENCE = 40.0
NODES = ("a@host+east", "b@host+east", "c@host+west")


@contextlib.asynccontextmanager
async def a_node(name: str, own: int, other: int) -> AsyncIterator[Node]:
    """A node of one zone, by the ports of its own broker and of the way to the other's."""
    zone = zone_of(name)
    there = "west" if zone == "east" else "east"
    network = Zones(zone, _amqp(own), {there: _amqp(other, listens=False)})
    async with Node(name) as node, Distribution(node, network, Keyring(SECRET)):
        await node.start(Peer, name=PEER)
        yield node


def _amqp(port: int, *, listens: bool = True) -> AmqpNetwork:
    return AmqpNetwork(f"amqp://guest:guest@127.0.0.1:{port}/", pause=0.2, listens=listens)


def sees(node: Node) -> list[str]:
    assert node.distribution is not None
    return node.distribution.nodes()


async def test_two_zones_are_one_system_part_and_rejoin_without_a_message_that_comes_twice(tmp_path: Path) -> None:
    async with contextlib.AsyncExitStack() as stack:
        east = stack.enter_context(running_broker(tmp_path / "east"))
        west = stack.enter_context(running_broker(tmp_path / "west"))
        to_east = await stack.enter_async_context(Proxy(("127.0.0.1", east.port)))
        to_west = await stack.enter_async_context(Proxy(("127.0.0.1", west.port)))
        a = await stack.enter_async_context(a_node(NODES[0], east.port, to_west.port))
        b = await stack.enter_async_context(a_node(NODES[1], east.port, to_west.port))
        c = await stack.enter_async_context(a_node(NODES[2], west.port, to_east.port))
        for node in (a, b, c):
            await until(lambda node=node: sees(node) == [name for name in NODES if name != node.name], PATIENCE)

        for number in range(1_000):
            a.send(PEER.at(c.name), number)
        assert await a.call(PEER.at(c.name), "count", timeout=PATIENCE) == (1_000, 0)

        for trouble in ("cut", "hang"):
            for proxy in (to_east, to_west):
                proxy.trouble(trouble)  # type: ignore[arg-type] # of a list
            await until(lambda: (sees(a), sees(c)) == ([b.name], []), PATIENCE)
            assert await a.call(PEER.at(b.name), "and you?", timeout=PATIENCE) == "and you?"
            assert await c.call(PEER, "alone", timeout=PATIENCE) == "alone"
            with pytest.raises(NodeDown):
                await a.call(PEER.at(c.name), "?")
            for proxy in (to_east, to_west):
                proxy.heal()
            await until(lambda: (len(sees(a)), len(sees(c))) == (2, 2), PATIENCE)

        # What was sent before is there once, and what is sent now follows it.
        for number in range(1_000, 2_000):
            a.send(PEER.at(c.name), number)
        assert await a.call(PEER.at(c.name), "count", timeout=PATIENCE) == (2_000, 0)
        await asyncio.sleep(0)
