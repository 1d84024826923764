"""Two OS processes over a real RabbitMQ: they find each other, and notice whatever dies."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import aio_pika
import pytest

from amqp_node import PEER, SECRET, Peer, other_process
from broker import Broker, missing, running_broker
from eventually import until
from mirliton.runtime import CoroutineProcess, Down, ExitSignal, Node, NodeDown, Pid
from mirliton.runtime.distribution import Distribution, NodeIsDown, NodeIsUp
from mirliton.runtime.transport import Keyring, Limits
from mirliton.runtime.transport.amqp import AmqpNetwork

pytestmark = [
    pytest.mark.skipif(missing() is not None, reason=missing() or ""),
    pytest.mark.lax("two OS processes and a broker: what is tried is the real thing"),
    pytest.mark.timeout(120),
]

PATIENCE = 20.0
THERE = PEER.at("b@host")


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with running_broker(tmp_path_factory.mktemp("broker")) as running:
        yield running


class Watcher(CoroutineProcess):
    """Linked to and watching a process there, and waiting for its answer; notes what comes, and when."""

    async def init(self, target: Pid) -> None:
        self.seen: list[tuple[Any, float]] = []
        self.trap_exit(True)
        assert self.node.distribution is not None
        self.node.distribution.monitor_nodes(self.pid)
        self.link(target)
        self.monitor(target)

    async def run(self) -> None:
        while True:
            mail = await self.receive()
            if isinstance(mail, ExitSignal) and mail.sender == self.parent:
                return
            self.seen.append((mail, time.monotonic()))


class Here:
    """The node of the test's own process."""

    def __init__(self, node: Node, distribution: Distribution) -> None:
        self.node = node
        self.distribution = distribution

    async def until(self, what: Callable[[], Any]) -> float:
        """Wait until something is so; the seconds it took."""
        began = time.monotonic()
        await until(what, PATIENCE)
        return time.monotonic() - began

    async def sees(self, *nodes: str) -> float:
        return await self.until(lambda: self.distribution.nodes() == sorted(nodes))

    async def watch(self, target: Pid) -> Watcher:
        pid = await self.node.start(Watcher, target)
        cell = self.node.find(pid)
        assert cell is not None
        await self.node.call(target, "hello")  # so that link and monitor are there as well
        watcher: Watcher = cell.actor
        return watcher

    async def peer(self) -> Pid:
        """The Pid of the Peer there."""
        pid = await self.distribution.start("b@host", Peer)
        assert pid is not None
        return pid


@contextlib.asynccontextmanager
async def here(broker: Broker, secret: str = SECRET, limits: Limits | None = None) -> AsyncIterator[Here]:
    async with Node("a@host") as node:
        network = AmqpNetwork(broker.url, pause=0.2)
        async with Distribution(node, network, Keyring(secret), limits) as distribution:
            await distribution.connected(PATIENCE)
            yield Here(node, distribution)


async def test_two_processes_find_each_other_and_twenty_thousand_messages_arrive_in_order(broker: Broker) -> None:
    async with here(broker) as a:
        with other_process(broker.url):
            await a.sees("b@host")
            for number in range(20_000):
                a.node.send(THERE, number)
                if number % 500 == 0:
                    await asyncio.sleep(0)
            assert await a.node.call(THERE, "count", timeout=PATIENCE) == (20_000, 0)


async def test_of_several_brokers_the_next_is_tried(broker: Broker) -> None:
    async with Node("a@host") as node:
        with socket.socket() as deaf:
            deaf.bind(("127.0.0.1", 0))
            network = AmqpNetwork([f"amqp://guest:guest@127.0.0.1:{deaf.getsockname()[1]}/", broker.url], pause=0.05)
            async with Distribution(node, network, Keyring(SECRET)) as distribution:
                await distribution.connected(PATIENCE)
                assert distribution.is_connected
    with pytest.raises(ValueError, match="one URL at least"):
        AmqpNetwork([])


