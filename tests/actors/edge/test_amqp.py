"""The edge over a real RabbitMQ: Kazoo's exchanges, a request and its answer, and a broker that dies."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aio_pika
import pytest
from aiormq.exceptions import ChannelPreconditionFailed

from broker import Broker, missing, running_broker
from eventually import until
from mirliton.actors import kapi
from mirliton.actors.edge import Answer, Answers, Ask, Edge, EdgeIs, EdgeStatus, Interest, Publish
from mirliton.actors.edge.amqp import AmqpLink
from mirliton.actors.kapi.authn import AuthnReq, AuthnResp
from mirliton.actors.kapi.bodies import packed
from mirliton.actors.kapi.inbox import Received
from mirliton.actors.kapi.registration import RegQuery, RegQueryResp, RegSync
from mirliton.runtime import GenServer, Name, Node, Pid

pytestmark = [
    pytest.mark.skipif(missing() is not None, reason=missing() or ""),
    pytest.mark.timeout(120),
]

EDGE = Name("service", "the edge under test")


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with running_broker(tmp_path_factory.mktemp("broker")) as running:
        yield running


class Registrar(GenServer):
    """Answers every request with a password."""

    def init(self) -> None:
        self.asked: list[Received] = []

    def handle_info(self, message: Any) -> None:
        assert isinstance(message, Received)
        self.asked.append(message)
        self.cast(EDGE, Answer(AuthnResp("password", "sesame"), message.envelope))


class Proxy:
    """A third party with a connection of its own; `inbox` is what came to its queue."""

    def __init__(self, connection: Any, channel: Any, queue: Any) -> None:
        self.connection, self.channel, self.queue = connection, channel, queue
        self.inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    @classmethod
    async def connect(cls, url: str) -> "Proxy":
        connection = await aio_pika.connect(url)
        channel = await connection.channel()
        queue = await channel.declare_queue("proxy", auto_delete=True)
        made = cls(connection, channel, queue)
        await queue.bind("targeted", "proxy")
        await queue.consume(made._took, no_ack=True)
        return made

    async def _took(self, message: Any) -> None:
        self.inbox.put_nowait(json.loads(message.body))

    async def say(self, message: object, exchange: str, key: str, **fields: Any) -> None:
        body = packed(kapi.to_headers(message, kapi.Envelope(app_name="kamailio", server_id="proxy", **fields)))
        there = await self.channel.get_exchange(exchange, ensure=False)
        await there.publish(aio_pika.Message(body, content_type="application/json"), key, mandatory=False)

    async def hears(self) -> dict[str, Any]:
        async with asyncio.timeout(20):
            return await self.inbox.get()


class House:
    """A node with an edge and a registrar on the broker."""

    def __init__(self, node: Node, edge: Pid, link: AmqpLink, interest: Interest) -> None:
        self.node, self.edge, self.link, self.interest = node, edge, link, interest

    async def status(self) -> EdgeIs:
        found = await self.node.call(self.edge, EdgeStatus())
        assert isinstance(found, EdgeIs)
        return found

    def wants_syncs(self) -> bool:
        return self.interest.wants("kapi.registration.reg_sync", "registration", self.node.clock.now())


@pytest.fixture
async def house(broker: Broker) -> AsyncIterator[House]:
    async with Node("edge@test") as node:
        registrar = await node.start(Registrar)
        link = AmqpLink(broker.url, pause=0.2)
        interest = Interest({"registration": "bound"}, rest=0.5)
        edge = await node.start(Edge, [lambda: link], "registrar", {AuthnReq: registrar}, interest, name=EDGE)
        await until(lambda: link.connected)
        yield House(node, edge, link, interest)
    await link.gone()


REQUEST = AuthnReq("acme.test", "bob", from_="bob@acme.test", to="bob@acme.test")


async def test_a_request_is_answered_over_targeted(house: House, broker: Broker) -> None:
    proxy = await Proxy.connect(broker.url)
    for exchange, key in (("callmgr", "authn.req.acme%2Etest"), ("registrar", "authn.endpoint.req.acme%2Etest")):
        await proxy.say(REQUEST, exchange, key, msg_id=f"by {exchange}")
        headers = await proxy.hears()
        assert (headers["Event-Name"], headers["Msg-ID"]) == ("authn_resp", f"by {exchange}")
    await proxy.connection.close()


async def test_kazoos_exchanges_are_neither_durable_nor_deleted_by_themselves(house: House, broker: Broker) -> None:
    connection = await aio_pika.connect(broker.url)
    for exchange, kind in kapi.EXCHANGES.items():
        channel = await connection.channel()
        await channel.declare_exchange(exchange, kind, durable=False, auto_delete=False)
        with pytest.raises(ChannelPreconditionFailed):
            await channel.declare_exchange(exchange, kind, durable=True)
    await connection.close()


async def test_a_question_gathers_answers(house: House, broker: Broker) -> None:
    proxy = await Proxy.connect(broker.url)
    await proxy.queue.bind("registrar", "registration.query.#")
    asking = asyncio.create_task(house.node.call(house.edge, Ask(RegQuery("acme.test"), 5.0, wanted=2), timeout=10.0))
    headers = await proxy.hears()
    for number in range(2):
        await proxy.say(RegQueryResp(count=number), "targeted", headers["Server-ID"], msg_id=headers["Msg-ID"])
    answers = await asking
    assert isinstance(answers, Answers)
    assert answers.complete
    assert [got.message for got in answers.answers] == [RegQueryResp(count=0), RegQueryResp(count=1)]
    await proxy.connection.close()


async def test_a_family_goes_out_while_somebody_is_bound(house: House, broker: Broker) -> None:
    house.node.cast(house.edge, Publish(RegSync()))
    await until(lambda: not house.wants_syncs())  # it came back
    house.node.cast(house.edge, Publish(RegSync()))
    assert (await house.status()).unwanted == 1
    proxy = await Proxy.connect(broker.url)
    await proxy.queue.bind("registrar", "registration.sync")
    await until(house.wants_syncs)
    house.node.cast(house.edge, Publish(RegSync()))
    assert (await proxy.hears())["Event-Name"] == "reg_sync"
    await proxy.connection.close()


async def test_the_edge_comes_back_with_its_broker(house: House, broker: Broker) -> None:
    queue = (await house.status()).queue
    broker.kill()
    await until(lambda: not house.link.connected)
    house.node.cast(house.edge, Publish(RegSync()))
    assert (await house.status()).dropped == 1
    await asyncio.to_thread(broker.start)
    await until(lambda: house.link.connected)
    proxy = await Proxy.connect(broker.url)
    await proxy.say(REQUEST, "callmgr", "authn.req.acme%2Etest", msg_id="again")
    assert (await proxy.hears())["Msg-ID"] == "again"
    status = await house.status()
    assert (status.queue, status.connected) == (queue, True)
    await proxy.connection.close()


def test_what_is_no_brokers_address_is_refused() -> None:
    with pytest.raises(ValueError, match="amqp://"):
        AmqpLink("http://localhost")
