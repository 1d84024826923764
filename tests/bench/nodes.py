"""Two OS processes over a private RabbitMQ: ours, and aio-pika alone with a publish per message.

Messages of 200 bytes one way, as fast as they go until the other side has counted them all; and round trips one after
the other, while nothing else happens. `python -m tests.bench.nodes SIDE URL` is the other process.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Final

import aio_pika

from mirliton.runtime import GenServer, Name, Node, OutboxFull, Reply
from mirliton.runtime.distribution import Distribution
from mirliton.runtime.transport import Keyring
from mirliton.runtime.transport.amqp import AmqpNetwork
from tests.bench.measuring import Figures, spread

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
from broker import running_broker

BODY: Final = "x" * 200
BURST: Final = 100
PATIENCE: Final = 60.0
SECRET: Final = "the secret of a benchmark"
SINK: Final = Name("service", "sink")
HOW_MANY: Final = "how many?"
HERE, THERE = "bench.here", "bench.there"


def through(count: int) -> Figures:
    """Ours."""
    with _two_processes("ours") as url:
        return asyncio.run(_ours(url, count))


def raw(count: int) -> Figures:
    """aio-pika's: a publish per message is so much slower that a tenth of them shows it."""
    with _two_processes("raw") as url:
        return asyncio.run(_raw(url, max(count // 10, 10)))


@contextlib.contextmanager
def _two_processes(side: str) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder, running_broker(Path(folder)) as broker:
        other = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.nodes", side, broker.url], stdout=subprocess.DEVNULL
        )
        try:
            yield broker.url
        finally:
            other.kill()
            other.wait(timeout=10.0)


async def _round_trips(count: int, one: Callable[[], Awaitable[Any]]) -> Figures:
    """Their durations, of so many as give a steady median."""
    for _ in range(20):
        await one()
    taken = []
    for _ in range(min(max(count // 100, 10), 1_000)):
        began = time.perf_counter()
        await one()
        taken.append(time.perf_counter() - began)
    return spread(taken, 1_000.0)


class Sink(GenServer):
    """Counts."""

    def init(self) -> None:
        self.count = 0

    def handle_info(self, message: Any) -> None:
        self.count += 1

    def handle_call(self, request: Any, sender: Any) -> Any:
        return Reply(self.count)


async def _ours(url: str, count: int) -> Figures:
    async with Node("here@bench") as node, Distribution(node, AmqpNetwork(url), Keyring(SECRET)) as distribution:
        async with asyncio.timeout(PATIENCE):
            while distribution.nodes() != ["there@bench"]:  # noqa: ASYNC110 - nothing is measured yet
                await asyncio.sleep(0.01)
        sink = SINK.at("there@bench")
        figures = await _round_trips(count, lambda: node.call(sink, HOW_MANY))
        began, sent = time.perf_counter(), 0
        while sent < count:
            try:
                for _ in range(min(BURST, count - sent)):
                    node.send(sink, BODY)
                    sent += 1
            except OutboxFull:
                await asyncio.sleep(0.001)
            await asyncio.sleep(0)
        while await node.call(sink, HOW_MANY, timeout=PATIENCE) < count:
            pass
        return {**figures, "rate": count / (time.perf_counter() - began)}


async def _raw(url: str, count: int) -> Figures:
    connection = await aio_pika.connect(url)
    async with connection:
        channel = await connection.channel(publisher_confirms=False)
        here = await channel.declare_queue(HERE)
        await channel.declare_queue(THERE)
        answers: asyncio.Queue[bytes] = asyncio.Queue()

        async def answered(message: aio_pika.abc.AbstractIncomingMessage) -> None:
            answers.put_nowait(message.body)

        await here.consume(answered, no_ack=True)
        exchange, question = channel.default_exchange, HOW_MANY.encode()

        async def ask() -> int:
            await exchange.publish(aio_pika.Message(question), THERE)
            return int(await asyncio.wait_for(answers.get(), PATIENCE))

        figures = await _round_trips(count * 10, ask)
        began, body = time.perf_counter(), BODY.encode()
        for _ in range(count):
            await exchange.publish(aio_pika.Message(body), THERE)
        while await ask() < count:
            pass
        return {**figures, "rate": count / (time.perf_counter() - began)}


async def _be_ours(url: str) -> None:
    async with Node("there@bench") as node, Distribution(node, AmqpNetwork(url), Keyring(SECRET)):
        await node.start(Sink, name=SINK)
        await asyncio.sleep(2 * PATIENCE)


async def _be_raw(url: str) -> None:
    connection = await aio_pika.connect(url)
    async with connection:
        channel = await connection.channel(publisher_confirms=False)
        there = await channel.declare_queue(THERE)
        count, question = 0, HOW_MANY.encode()

        async def counted(message: aio_pika.abc.AbstractIncomingMessage) -> None:
            nonlocal count
            if message.body == question:
                await channel.default_exchange.publish(aio_pika.Message(b"%d" % count), HERE)
            else:
                count += 1

        await there.consume(counted, no_ack=True)
        await asyncio.sleep(2 * PATIENCE)


if __name__ == "__main__":
    asyncio.run({"ours": _be_ours, "raw": _be_raw}[sys.argv[1]](sys.argv[2]))
