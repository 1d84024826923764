"""Names that lead to other nodes: where nobody has them here, and nodes share them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from far_world import Far, Note
from mirliton.runtime import GenServer, Name, NoProc, Reply, Shutdown
from mirliton.runtime.distribution import Share
from mirliton.runtime.testing import Cluster, VirtualNode, virtual_cluster

SERVICE = Name("service", "shop")
OWN = Name("service", "till")
CALL = Name("call", "1")


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    async with virtual_cluster("a@host", "b@host", shared={SERVICE: Share.ANY, "call": Share.ONE}) as both:
        yield both


class Kept(GenServer):
    """Keeps its mail, and tells on which node it is."""

    def handle_call(self, request: Any, sender: Any) -> Any:
        if request == "die":
            raise RuntimeError("told to")
        return Reply(self.node.name)


async def settle(cluster: Cluster) -> None:
    await cluster.advance(0.1)


async def test_a_shared_name_leads_to_its_holder_on_another_node_for_sends_calls_and_monitors(
    cluster: Cluster, a: VirtualNode, b: VirtualNode, on: Any
) -> None:
    holder = await on(b, name=CALL)
    watcher = await on(a)
    await settle(cluster)
    assert a.whereis(CALL) == holder.pid
    await watcher.do(lambda process: process.monitor(CALL))
    await watcher.do(lambda process: process.send(CALL, Note("hello")))
    assert await watcher.do(lambda process: process.call(CALL, "word")) == "word"
    assert await cluster.drive(a.call(CALL, "from outside")) == "from outside"
    b.exit(holder.pid, "kill")
    await settle(cluster)
    assert holder.seen == [Note("hello")]
    assert watcher.downs == [(CALL, "killed")]
    assert a.whereis(CALL) is None
    with pytest.raises(NoProc):
        await cluster.drive(a.call(CALL, "word"))


async def test_a_name_that_is_not_shared_is_each_nodes_own(cluster: Cluster, a: VirtualNode, on: Any) -> None:
    await on(cluster.nodes[1], name=OWN)
    await settle(cluster)
    assert a.whereis(OWN) is None
    with pytest.raises(NoProc):
        await cluster.drive(a.call(OWN, "word"))


async def test_a_holder_of_ones_own_node_is_preferred(
    cluster: Cluster, a: VirtualNode, b: VirtualNode, on: Any
) -> None:
    far = await on(b, name=SERVICE)
    near = await on(a, name=SERVICE)
    await settle(cluster)
    a.send(SERVICE, Note("hello"))
    await settle(cluster)
    assert (near.seen, far.seen) == ([Note("hello")], [])
    a.exit(near.pid, "kill")
    await settle(cluster)
    a.send(SERVICE, Note("again"))
    await settle(cluster)
    assert far.seen == [Note("again")]


async def test_each_sender_keeps_to_one_of_several_holders_and_all_of_them_get_some(
    cluster: Cluster, a: VirtualNode, b: VirtualNode, on: Any
) -> None:
    c = await cluster.start("c@host")
    await cluster.all_up()
    holders = [await on(node, name=SERVICE) for node in (b, c)]
    senders = [await on(a) for _ in range(20)]
    await settle(cluster)
    for number, sender in enumerate(senders):
        for _ in range(3):
            await sender.do(lambda process, number=number: process.send(SERVICE, Note(str(number))))
    await settle(cluster)
    seen = [[note.text for note in holder.seen] for holder in holders]
    assert sum(map(len, seen)) == 60
    assert all(seen)
    assert not set(seen[0]) & set(seen[1])


async def test_a_node_that_comes_later_is_told_and_one_that_is_lost_takes_its_names_along(
    cluster: Cluster, a: VirtualNode, b: VirtualNode, on: Any
) -> None:
    for number in range(1200):
        await on(a, name=Name("call", f"number {number}"))
    c = await cluster.start("c@host")
    await cluster.all_up()
    await settle(cluster)
    assert c.whereis(Name("call", "number 1199")) is not None
    assert len(cluster.at("c@host").directory) == 1200
    await cluster.kill("a@host")
    await cluster.advance(6.0)
    assert len(cluster.at("c@host").directory) == len(cluster.at("b@host").directory) == 0


async def test_mail_waits_on_its_node_for_a_successor_and_the_name_stays_there_meanwhile(
    cluster: Cluster, a: VirtualNode, b: VirtualNode
) -> None:
    a.create(Kept, (), {}, name=CALL, keep_mail=True)
    await settle(cluster)
    with pytest.raises(Exception, match="told to"):
        await cluster.drive(b.call(CALL, "die"))
    answer = asyncio.ensure_future(b.call(CALL, "who", timeout=20.0))
    await cluster.advance(2.0)
    assert not answer.done()
    a.create(Kept, (), {}, name=CALL, keep_mail=True)
    assert await cluster.drive(answer) == "a@host"


async def test_a_name_that_nobody_took_up_again_is_withdrawn(cluster: Cluster, a: VirtualNode, b: VirtualNode) -> None:
    a.create(Kept, (), {}, name=CALL, keep_mail=True)
    await settle(cluster)
    with pytest.raises(Exception, match="told to"):
        await cluster.drive(b.call(CALL, "die"))
    await cluster.advance(1.0)
    assert cluster.at("b@host").directory.holders(CALL) == ["a@host"]
    a.registry.release(CALL)
    await cluster.advance(1.0)
    assert cluster.at("b@host").directory.holders(CALL) == []


async def test_of_two_holders_of_what_only_one_may_hold_the_older_ends(
    cluster: Cluster, a: VirtualNode, b: VirtualNode, on: Any
) -> None:
    cluster.hub.cut("a@host", "b@host")
    await cluster.advance(6.0)
    older = await on(a, name=CALL, trap=True)
    newer = await on(b, name=CALL)
    services = [await on(node, name=SERVICE) for node in (a, b)]
    watcher = await on(a)
    await watcher.do(lambda process: process.monitor(older.pid))
    cluster.hub.heal("a@host", "b@host")
    await cluster.all_up()
    await settle(cluster)
    assert (older.alive, newer.alive) == (False, True)
    assert watcher.downs == [(older.pid, Shutdown(("name_taken", "b@host")))]
    assert all(service.alive for service in services)
    assert await cluster.drive(a.call(CALL, "word")) == "word"
    assert cluster.at("a@host").directory.conflicts == 1


async def test_a_hidden_name_is_found_by_nobody_elsewhere_until_it_is_shown(
    cluster: Cluster, a: VirtualNode, b: VirtualNode, on: Any
) -> None:
    holder = await on(b, name=SERVICE)
    directory = cluster.at("b@host").directory
    directory.hide(SERVICE)
    await settle(cluster)
    assert a.whereis(SERVICE) is None
    b.exit(holder.pid, "kill")
    await on(b, name=SERVICE)
    await settle(cluster)
    assert a.whereis(SERVICE) is None
    directory.show(SERVICE)
    await settle(cluster)
    assert a.whereis(SERVICE) is not None


async def test_names_of_a_kind_can_be_led_by_a_rule_of_their_own(
    cluster: Cluster, a: VirtualNode, b: VirtualNode, on: Any
) -> None:
    holder = await on(b, name=Name("account", "7"))
    cluster.at("a@host").directory.resolvers["account"] = lambda name, sender: "b@host" if name.key == "7" else None
    a.send(Name("account", "7"), Note("hello"))
    await settle(cluster)
    assert holder.seen == [Note("hello")]
    with pytest.raises(NoProc):
        await cluster.drive(a.call(Name("account", "8"), "word"))


async def test_news_of_a_holder_come_before_what_it_says(
    cluster: Cluster, a: VirtualNode, b: VirtualNode, on: Any
) -> None:
    asker = await on(a)
    newcomer: Far = await on(b)

    def introduce(process: Any) -> None:
        process.register(CALL)
        process.send(asker.pid, Note("I am here"))

    await newcomer.do(introduce)
    await settle(cluster)
    assert asker.seen == [Note("I am here")]
    assert a.whereis(CALL) == newcomer.pid
    await newcomer.do(lambda process: process.unregister(CALL))
    await settle(cluster)
    assert a.whereis(CALL) is None


async def test_what_is_no_news_of_names_is_refused_and_harms_nobody(
    cluster: Cluster, a: VirtualNode, b: VirtualNode, on: Any
) -> None:
    from mirliton.runtime.distribution.envelopes import Op

    there = cluster.at("b@host")._connections["a@host"]
    there.tell(Op.NAMED, [["call", 1, 2]])
    there.tell(Op.UNNAMED, ["call"])
    there.tell(Op.NAMED, [[SERVICE, 1]])
    holder = await on(b, name=SERVICE)
    await settle(cluster)
    assert cluster.at("a@host").counters.refused["unreadable"] == 3
    assert a.whereis(SERVICE) == holder.pid