async def test_a_message_of_five_megabytes_goes_there_and_back(broker: Broker) -> None:
    async with here(broker) as a:
        with other_process(broker.url):
            await a.sees("b@host")
            large = b"0123456789" * 500_000
            assert await a.node.call(THERE, large, timeout=PATIENCE) == large


async def test_after_a_kill_9_links_monitors_and_calls_fail_within_a_second(broker: Broker) -> None:
    async with here(broker) as a:
        with other_process(broker.url) as b:
            await a.sees("b@host")
            target = await a.peer()
            watcher = await a.watch(target)
            call = asyncio.ensure_future(a.node.call(target, "wait", timeout=None))
            await asyncio.sleep(0)
            killed_at = time.monotonic()
            b.kill()
            with pytest.raises(NodeDown):
                await asyncio.wait_for(call, PATIENCE)
            assert time.monotonic() - killed_at < 1.0
            await a.until(lambda: len(watcher.seen) == 3)
            exited, down, node_down = (mail for mail, _ in watcher.seen)
            assert isinstance(exited, ExitSignal)
            assert isinstance(down, Down)
            assert isinstance(node_down, NodeIsDown)
            assert (exited.sender, exited.reason, down.process, down.reason) == (
                target, "noconnection", target, "noconnection",
            )  # fmt: skip
            assert (node_down.node, node_down.reason) == ("b@host", "connection_closed")
            assert max(when for _, when in watcher.seen) - killed_at < 1.0
        with other_process(broker.url):
            await a.sees("b@host")
            assert await a.node.call(THERE, "hello") == "hello"
            assert isinstance(watcher.seen[-1][0], NodeIsUp)
            assert len(watcher.seen) == 4


async def test_a_broker_that_tells_of_its_queues_makes_it_quicker(tmp_path: Path) -> None:
    with running_broker(tmp_path / "broker", "rabbitmq_event_exchange") as broker:
        async with here(broker, limits=Limits(tick=5.0, silence=20.0)) as a:
            with other_process(broker.url) as b:
                await a.sees("b@host")
                b.kill()
                assert await a.sees() < 2.0  # no frame went there that could have come back


async def test_an_orderly_end_is_told_at_once(broker: Broker) -> None:
    async with here(broker, limits=Limits(tick=5.0, silence=20.0)) as a:
        with other_process(broker.url) as b:
            await a.sees("b@host")
            watcher = await a.watch(await a.peer())
            assert b.stop() == 0
            await a.sees()
            # Its processes ended before it said goodbye.
            assert [getattr(mail, "reason", None) for mail, _ in watcher.seen][:2] == ["shutdown", "shutdown"]


async def test_a_frozen_process_is_down_after_the_bound_and_its_pids_are_valid_when_it_thaws(broker: Broker) -> None:
    limits = Limits(tick=0.2, silence=1.0)
    async with here(broker, limits=limits) as a:
        with other_process(broker.url) as b:
            await a.sees("b@host")
            target = await a.peer()
            watcher = await a.watch(target)
            b.freeze()
            assert await a.sees() < limits.silence + 2 * limits.tick + 1.0
            assert [type(mail) for mail, _ in watcher.seen] == [ExitSignal, Down, NodeIsDown]
            b.thaw()
            await a.sees("b@host")
            assert await a.node.call(target, "the same process", timeout=PATIENCE) == "the same process"
            # It has heard of the end of the link as well, and neither side has it any more.
            assert await a.node.call(target, "exits") == ["noconnection"]
            assert await a.node.call(target, "monitors") == 0


async def test_the_node_goes_on_without_a_broker_and_comes_back_with_it(tmp_path: Path) -> None:
    with running_broker(tmp_path / "broker") as broker:
        async with here(broker) as a:
            with other_process(broker.url):
                await a.sees("b@host")
                target = await a.peer()
                watcher = await a.watch(target)
                broker.kill()
                assert await a.sees() < 5.0
                assert [type(mail) for mail, _ in watcher.seen] == [ExitSignal, Down, NodeIsDown]
                assert watcher.seen[-1][0].reason == "broker_lost"
                local = await a.node.start(Peer)
                assert await a.node.call(local, "still here") == "still here"
                with pytest.raises(NodeDown):
                    await a.node.call(target, "?")
                broker.start()
                await a.sees("b@host")
                assert await a.node.call(target, "the same process", timeout=PATIENCE) == "the same process"
                assert a.distribution.counters.reconnects == 1
                assert len(watcher.seen) == 4


