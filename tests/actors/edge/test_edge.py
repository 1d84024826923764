"""The edge between Kazoo's exchanges and our processes, on a broker in memory."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from mirliton.actors import kapi
from mirliton.actors.edge import (
    Answer,
    Answers,
    Ask,
    Edge,
    EdgeIs,
    EdgeStatus,
    Interest,
    MemoryBroker,
    Outgoing,
    Publish,
)
from mirliton.actors.edge.link import Incoming
from mirliton.actors.edge.memory import matches
from mirliton.actors.kapi.authn import AuthnErr, AuthnReq, AuthnResp
from mirliton.actors.kapi.bodies import packed
from mirliton.actors.kapi.inbox import Received
from mirliton.actors.kapi.registration import RegQuery, RegQueryResp, RegSuccess, RegSync
from mirliton.runtime import Pid
from mirliton.runtime.testing import Probe, VirtualNode, virtual_node

REQUEST = AuthnReq("acme.test", "bob", from_="bob@acme.test", to="bob@acme.test", method="REGISTER")


@pytest.fixture
async def node() -> AsyncIterator[VirtualNode]:
    async with virtual_node() as made:
        yield made


class Outside:
    """A third party on the broker: what its queue got, as JSON with the AMQP headers beside."""

    def __init__(self, broker: MemoryBroker, queue: str = "kamailio") -> None:
        self.broker = broker
        self.queue = queue
        self.got: list[tuple[dict[str, Any], dict[str, object]]] = []
        broker.consume(queue, self._took)

    def _took(self, incoming: Incoming) -> None:
        self.got.append((json.loads(incoming.body), dict(incoming.headers)))

    def says(
        self, message: object, exchange: str, key: str, headers: dict[str, str] | None = None, **fields: Any
    ) -> str:
        """Publish a message as a stranger; its Msg-ID."""
        envelope = kapi.Envelope(app_name="kamailio", node="kamailio@kam1", server_id=self.queue, **fields)
        body = packed(kapi.to_headers(message, envelope))
        self.broker.publish(Outgoing(exchange, key, body, headers or {}))
        return envelope.msg_id


class House:
    """An edge with a registrar that listens, and a proxy outside."""

    def __init__(self, node: VirtualNode, interest: dict[str, Any] | None = None) -> None:
        self.node = node
        self.interest = Interest(interest or {})
        self.broker = MemoryBroker()

    async def start(self, listens: tuple[type, ...] = (AuthnReq, RegSuccess)) -> "House":
        self.registrar = await Probe.start(self.node)
        listeners = dict.fromkeys(listens, self.registrar.pid)
        self.edge: Pid = await self.node.start(Edge, [self.broker.link], "registrar", listeners, self.interest)
        self.proxy = Outside(self.broker)
        await self.settle()
        return self

    async def settle(self) -> None:
        await self.node.idle()

    async def ask(self, question: Ask) -> asyncio.Task[Any]:
        """Ask, up to where it waits."""
        asking = asyncio.create_task(self.node.call(self.edge, question, timeout=10.0))
        await asyncio.sleep(0)
        await self.settle()
        return asking

    async def status(self) -> EdgeIs:
        found = await self.node.drive(self.node.call(self.edge, EdgeStatus()))
        assert isinstance(found, EdgeIs)
        return found


async def test_a_request_of_either_generation_reaches_its_listener_and_is_answered(node: VirtualNode) -> None:
    house = await House(node).start()
    for exchange, key in (("callmgr", "authn.req.acme%2Etest"), ("registrar", "authn.endpoint.req.acme%2Etest")):
        msg_id = house.proxy.says(REQUEST, exchange, key)
        await house.settle()
        got = await house.registrar.expect(Received)
        assert (got.message, got.exchange, got.envelope.msg_id) == (REQUEST, exchange, msg_id)
        node.cast(house.edge, Answer(AuthnResp("password", "sesame"), got.envelope))
        await house.settle()
        headers, _ = house.proxy.got.pop()
        assert (headers["Event-Name"], headers["Msg-ID"]) == ("authn_resp", msg_id)
        assert (headers["App-Name"], headers["Node"]) == ("registrar", node.name)
        assert "Server-ID" not in headers


async def test_all_exchanges_are_declared_as_kazoo_has_them(node: VirtualNode) -> None:
    house = await House(node).start()
    assert house.broker.exchanges == kapi.EXCHANGES
    other = MemoryBroker()
    other.declare("targeted", "topic")
    with pytest.raises(ValueError, match="targeted is topic"):
        other.declare("targeted", "direct")


async def test_an_answer_may_be_deferred_and_may_be_late(node: VirtualNode) -> None:
    house = await House(node).start()
    house.proxy.says(REQUEST, "callmgr", "authn.req.acme%2Etest")
    await house.settle()
    got = await house.registrar.expect(Received)
    node.cast(house.edge, Answer(AuthnErr(), got.envelope, deferred=True, delay=0.005))
    await house.settle()
    assert house.proxy.got == []
    await node.advance(0.01)
    headers, _ = house.proxy.got.pop()
    assert (headers["Event-Name"], headers["Defer-Response"]) == ("authn_err", "true")


async def test_an_answer_goes_to_the_process_behind_a_queue(node: VirtualNode) -> None:
    house = await House(node).start()
    request = kapi.Envelope(server_id="pid://<0.7.0>/kamailio")
    node.cast(house.edge, Answer(AuthnErr(), request))
    node.cast(house.edge, Answer(AuthnErr(), kapi.Envelope()))  # nobody asked
    await house.settle()
    [(_, amqp)] = house.proxy.got
    assert amqp == {"Deliver-To-PID": "<0.7.0>"}


async def test_what_is_invalid_is_dropped_and_the_next_is_read(node: VirtualNode) -> None:
    house = await House(node).start()
    before = kapi.COUNTS.refused["kapi.authn.authn_req"]
    with capture_logs() as lines:
        bad = kapi.to_headers(REQUEST) | {"Auth-User": ["bob"]}
        house.broker.publish(Outgoing("callmgr", "authn.req.x", packed(bad)))
        house.broker.publish(Outgoing("callmgr", "authn.req.x", b"\xff" * 100))
    assert [line["event"] for line in lines] == ["kapi.refused", "kapi.refused"]
    assert kapi.COUNTS.refused["kapi.authn.authn_req"] == before + 1
    house.proxy.says(REQUEST, "callmgr", "authn.req.x")
    await house.settle()
    assert len(house.registrar.messages) == 1


async def test_a_question_outside_ends_with_its_first_answer(node: VirtualNode) -> None:
    house = await House(node).start()
    house.broker.bind("kamailio", "registrar", "registration.query.#")
    asking = await house.ask(Ask(RegQuery("acme.test", "bob")))
    headers, _ = house.proxy.got.pop()
    assert headers["Server-ID"] == (await house.status()).queue
    house.proxy.says(RegQueryResp(count=1), "targeted", headers["Server-ID"], msg_id=headers["Msg-ID"])
    answers = await node.drive(asking)
    assert isinstance(answers, Answers)
    assert answers.complete
    assert [got.message for got in answers.answers] == [RegQueryResp(count=1)]


async def test_a_question_to_several_gathers_until_the_time_is_up(node: VirtualNode) -> None:
    house = await House(node).start()
    house.broker.bind("kamailio", "registrar", "registration.query.#")
    asking = await house.ask(Ask(RegQuery("acme.test"), timeout=2.0, wanted=3))
    headers, _ = house.proxy.got.pop()
    for number in range(2):
        house.proxy.says(RegQueryResp(count=number), "targeted", headers["Server-ID"], msg_id=headers["Msg-ID"])
    answers = await node.drive(asking)
    assert isinstance(answers, Answers)
    assert (len(answers.answers), answers.complete) == (2, False)
    house.proxy.says(RegQueryResp(count=9), "targeted", headers["Server-ID"], msg_id=headers["Msg-ID"])
    await house.settle()
    assert (await house.status()).unmatched == 1


async def test_what_is_sent_to_our_queue_reaches_whoever_listens_for_it(node: VirtualNode) -> None:
    house = await House(node).start()
    queue = (await house.status()).queue
    house.proxy.says(RegSuccess("bob", "acme.test", "sip:bob@h", 60.0, 1), "targeted", queue)
    await house.settle()
    got = await house.registrar.expect(Received)
    assert isinstance(got.message, RegSuccess)


async def test_a_process_whose_address_was_given_out_is_reached_and_no_other(node: VirtualNode) -> None:
    house = await House(node, {"route": "always"}).start()
    controller, stranger = await Probe.start(node), await Probe.start(node)
    win = kapi.route.RouteWin("leg", control_queue=controller.pid)
    node.cast(house.edge, Publish(win, to="kamailio"))
    await house.settle()
    control = house.proxy.got.pop()[0]["Control-Queue"]
    queue = (await house.status()).queue
    assert control == f"pid://{controller.pid}/{queue}"
    for process in (controller.pid, stranger.pid):
        hangup = kapi.dialplan.Hangup("leg")
        house.proxy.says(hangup, "targeted", queue, {"Deliver-To-PID": str(process)})
    await house.settle()
    assert isinstance((await controller.expect(Received)).message, kapi.dialplan.Hangup)
    assert stranger.messages == []
    assert (await house.status()).unmatched == 1


@pytest.mark.parametrize(("wish", "published"), [("always", 3), ("never", 0), (None, 0)])
async def test_only_families_that_are_wanted_go_out(node: VirtualNode, wish: str | None, published: int) -> None:
    house = await House(node, {"registration": wish} if wish else {}).start()
    for _ in range(3):
        node.cast(house.edge, Publish(RegSync()))
    status = await house.status()
    assert (status.published, status.unwanted) == (published, 3 - published)


async def test_a_family_goes_out_while_somebody_is_bound(node: VirtualNode) -> None:
    house = await House(node, {"registration": "bound"}).start()

    async def publish(times: int) -> int:
        for _ in range(times):
            node.cast(house.edge, Publish(RegSync()))
            await house.settle()
        return (await house.status()).published

    assert await publish(5) == 1  # it came back: the others rest
    house.broker.bind("kamailio", "registrar", "registration.sync")
    await node.advance(house.interest.rest + 0.1)
    assert await publish(5) == 6
    assert len(house.proxy.got) == 5


async def test_a_message_of_ours_that_is_invalid_does_not_leave(node: VirtualNode) -> None:
    house = await House(node, {"registration": "always"}).start()
    with capture_logs() as lines:
        node.cast(house.edge, Publish(RegSuccess("", "", "", 60.0, 1)))
        await house.settle()
    assert [line["event"] for line in lines if line["log_level"] == "error"] == ["edge.cannot_be_sent"]
    assert (await house.status()).dropped == 1


async def test_a_broker_that_goes_away_costs_what_would_go_out_and_nothing_else(node: VirtualNode) -> None:
    house = await House(node, {"registration": "always"}).start()
    house.broker.stop()
    await house.settle()
    assert not (await house.status()).connected
    node.cast(house.edge, Publish(RegSync()))
    answers = await node.drive(node.call(house.edge, Ask(RegQuery("acme.test")), timeout=10.0))
    assert answers == Answers((), False)
    assert (await house.status()).dropped == 2
    house.broker.start()
    house.proxy = Outside(house.broker)
    house.proxy.says(REQUEST, "callmgr", "authn.req.x")
    await house.settle()
    assert (await house.status()).connected
    assert isinstance(await house.registrar.expect(Received), Received)


async def test_an_edge_that_dies_leaves_no_queue(node: VirtualNode) -> None:
    house = await House(node).start()
    queue = (await house.status()).queue
    node.exit(house.edge, "kill")
    await house.settle()
    assert not house.broker.publish(Outgoing("targeted", queue, b"{}"))


async def test_an_edge_that_is_started_again_listens_again_under_another_queue(node: VirtualNode) -> None:
    house = await House(node).start()
    queue = (await house.status()).queue
    node.exit(house.edge, "kill")
    house.edge = await node.start(Edge, [house.broker.link], "registrar", {AuthnReq: house.registrar.pid})
    house.proxy.says(REQUEST, "callmgr", "authn.req.x")
    await house.settle()
    assert len(house.registrar.messages) == 1
    assert (await house.status()).queue != queue


def test_a_family_is_published_always_bound_or_never() -> None:
    with pytest.raises(ValueError, match="'sometimes'"):
        Interest({"call": "sometimes"})  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("kind", "pattern", "key", "fits"),
    [
        ("topic", "a.*.c", "a.b.c", True),
        ("topic", "a.*.c", "a.b.b.c", False),
        ("topic", "a.#", "a", True),
        ("topic", "a.#", "a.b.c", True),
        ("topic", "#", "", True),
        ("topic", "*.*", "node.name", True),
        ("direct", "a", "a", True),
        ("direct", "*", "a", False),
        ("fanout", "x", "y", True),
    ],
)
def test_the_broker_in_memory_routes_as_a_real_one(kind: str, pattern: str, key: str, fits: bool) -> None:
    assert matches(kind, pattern, key) is fits


# Several brokers


class TwoBrokers:
    """An edge on two brokers, with a listener of its own and one that all nodes share."""

    def __init__(self, node: VirtualNode) -> None:
        self.node = node
        self.brokers = MemoryBroker("first"), MemoryBroker("second")

    async def start(self) -> "TwoBrokers":
        self.listener, self.told = await Probe.start(self.node), await Probe.start(self.node)
        self.edge = await self.another()
        self.outside = [Outside(broker) for broker in self.brokers]
        for broker in self.brokers:
            broker.bind("kamailio", "registrar", "registration.sync")
        await self.node.idle()
        return self

    async def another(self) -> Pid:
        return await self.node.start(
            Edge,
            [broker.link for broker in self.brokers],
            "test",
            {RegSuccess: self.listener.pid},
            Interest({"registration": "always"}),
            {AuthnReq: self.listener.pid},
            (self.told.pid,),
        )

    async def publish(self) -> list[int]:
        """Publish once; how much each broker has delivered since the start."""
        self.node.cast(self.edge, Publish(RegSync()))
        await self.node.idle()
        return [len(outside.got) for outside in self.outside]


async def test_all_brokers_are_listened_to_and_each_answers_for_itself(node: VirtualNode) -> None:
    house = await TwoBrokers(node).start()
    for number, outside in enumerate(house.outside):
        msg_id = outside.says(REQUEST, "callmgr", "authn.req.x")
        await node.idle()
        got = await house.listener.expect(Received)
        node.cast(house.edge, Answer(AuthnErr(), got.envelope))
        await node.idle()
        [(headers, _)] = outside.got
        assert headers["Msg-ID"] == msg_id
        assert not house.outside[1 - number].got or number
        outside.got.clear()


async def test_what_is_published_goes_to_the_first_broker_that_is_there(node: VirtualNode) -> None:
    house = await TwoBrokers(node).start()
    assert await house.publish() == [1, 0]
    house.brokers[0].stop()
    assert await house.publish() == [1, 1]
    house.brokers[1].stop()
    assert await house.publish() == [1, 1]
    house.brokers[0].start()
    house.brokers[0].consume("kamailio", house.outside[0]._took)
    house.brokers[0].bind("kamailio", "registrar", "registration.sync")
    assert await house.publish() == [2, 1]


async def test_who_wants_to_know_is_told_of_each_broker_that_is_there_again(node: VirtualNode) -> None:
    house = await TwoBrokers(node).start()
    assert [told.broker for told in house.told.messages] == ["first", "second"]
    house.brokers[1].stop()
    house.brokers[1].start()
    await node.idle()
    assert [told.broker for told in house.told.messages] == ["first", "second", "second"]


async def test_of_what_nodes_share_each_gets_a_part_and_of_the_rest_each_gets_all(node: VirtualNode) -> None:
    house = await TwoBrokers(node).start()
    await house.another()
    await node.idle()
    for _ in range(4):
        house.outside[0].says(REQUEST, "callmgr", "authn.req.x")
        house.outside[0].says(RegSuccess("bob", "acme.test", "sip:b", 60.0, 1), "registrar", "registration.success.a.b")
    await node.idle()
    got = [type(each.message) for each in house.listener.messages]
    assert (got.count(AuthnReq), got.count(RegSuccess)) == (4, 8)


async def test_a_stranger_cannot_say_which_broker_its_answer_goes_to(node: VirtualNode) -> None:
    house = await TwoBrokers(node).start()
    house.outside[0].says(REQUEST, "callmgr", "authn.req.x", amqp_broker="second")
    await node.idle()
    assert (await house.listener.expect(Received)).envelope.amqp_broker == "first"


async def test_answers_to_a_question_for_all_come_to_those_who_listen(node: VirtualNode) -> None:
    house = await TwoBrokers(node).start()
    node.cast(house.edge, Publish(RegSync(), answers_here=True))
    await node.idle()
    headers, _ = house.outside[0].got.pop()
    house.outside[0].says(RegSuccess("bob", "acme.test", "sip:b", 60.0, 1), "targeted", headers["Server-ID"])
    await node.idle()
    assert isinstance((await house.listener.expect(Received)).message, RegSuccess)


async def test_a_queue_has_no_name_that_kamailio_has_no_room_for() -> None:
    async with virtual_node("n" * 64 + "@" + "h" * 180) as node:
        edge = await node.start(Edge, [MemoryBroker().link], "app" * 50)
        status = await node.drive(node.call(edge, EdgeStatus()))
        assert len(f"consumer://99/{status.queue}") < 100
