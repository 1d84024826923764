"""Requests that do not hold their sender up, and their responses."""

from __future__ import annotations

from typing import Any

import pytest

from mirliton.runtime import (
    CallTimeout,
    CoroutineProcess,
    GenServer,
    MailboxFull,
    Name,
    NoProc,
    NoReply,
    Reply,
    Response,
    ServerDied,
    Stop,
)
from mirliton.runtime.requests import check_response
from mirliton.runtime.testing import VirtualNode

NAME = Name("test", "server")


class Server(GenServer):
    def handle_call(self, request: Any, sender: Any) -> Any:
        match request:
            case "slow":
                return self.slowly()
            case "stop":
                return Stop("boom")
            case "never":
                return NoReply()
        return Reply(("echo", request))

    async def slowly(self) -> Reply:
        await self.sleep(1)
        return Reply("late")


async def test_a_response_that_nobody_waits_for_is_mail(node: VirtualNode, puppet: Any) -> None:
    a, server = await puppet(), await node.start(Server)
    request = await a.do(lambda me: me.send_request(server, "hi"))
    await node.idle()
    assert a.messages == [Response(request, ("echo", "hi"))]
    assert check_response(a.messages[0], request).result() == ("echo", "hi")
    assert check_response("other", request) is None


async def test_receive_response_waits_for_it(node: VirtualNode, puppet: Any) -> None:
    a, server = await puppet(), await node.start(Server)

    async def ask(me: GenServer) -> Any:
        slow = me.send_request(server, "slow")
        return await me.receive_response(slow, 5)

    assert await a.do(ask) == "late"
    assert a.messages == []


async def test_receive_response_takes_what_has_come_before_out_of_the_mailbox(node: VirtualNode, puppet: Any) -> None:
    a, server = await puppet(), await node.start(Server)

    async def ask(me: GenServer) -> Any:
        first, second = me.send_request(server, 1), me.send_request(server, 2)
        node.send(me.pid, "other mail")
        await me.sleep(1)
        return [await me.receive_response(second, 0.1), await me.receive_response(first, 0.1)]

    assert await a.do(ask) == [("echo", 2), ("echo", 1)]
    await node.idle()
    assert a.messages == ["other mail"]


async def test_after_a_timeout_receive_response_gives_the_request_up(node: VirtualNode, puppet: Any) -> None:
    a, server = await puppet(), await node.start(Server)

    async def ask(me: GenServer) -> Any:
        request = me.send_request(server, "slow")
        with pytest.raises(CallTimeout):
            await me.receive_response(request, 0.5)
        with pytest.raises(CallTimeout):
            await me.receive_response(request)

    await a.do(ask)
    late = node.calls.late_replies
    await node.advance(2)
    assert a.messages == []
    assert node.calls.late_replies == late + 1


async def test_after_a_timeout_wait_response_may_be_tried_again(node: VirtualNode, puppet: Any) -> None:
    a, server = await puppet(), await node.start(Server)

    async def ask(me: GenServer) -> Any:
        request = me.send_request(server, "slow")
        with pytest.raises(CallTimeout):
            await me.wait_response(request, 0.5)
        return await me.wait_response(request, 5)

    assert await a.do(ask) == "late"


async def test_a_request_to_nobody_or_to_a_dying_server_has_a_response_too(node: VirtualNode, puppet: Any) -> None:
    a, server = await puppet(), await node.start(Server)

    async def ask(me: GenServer, to: Any, what: str) -> Any:
        return await me.receive_response(me.send_request(to, what), 1)

    with pytest.raises(NoProc):
        await a.do(lambda me: ask(me, NAME, "x"))
    with pytest.raises(ServerDied) as died:
        await a.do(lambda me: ask(me, server, "stop"))
    assert died.value.exit_reason == "boom"
    with pytest.raises(NoProc):
        await a.do(lambda me: ask(me, server, "x"))


async def test_a_process_may_ask_itself(node: VirtualNode, puppet: Any) -> None:
    class Selfish(GenServer):
        def handle_call(self, request: Any, sender: Any) -> Any:
            return Reply(request)

        def handle_cast(self, request: Any) -> None:
            self.asked = self.send_request(self.pid, "me")

        def handle_info(self, received: Any) -> None:
            self.got = received

    pid = await node.start(Selfish)
    node.cast(pid, "go")
    await node.idle()
    assert pid.cell is not None
    assert pid.cell.actor.got == Response(pid.cell.actor.asked, "me")


async def test_a_coroutine_process_receives_a_response_as_any_mail(node: VirtualNode) -> None:
    server = await node.start(Server)
    got: list[Any] = []

    class Script(CoroutineProcess):
        async def run(self) -> None:
            one, two = self.send_request(server, 1), self.send_request(server, 2)
            got.append(await self.receive(lambda mail: check_response(mail, two) is not None))
            got.append(await self.receive_response(one))

    node.spawn(Script)
    await node.idle()
    assert got[0].result() == ("echo", 2)
    assert got[1] == ("echo", 1)


async def test_a_full_mailbox_refuses_a_request(node: VirtualNode, puppet: Any) -> None:
    class Small(Server):
        mailbox_limit = 1

    a, server = await puppet(), await node.start(Small)
    await node.sys.suspend(server)

    def ask(me: GenServer) -> None:
        me.send_request(server, 1)
        me.send_request(server, 2)

    with pytest.raises(MailboxFull):
        await a.do(ask)
    assert len(node.calls) == 1


async def test_who_ends_leaves_no_request_behind(node: VirtualNode, puppet: Any) -> None:
    a, server = await puppet(), await node.start(Server)
    await a.do(lambda me: me.send_request(server, "never"))
    assert len(node.calls) == 1
    node.exit(a.pid, "kill")
    assert len(node.calls) == 0


async def test_who_is_linked_and_asks_hears_of_the_link_first(node: VirtualNode, puppet: Any) -> None:
    a = await puppet(trap=True)
    server = await a.do(lambda me: me.start_link(Server))
    request = await a.do(lambda me: me.send_request(server, "never"))
    node.exit(server, "kill")
    await node.idle()
    assert a.exits == [(server, "killed")]
    assert a.messages[1:] == [Response(request, None, "killed")]