async def test_a_broker_that_hangs_is_noticed_within_the_bound_and_used_again_when_it_goes_on(broker: Broker) -> None:
    async with here(broker) as a:
        with other_process(broker.url):
            await a.sees("b@host")
            broker.pause()
            try:
                # A publish that is not confirmed in 4 s, half a second for it to be made, and some for a slow machine.
                assert await a.sees() < 6.0
            finally:
                broker.resume()
            await a.sees("b@host")
            assert await a.node.call(THERE, "hello", timeout=PATIENCE) == "hello"


async def test_a_node_whose_queue_somebody_deleted_notices_that_it_is_deaf(broker: Broker) -> None:
    async with here(broker, limits=Limits(announce=0.2, tick=0.1)) as a:
        connection = await aio_pika.connect(broker.url)
        async with connection:
            channel = await connection.channel()
            await channel.queue_delete(f"mirliton.node.a@host.{a.node.incarnation:x}")
        await a.until(lambda: a.distribution.counters.reconnects == 1)
        with other_process(broker.url):
            await a.sees("b@host")


async def test_a_node_with_another_secret_is_not_heard(broker: Broker) -> None:
    async with here(broker, secret="the secret of another cluster") as a:
        with other_process(broker.url):
            await a.until(lambda: a.distribution.counters.refused["unknown_key"] > 1)
            assert a.distribution.nodes() == []


async def test_nonsense_in_a_nodes_queue_is_counted_and_harms_nobody(broker: Broker) -> None:
    async with here(broker) as a:
        with other_process(broker.url):
            await a.sees("b@host")
            connection = await aio_pika.connect(broker.url)
            async with connection:
                channel = await connection.channel()
                for body in (b"", b"hello", b"\x01" * 200, bytes(200_000)):
                    await channel.default_exchange.publish(
                        aio_pika.Message(body), f"mirliton.node.a@host.{a.node.incarnation:x}"
                    )
            await a.until(lambda: a.distribution.counters.refused.total() >= 4)
            assert await a.node.call(THERE, "hello") == "hello"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
async def test_a_node_talks_over_tls_to_a_broker_that_it_trusts_and_to_no_other(tmp_path: Path) -> None:
    with running_broker(tmp_path / "broker", tls=True) as broker:
        bare = f"amqps://guest:guest@localhost:{broker.tls_port}/"
        async with (
            Node("a@host") as one,
            Node("b@host") as other,
            Distribution(one, AmqpNetwork(f"{bare}?cafile={broker.certificate}"), Keyring(SECRET)) as trusting,
            Distribution(other, AmqpNetwork(bare), Keyring(SECRET)) as distrustful,
        ):
            await trusting.connected(PATIENCE)
            with pytest.raises(TimeoutError):
                await distrustful.connected(1.0)


async def test_a_broker_that_is_not_there_is_no_error_of_the_node() -> None:
    nowhere = AmqpNetwork("amqp://127.0.0.1:1/")
    async with Node("a@host") as node, Distribution(node, nowhere, Keyring(SECRET)) as distribution:
        with pytest.raises(TimeoutError):
            await distribution.connected(0.2)
        pid = await node.start(Peer)
        assert await node.call(pid, 1) == 1


async def test_a_node_whose_name_no_queue_can_have_is_told_at_once() -> None:
    async with Node("ä@host") as node:
        with pytest.raises(ValueError, match="no queue can be called after the node 'ä@host'"):
            await Distribution(node, AmqpNetwork("amqp://127.0.0.1:1/"), Keyring(SECRET)).open()


def test_a_url_of_something_else_is_refused() -> None:
    with pytest.raises(ValueError, match="amqp://"):
        AmqpNetwork("http://broker/")
