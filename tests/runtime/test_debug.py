"""The log and the statistics of `sys`."""

from __future__ import annotations

from typing import Any

import pytest

from mirliton.runtime import Call, Cast, CoroutineProcess, GenServer, NoReply, Reply
from mirliton.runtime.testing import VirtualNode


class Echo(GenServer):
    def handle_call(self, request: Any, sender: Any) -> Any:
        return self.later(request) if request == "async" else Reply(request)

    async def later(self, request: Any) -> Reply:
        await self.sleep(1)
        return Reply(request)

    def handle_cast(self, request: Any) -> NoReply:
        return NoReply()

    def handle_info(self, received: Any) -> None:
        pass


async def test_the_log_keeps_the_last_events(node: VirtualNode) -> None:
    pid = await node.start(Echo)
    await node.sys.start_log(pid, keep=4)
    assert await node.call(pid, "one") == "one"
    node.cast(pid, "two")
    node.send(pid, "three")
    assert await node.sys.get_log(pid) == [("in", Cast("two")), ("noreply",), ("in", "three"), ("noreply",)]
    await node.sys.stop_log(pid)
    assert await node.sys.get_log(pid) == []


async def test_a_call_is_in_and_its_answer_out(node: VirtualNode) -> None:
    pid = await node.start(Echo)
    await node.sys.start_log(pid)
    await node.call(pid, "one")
    await node.drive(node.call(pid, "async"))
    log = await node.sys.get_log(pid)
    assert [(event[0], event[1].request if isinstance(event[1], Call) else event[1]) for event in log] == [
        ("in", "one"),
        ("out", "one"),
        ("in", "async"),
        ("out", "async"),
    ]


async def test_statistics_count_while_they_are_on(node: VirtualNode) -> None:
    pid = await node.start(Echo)
    assert await node.sys.get_statistics(pid) is None
    await node.sys.start_statistics(pid)
    await node.call(pid, "one")
    node.cast(pid, "two")
    node.send(pid, "three")
    counted = await node.sys.get_statistics(pid)
    assert counted is not None
    assert (counted.messages_in, counted.messages_out) == (3, 1)
    await node.sys.stop_statistics(pid)
    assert await node.sys.get_statistics(pid) is None


async def test_a_watched_server_looks_like_any_other(node: VirtualNode) -> None:
    pid = await node.start(Echo)
    before = await node.sys.get_state(pid)
    await node.sys.start_log(pid)
    assert await node.sys.get_state(pid) == before
    await node.sys.stop_log(pid)
    assert pid.cell is not None
    assert "handle_call" not in vars(pid.cell.actor)


async def test_only_a_gen_server_can_be_watched(node: VirtualNode) -> None:
    class Script(CoroutineProcess):
        async def run(self) -> None:
            await self.receive(lambda _: False)

    pid = await node.start(Script)
    with pytest.raises(TypeError, match="no GenServer"):
        await node.sys.start_log(pid)
    assert pid.cell is not None
