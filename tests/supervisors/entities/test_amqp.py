"""Entities of several OS processes on a real RabbitMQ and one SQLite file: killed, stopped, cut off."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aio_pika
import pytest

from broker import Broker, missing, running_broker
from entity_node import SHARDS, EntityProcess, entities_on, entity_processes
from eventually import until
from mirliton.runtime import CallError, Name, Node
from mirliton.supervisors.entities import Entities, SetAside
from tcp_cut import a_way_that_can_be_cut

pytestmark = [
    pytest.mark.skipif(missing() is not None, reason=missing() or ""),
    pytest.mark.lax("OS processes and a broker: what is tried is the real thing"),
    pytest.mark.timeout(180),
]

PATIENCE = 60.0
X = Name("tally", "x")


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with running_broker(tmp_path_factory.mktemp("broker"), "rabbitmq_event_exchange") as running:
        yield running


@pytest.fixture
async def queues_are_empty(broker: Broker) -> AsyncIterator[None]:
    """A store begins anew with each test, so the queues do."""
    yield
    connection = await aio_pika.connect(broker.url)
    channel = await connection.channel()
    for queue in [*(f"mirliton.entities.{SHARDS}.{shard}" for shard in range(SHARDS)), "mirliton.entities.dead"]:
        await channel.queue_delete(queue)
    await connection.close()


@contextlib.asynccontextmanager
async def a_client(broker: Broker, folder: Path) -> AsyncIterator[Entities]:
    async with Node("client@host") as node, entities_on(node, broker.url, folder, hosts=False) as entities:
        yield entities


async def all_owned(client: Entities, *nodes: str) -> None:
    """Wait until each of these nodes has its part, and nobody else any."""
    await until(lambda: client.unowned() == 0 and set(client.status()["shards"]) == set(nodes), PATIENCE)


class Adding:
    """Adds one at a time, each until it is done, as long as it is let."""

    def __init__(self, client: Entities, answers: list[int] | None = None) -> None:
        self.client = client
        self.answers = list(answers or ())
        self.slowest = 0.0
        self.stopped = False
        self.task = asyncio.ensure_future(self.run())

    async def run(self) -> None:
        while not self.stopped:
            began, key = time.monotonic(), f"add {len(self.answers)}"
            while True:
                try:
                    self.answers.append(await self.client.durable_call(X, 1, key=key, timeout=5.0))
                    break
                except CallError:
                    await asyncio.sleep(0.05)
            self.slowest = max(self.slowest, time.monotonic() - began)

    async def reaches(self, count: int) -> None:
        await until(lambda: len(self.answers) >= count, PATIENCE)

    async def end(self) -> None:
        """Stop, and see that each was done once."""
        self.stopped = True
        await asyncio.wait_for(self.task, PATIENCE)
        assert self.answers == list(range(1, len(self.answers) + 1))


async def owner(client: Entities, nodes: dict[str, EntityProcess]) -> EntityProcess:
    return nodes[await client.durable_call(X, "who", timeout=PATIENCE)]


@pytest.mark.usefixtures("queues_are_empty")
async def test_after_a_kill_9_of_its_owner_an_entity_goes_on_where_it_was_within_seconds(
    broker: Broker, tmp_path: Path
) -> None:
    with entity_processes(tmp_path, broker.url, a=None, b=None) as nodes:
        async with a_client(broker, tmp_path) as client:
            await all_owned(client, "a@host", "b@host")
            adding = Adding(client)
            await adding.reaches(100)
            victim = await owner(client, nodes)
            adding.slowest = 0.0
            victim.kill()
            await adding.reaches(len(adding.answers) + 100)
            assert adding.slowest < 15.0
            await adding.end()
            (other,) = (node for node in nodes.values() if node is not victim)
            assert await owner(client, nodes) is other
            assert other.stop() == 0


@pytest.mark.usefixtures("queues_are_empty")
async def test_a_stopped_owner_that_goes_on_does_not_act_any_more(broker: Broker, tmp_path: Path) -> None:
    with entity_processes(tmp_path, broker.url, a=None, b=None) as nodes:
        async with a_client(broker, tmp_path) as client:
            await all_owned(client, "a@host", "b@host")
            first = Adding(client)
            await first.reaches(20)
            await first.end()
            victim = await owner(client, nodes)
            # Not while it writes: the lock of SQLite's file would be held by who stands still.
            victim.freeze()
            for _ in range(50):  # on their way into its mailbox
                client.node.send(X.at(victim.name), "look")
            second = Adding(client, first.answers)
            await second.reaches(len(first.answers) + 20)
            victim.thaw()
            await all_owned(client, "a@host", "b@host")  # it takes its part again
            await second.end()
            epochs = [int(act.split()[0]) for act in (tmp_path / "acts").read_text().splitlines()]
            assert len(set(epochs)) > 1
            assert epochs == sorted(epochs), "an owner acted after the next one had begun"


@pytest.mark.usefixtures("queues_are_empty")
async def test_a_shard_goes_to_the_node_that_is_named_while_its_entity_is_at_work(
    broker: Broker, tmp_path: Path
) -> None:
    with entity_processes(tmp_path, broker.url, a=None, b=None, c=None) as nodes:
        async with a_client(broker, tmp_path) as client:
            await all_owned(client, *nodes)
            adding = Adding(client)
            await adding.reaches(20)
            for to in ("c@host", "a@host", "b@host", "c@host"):
                await client.move(client.shard_of(X), to)
                assert await client.durable_call(X, "who", timeout=PATIENCE) == to
                await adding.reaches(len(adding.answers) + 20)
            await adding.end()
            assert adding.slowest < 15.0
            await all_owned(client, *nodes)
            assert all(node.stop() == 0 for node in nodes.values())


@pytest.mark.chaos
@pytest.mark.usefixtures("queues_are_empty")
async def test_an_owner_that_is_cut_off_from_the_broker_but_not_from_the_other_nodes_gives_up(
    broker: Broker, tmp_path: Path
) -> None:
    async with a_way_that_can_be_cut(broker.port) as way:
        url = f"amqp://guest:guest@127.0.0.1:{way.port}/"
        with entity_processes(tmp_path, broker.url, a=url, b=url) as nodes:
            async with a_client(broker, tmp_path) as client:
                await all_owned(client, "a@host", "b@host")
                adding = Adding(client)
                await adding.reaches(20)
                way.cut()
                await until(lambda: not client.status()["shards"], PATIENCE)
                acts = (tmp_path / "acts").read_text()
                await asyncio.sleep(2.0)
                assert (tmp_path / "acts").read_text() == acts, "somebody acts without a lease"
                way.heal()
                await adding.reaches(len(adding.answers) + 20)
                await adding.end()
                assert len(nodes) == 2


@pytest.mark.chaos
@pytest.mark.usefixtures("queues_are_empty")
async def test_a_message_that_kills_its_process_three_times_is_set_aside(broker: Broker, tmp_path: Path) -> None:
    with entity_processes(tmp_path, broker.url, a=None, b=None, c=None, d=None) as nodes:
        async with a_client(broker, tmp_path) as client:
            await all_owned(client, *nodes)
            await client.durable_call(X, 1, timeout=PATIENCE)
            with pytest.raises(SetAside, match="deaths"):
                await client.durable_call(X, "deadly", key="deadly", timeout=PATIENCE)
            assert sum(process.alive for process in nodes.values()) == 1
            (letter,) = await client.dead_letters.look()
            assert (letter.name, letter.key, letter.request) == (X, "deadly", "deadly")
            assert await client.dead_letters.discard("deadly") == 1
            assert await client.dead_letters.look() == []
            assert await client.durable_call(X, 1, timeout=PATIENCE) == 2


@pytest.mark.usefixtures("queues_are_empty")
async def test_what_a_stranger_puts_into_the_queue_of_a_shard_is_refused(broker: Broker, tmp_path: Path) -> None:
    async with Node("alone@host") as node, entities_on(node, broker.url, tmp_path, hosts=True) as entities:
        await until(lambda: entities.unowned() == 0, PATIENCE)
        connection = await aio_pika.connect(broker.url)
        channel = await connection.channel()
        for body in (b"", b"\x01" * 100, b"hello"):
            for shard in range(SHARDS):
                await channel.default_exchange.publish(aio_pika.Message(body), f"mirliton.entities.{SHARDS}.{shard}")
        await until(lambda: entities.shards.refused == 3 * SHARDS, PATIENCE)
        assert await entities.durable_call(X, 1, timeout=PATIENCE) == 1
        await connection.close()
