"""Durable calls to entities: two OS processes over a private RabbitMQ, one calling, one owning all entities.

A call is confirmed by the broker, handled, and stored with its key on the disk before its answer goes out. Beside it,
aio-pika alone: a request through a quorum queue and an answer, 200 under way as well, with nothing stored.
`python -m tests.bench.entities SIDE URL FOLDER` is the other process.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import aio_pika

from mirliton.actors.store import SqliteStore
from mirliton.actors.store.entities import DocumentEntityStore
from mirliton.runtime import Name, Node, Reply
from mirliton.runtime.distribution import Distribution
from mirliton.runtime.transport import Keyring
from mirliton.runtime.transport.amqp import AmqpNetwork
from mirliton.supervisors.entities import Entities, Entity, Options
from mirliton.supervisors.entities.amqp_shards import AmqpShards
from tests.bench.measuring import Figures, spread

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
from broker import running_broker

CALLERS: Final = 200
ENTITIES: Final = 100
PATIENCE: Final = 60.0
SECRET: Final = "the secret of a benchmark"
SHARDS: Final = 16
ASKED: Final = "bench.asked"


class Tally(Entity):
    """Counts, and keeps its count."""

    def init(self, key: str, state: Any) -> None:
        self.value = state or 0

    def handle_call(self, request: Any, sender: Any) -> Reply:
        self.value += 1
        self.save(self.value)
        return Reply(self.value)


def through(count: int) -> Figures:
    """Ours."""
    with _two_processes("ours") as (url, folder):
        return asyncio.run(_ours(url, folder, count))


def raw(count: int) -> Figures:
    """aio-pika's: it is slower, so a third of them shows it."""
    with _two_processes("raw") as (url, _):
        return asyncio.run(_raw(url, max(count // 3, CALLERS)))


@contextlib.contextmanager
def _two_processes(side: str) -> Iterator[tuple[str, str]]:
    with tempfile.TemporaryDirectory() as folder, running_broker(Path(folder) / "broker") as broker:
        other = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.entities", side, broker.url, folder], stdout=subprocess.DEVNULL
        )
        try:
            yield broker.url, folder
        finally:
            other.kill()
            other.wait(timeout=10.0)


@contextlib.asynccontextmanager
async def _part(name: str, url: str, folder: str, *, hosts: bool) -> Any:
    store = SqliteStore(f"{folder}/store.db")
    await store.open()
    keys = Keyring(SECRET)
    async with Node(name) as node, Distribution(node, AmqpNetwork(url), keys) as distribution:
        await distribution.connected(PATIENCE)
        shards = AmqpShards(url, keys, count=SHARDS)
        kept = DocumentEntityStore(store, SHARDS)
        async with Entities(node, distribution, shards, kept, {"tally": Tally}, Options(hosts=hosts)) as entities:
            yield entities
    await store.close()


async def _ours(url: str, folder: str, count: int) -> Figures:
    async with _part("here@bench", url, folder, hosts=False) as entities:
        async with asyncio.timeout(PATIENCE):
            while entities.unowned():  # noqa: ASYNC110 - nothing is measured yet
                await asyncio.sleep(0.01)
        return await _calls(count, lambda number: entities.durable_call(_name(number), 1, timeout=PATIENCE))


async def _calls(count: int, call: Any) -> Figures:
    """Their rate with many callers, and how long one takes alone."""
    for number in range(ENTITIES):
        await call(number)
    alone = []
    for _ in range(min(max(count // 50, 10), 200)):
        began = time.perf_counter()
        await call(0)
        alone.append(time.perf_counter() - began)

    async def caller(number: int) -> None:
        for each in range(max(count // CALLERS, 1)):
            await call(number + each)

    began = time.perf_counter()
    await asyncio.gather(*[caller(number) for number in range(CALLERS)])
    taken = time.perf_counter() - began
    return {**spread(alone, 1_000.0), "rate": max(count // CALLERS, 1) * CALLERS / taken}


def _name(number: int) -> Name:
    return Name("tally", str(number % ENTITIES))


async def _raw(url: str, count: int) -> Figures:
    connection = await aio_pika.connect(url)
    async with connection:
        channel = await connection.channel()
        await channel.declare_queue(ASKED, durable=True, arguments={"x-queue-type": "quorum"})
        answers = await channel.declare_queue(exclusive=True)
        waiting: dict[str, asyncio.Future[None]] = {}

        async def answered(message: aio_pika.abc.AbstractIncomingMessage) -> None:
            waiting.pop(str(message.correlation_id)).set_result(None)

        await answers.consume(answered, no_ack=True)
        numbers = iter(range(10**9))

        async def call(_: int) -> None:
            number = str(next(numbers))
            waiting[number] = done = asyncio.get_running_loop().create_future()
            question = aio_pika.Message(
                b"x" * 60,
                delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
                correlation_id=number,
                reply_to=answers.name,
            )
            await channel.default_exchange.publish(question, ASKED)
            await asyncio.wait_for(done, PATIENCE)

        return await _calls(count, call)


async def _be_ours(url: str, folder: str) -> None:
    async with _part("there@bench", url, folder, hosts=True):
        await asyncio.sleep(2 * PATIENCE)


async def _be_raw(url: str) -> None:
    connection = await aio_pika.connect(url)
    async with connection:
        channel = await connection.channel()
        await channel.set_qos(prefetch_count=CALLERS)
        answers = await connection.channel(publisher_confirms=False)
        asked = await channel.declare_queue(ASKED, durable=True, arguments={"x-queue-type": "quorum"})

        async def answer(message: aio_pika.abc.AbstractIncomingMessage) -> None:
            told = aio_pika.Message(b"1", correlation_id=message.correlation_id)
            await answers.default_exchange.publish(told, str(message.reply_to))
            await message.ack()

        await asked.consume(answer)
        await asyncio.sleep(2 * PATIENCE)


if __name__ == "__main__":
    asyncio.run(_be_raw(sys.argv[2]) if sys.argv[1] == "raw" else _be_ours(sys.argv[2], sys.argv[3]))
