"""Messages between nodes: the same addresses, in order, at most once."""

from __future__ import annotations

from typing import Any

import pytest

from far_world import Note
from mirliton.runtime import GenServer, MailboxFull, Name, NotSerialisable, Pid
from mirliton.runtime.errors import MessageTooLarge, OutboxFull
from mirliton.runtime.testing import Cluster, VirtualNode, virtual_cluster
from mirliton.runtime.transport import Limits
from mirliton.runtime.transport.lane import MAX_MESSAGE

CDR = Name("service", "cdr")


async def test_a_message_arrives_by_pid_with_its_sender(
    cluster: Cluster, a: VirtualNode, b: VirtualNode, on: Any
) -> None:
    one, other = await on(a), await on(b)
    await one.do(lambda me: me.send(other.pid, Note("hello")))
    await other.do(lambda me: me.send(one.pid, ("from", me.pid)))
    await cluster.advance(0.1)
    assert other.seen == [Note("hello")]
    assert one.seen == [("from", other.pid)]


async def test_a_message_to_a_name_on_a_node_reaches_whoever_has_it_then(
    cluster: Cluster, a: VirtualNode, b: VirtualNode, on: Any
) -> None:
    first = await on(b, name=CDR)
    a.send(CDR.at("b@host"), Note("1"))
    await cluster.advance(0.1)
    b.exit(first.pid, "kill")
    second = await on(b, name=CDR)
    a.cast(CDR.at("b@host"), Note("2"))
    await cluster.advance(0.1)
    assert (first.seen, second.seen) == ([Note("1")], [Note("2")])


async def test_a_name_at_ones_own_node_is_the_local_name(cluster: Cluster, a: VirtualNode, on: Any) -> None:
    one = await on(a, name=CDR)
    a.send(CDR.at("a@host"), Note("1"))
    assert await cluster.drive(a.call(CDR.at("a@host"), 5)) == 5
    assert one.seen == [Note("1")]


async def test_many_messages_arrive_in_their_order(cluster: Cluster, a: VirtualNode, b: VirtualNode, on: Any) -> None:
    other = await on(b)
    for number in range(2_000):
        a.send(other.pid, number)
    await cluster.advance(1.0)
    assert other.seen == list(range(2_000))


async def test_a_message_of_megabytes_arrives_between_its_neighbours(
    cluster: Cluster, a: VirtualNode, b: VirtualNode, on: Any
) -> None:
    other = await on(b)
    large = b"x" * 3_000_000
    for message in ("before", large, "after"):
        a.send(other.pid, message)
    await cluster.advance(1.0)
    assert other.seen == ["before", large, "after"]


async def test_what_cannot_travel_is_refused_to_its_sender(a: VirtualNode, b: VirtualNode, on: Any) -> None:
    one, other = await on(a), await on(b)
    with pytest.raises(NotSerialisable):
        await one.do(lambda me: me.send(other.pid, {"a": {1, 2}}))
    with pytest.raises((MessageTooLarge, NotSerialisable)):
        await one.do(lambda me: me.send(other.pid, bytes(MAX_MESSAGE)))


async def test_mail_to_nobody_is_a_dead_letter_where_it_arrives(
    cluster: Cluster, a: VirtualNode, b: VirtualNode
) -> None:
    a.send(Pid("b@host", b.incarnation, 12345), "hello")
    a.send(CDR.at("b@host"), "hello")
    await cluster.advance(0.1)
    assert (a.dead_letters, b.dead_letters) == (0, 2)


async def test_mail_to_a_node_that_is_not_there_is_a_dead_letter_here(a: VirtualNode) -> None:
    a.send(Pid("nowhere@host", 1, 1), "hello")
    a.send(CDR.at("nowhere@host"), "hello")
    assert a.dead_letters == 2


async def test_a_sender_is_told_when_too_much_waits_for_a_slow_node_and_all_that_was_taken_arrives_in_order() -> None:
    async with virtual_cluster("a@host", "b@host", limits=Limits(outbox_envelopes=100)) as cluster:
        from far_world import Far

        other = await Far.on(cluster, cluster.nodes[1])
        a, sent = cluster.nodes[0], 0
        cluster.hub.slow.add("b@host")
        with pytest.raises(OutboxFull) as full:
            for number in range(1_000):
                a.send(other.pid, number)
                sent += 1
                await cluster.advance(0.001)
        assert full.value.node == "b@host"
        assert cluster.at("a@host").counters.outbox_full == 1
        await cluster.advance(2.0)
        assert cluster.at("a@host").counters.held_back > 0
        cluster.hub.slow.clear()
        await cluster.advance(1.0)
        assert other.seen == list(range(sent))
        assert cluster.at("a@host").nodes() == ["b@host"]


async def test_a_bounded_mailbox_loses_what_another_node_sends_and_counts_it(
    cluster: Cluster, a: VirtualNode, b: VirtualNode
) -> None:
    class Small(GenServer):
        mailbox_limit = 2

    pid = await cluster.drive(b.start(Small))
    await cluster.drive(b.sys.suspend(pid))
    for number in range(5):
        a.cast(pid, number)
    await cluster.advance(0.1)
    assert sum(b.overflow.lost.values()) == 3
    with pytest.raises(MailboxFull):
        await cluster.drive(a.call(pid, "hello"))


async def test_mail_for_a_name_that_is_being_restarted_is_kept(
    cluster: Cluster, a: VirtualNode, b: VirtualNode, on: Any
) -> None:
    b.registry.reserve(CDR, [])
    a.send(CDR.at("b@host"), Note("kept"))
    call = a.loop.create_task(a.call(CDR.at("b@host"), "a call too"))
    await cluster.advance(0.1)
    successor = await on(b, name=CDR)
    assert await cluster.drive(call) == "a call too"
    assert successor.seen == [Note("kept")]
