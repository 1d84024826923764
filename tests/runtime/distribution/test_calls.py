"""Calls to other nodes: each has one end, and leaves nothing behind on either."""

from __future__ import annotations

from typing import Any

import pytest

from mirliton.runtime import CallTimeout, Name, NodeDown, NoProc, Pid, PreviousIncarnation, Response, ServerDied
from mirliton.runtime.protocol import From
from mirliton.runtime.testing import Cluster, VirtualNode, virtual_cluster

SERVER = Name("service", "server")


def nothing_open(*nodes: VirtualNode) -> bool:
    return all(len(node.calls) == 0 for node in nodes)


async def test_a_call_is_answered(cluster: Cluster, a: VirtualNode, b: VirtualNode, on: Any) -> None:
    one, server = await on(a), await on(b, name=SERVER)
    assert await one.do(lambda me: me.call(server.pid, [1, "x"])) == [1, "x"]
    assert await one.do(lambda me: me.call(SERVER.at("b@host"), 2)) == 2
    assert await cluster.drive(a.call(server.pid, 3)) == 3
    assert nothing_open(a, b)


async def test_a_call_to_nobody_fails_at_once(cluster: Cluster, a: VirtualNode, b: VirtualNode) -> None:
    for target in (Pid("b@host", b.incarnation, 999), SERVER.at("b@host")):
        with pytest.raises(NoProc) as none:
            await cluster.drive(a.call(target, "?"))
        assert none.value.target == target
    assert nothing_open(a, b)


async def test_a_call_ends_with_its_server(cluster: Cluster, a: VirtualNode, b: VirtualNode, on: Any) -> None:
    server = await on(b)
    with pytest.raises(ServerDied) as died:
        await cluster.drive(a.call(server.pid, "die"))
    assert died.value.exit_reason == "told to"
    assert nothing_open(a, b)


async def test_a_call_that_is_given_up_is_forgotten_by_the_server_s_node(
    cluster: Cluster, a: VirtualNode, b: VirtualNode, on: Any
) -> None:
    server = await on(b)
    with pytest.raises(CallTimeout):
        await cluster.drive(a.call(server.pid, "wait", timeout=1.0))
    await cluster.advance(0.1)
    assert nothing_open(a, b)
    (sender,) = server.process.waiting
    await server.do(lambda me: me.reply(sender, "too late"))
    await cluster.advance(0.1)
    assert a.calls.late_replies + b.calls.late_replies == 1


async def test_a_caller_that_ends_leaves_no_call_behind(
    cluster: Cluster, a: VirtualNode, b: VirtualNode, on: Any
) -> None:
    one, server = await on(a), await on(b)
    one.begin(lambda me: me.call(server.pid, "wait"))
    await cluster.advance(0.1)
    assert len(b.calls) == 1
    a.exit(one.pid, "kill")
    await cluster.advance(0.1)
    assert nothing_open(a, b)


async def test_another_process_may_answer_also_on_a_third_node() -> None:
    async with virtual_cluster("a@host", "b@host", "c@host") as cluster:
        from far_world import Far

        a, b, c = cluster.nodes
        server, helper = await Far.on(cluster, b), await Far.on(cluster, c)
        call = a.loop.create_task(a.call(server.pid, "wait"))
        await cluster.advance(0.1)
        (sender,) = server.process.waiting
        await server.do(lambda me: me.send(helper.pid, sender))
        await cluster.advance(0.1)
        (passed_on,) = helper.seen
        assert type(passed_on) is From
        await helper.do(lambda me: me.reply(passed_on, "by the helper"))
        assert await cluster.drive(call) == "by the helper"
        await cluster.advance(0.1)
        assert nothing_open(a, b, c)


async def test_a_request_that_holds_nobody_up_gets_its_response(
    cluster: Cluster, a: VirtualNode, b: VirtualNode, on: Any
) -> None:
    one, server = await on(a), await on(b)
    await one.do(lambda me: me.send_request(server.pid, "hello"))
    await one.do(lambda me: me.send_request(Pid("b@host", b.incarnation, 999), "hello"))
    await cluster.advance(0.1)
    assert [(type(mail), mail.value, mail.error) for mail in one.seen] == [
        (Response, "hello", None),
        (Response, None, "noproc"),
    ]
    assert nothing_open(a, b)


async def test_an_answer_that_cannot_travel_ends_the_server_and_the_call(
    cluster: Cluster, a: VirtualNode, b: VirtualNode, on: Any
) -> None:
    server = await on(b)
    b.strict = False
    call = a.loop.create_task(a.call(server.pid, "wait"))
    await cluster.advance(0.1)
    (sender,) = server.process.waiting
    server.begin(lambda me: me.reply(sender, {1, 2}))
    with pytest.raises(ServerDied) as died:
        await cluster.drive(call)
    assert "cannot be sent" in str(died.value)
    assert nothing_open(a, b)


async def test_a_call_to_a_node_that_is_out_of_reach_fails_at_once(cluster: Cluster, a: VirtualNode) -> None:
    for target in (Pid("nowhere@host", 1, 1), SERVER.at("nowhere@host")):
        with pytest.raises(NodeDown):
            await a.call(target, "?")


async def test_a_call_in_flight_fails_when_the_node_goes_down(
    cluster: Cluster, a: VirtualNode, b: VirtualNode, on: Any
) -> None:
    server = await on(b)
    call = a.loop.create_task(a.call(server.pid, "wait", timeout=None))
    await cluster.advance(0.1)
    began = cluster.clock.now()
    await cluster.kill("b@host")
    with pytest.raises(NodeDown) as down:
        await cluster.drive(call)
    assert down.value.reason == ("nodedown", "b@host")
    assert cluster.clock.now() - began < 1.0
    assert nothing_open(a)


async def test_a_pid_of_an_earlier_start_of_a_node_says_so(
    cluster: Cluster, a: VirtualNode, b: VirtualNode, on: Any
) -> None:
    server = await on(b)
    await cluster.kill("b@host")
    again = await cluster.start("b@host")
    await cluster.all_up()
    with pytest.raises(PreviousIncarnation):
        await cluster.drive(a.call(server.pid, "?"))
    assert again.incarnation != b.incarnation
