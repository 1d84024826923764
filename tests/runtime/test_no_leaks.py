"""The leak check of the kit: everything that is left is listed, with whose it is."""

from __future__ import annotations

from typing import Any

import pytest

from mirliton.runtime import CoroutineProcess, GenServer, Name, NoReply, Pid
from mirliton.runtime.testing import Snapshot, VirtualNode, assert_no_leaks, no_leaks, unsettled


class Silent(GenServer):
    def handle_call(self, request: Any, sender: Any) -> Any:
        return NoReply()

    def handle_info(self, received: Any) -> None:
        pass


class Untidy(CoroutineProcess):
    """Leaves one of everything."""

    async def init(self, other: Pid) -> None:
        self.other = other
        self.register(Name("left", "behind"))
        self.send_after(30, self.pid, "tick")
        self.monitor(other)
        self.link(other)
        self.own(close_it)
        self.spawn(Silent)

    async def run(self) -> None:
        self.send(self.pid, "mail")
        await self.call(self.other, "never answered", timeout=40)


def close_it() -> None:
    """Nothing to close."""


async def test_what_is_left_is_listed_with_whose_it_is(node: VirtualNode) -> None:
    other = await node.start(Silent)
    before = Snapshot.of(node)
    pid = await node.start(Untidy, other)
    child = Pid(pid.node, pid.incarnation, pid.serial + 1)
    node.registry.reserve(Name("kept", "mail"), [])
    await node.idle()
    me = f"left:behind <{pid}>"
    with pytest.raises(AssertionError) as caught:
        assert_no_leaks(before, Snapshot.of(node))
    lines = [line.strip() for line in str(caught.value).splitlines()]
    assert lines[0] == "left on test@localhost:"
    assert set(lines[1:]) == {
        f"process {me}, started by the node",
        f"process Silent <{child}>, started by the node",
        f"timer in 30 s, of {me}",
        f"timer in 40 s, of {me}",
        "timer in 30 s, of the node",
        f"call of {me} to {other}, unanswered",
        f"name left:behind, held by {me}",
        "reservation of kept:mail with 0 messages for a successor",
        f"monitor of Silent <{other}>, by {me}",
        f"link between Silent <{other}> and {me}",
        f"resource 'close_it', owned by {me}",
        f"1 messages waiting for {me}",
    }
    node.registry.release(Name("kept", "mail"))


async def test_an_async_handler_at_work_is_a_leak_and_has_a_name(node: VirtualNode) -> None:
    class Works(GenServer):
        async def handle_cast(self, request: Any) -> None:
            await self.sleep(60)

    pid = await node.start(Works)
    before = Snapshot.of(node)
    node.cast(pid, "go")
    await node.idle()
    left = before.left(Snapshot.of(node))
    assert any(line.startswith("task ") and line.endswith(f"Works <{pid}>") for line in left)
    await node.advance(60)
    assert_no_leaks(before, Snapshot.of(node))


@pytest.mark.parametrize("end", ["kill", "shutdown", "boom"])
async def test_whatever_ends_a_process_nothing_of_it_is_left(node: VirtualNode, end: str) -> None:
    other = await node.start(Silent)
    with no_leaks(node):
        pid = await node.start(Untidy, other)
        await node.idle()
        node.send(pid, "stop")
        node.signals.unlink(pid.cell, other)
        child = Pid(pid.node, pid.incarnation, pid.serial + 1)
        node.exit(pid, end)
        node.exit(child, "kill")
        await node.idle()


async def test_what_was_there_before_is_no_leak(node: VirtualNode) -> None:
    await node.start(Untidy, await node.start(Silent))
    await node.idle()
    with no_leaks(node):
        pid = await node.start(Silent)
        node.exit(pid, "shutdown")


async def test_a_node_at_rest_has_no_open_calls_no_mail_and_nothing_of_nobody(node: VirtualNode) -> None:
    other = await node.start(Silent)
    assert unsettled(node) == []
    pid = await node.start(Untidy, other)
    await node.idle()
    me = f"left:behind <{pid}>"
    assert unsettled(node) == [f"call of {me} to {other}, unanswered", f"1 messages waiting for {me}"]
    node.registry.reserve(Name("kept", "mail"), [])
    timer = node.after(5, print)
    assert unsettled(node)[2:] == [f"timer in 5 s, of nobody: {print}"]
    node.timers.cancel(timer)
    node.registry.release(Name("kept", "mail"))
