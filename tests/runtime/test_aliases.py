"""Aliases: names that lead to a process until it takes them back; and starting with a monitor."""

from __future__ import annotations

from typing import Any

import pytest

from mirliton.runtime import IGNORE, Down, GenServer, StartError, Stop
from mirliton.runtime.testing import VirtualNode


async def test_mail_to_an_alias_comes_until_it_is_taken_back(node: VirtualNode, puppet: Any) -> None:
    a = await puppet()
    alias = await a.do(lambda me: me.alias())
    node.send(alias, "one")
    await node.idle()
    assert await a.do(lambda me: me.unalias(alias)) is True
    letters = node.dead_letters
    node.send(alias, "two")
    await node.idle()
    assert a.messages == ["one"]
    assert node.dead_letters == letters + 1
    assert await a.do(lambda me: me.unalias(alias)) is False


async def test_nobody_else_can_take_an_alias_back(node: VirtualNode, puppet: Any) -> None:
    a, b = await puppet(), await puppet()
    alias = await a.do(lambda me: me.alias())
    assert await b.do(lambda me: me.unalias(alias)) is False
    assert node.whereis(alias) == a.pid


async def test_each_alias_is_new_and_none_is_a_name(node: VirtualNode, puppet: Any) -> None:
    a = await puppet()
    first, second = await a.do(lambda me: me.alias()), await a.do(lambda me: me.alias())
    assert first != second
    assert node.registry.names() == []
    assert a.pid.cell.label == "Stringed"


async def test_aliases_end_with_their_process(node: VirtualNode, puppet: Any) -> None:
    a = await puppet()
    alias = await a.do(lambda me: me.alias())
    node.exit(a.pid, "kill")
    assert node.whereis(alias) is None
    assert len(node.registry) == 0


# start_monitor


class Begins(GenServer):
    def init(self, answer: Any = None, dies: bool = False) -> Any:
        if dies:
            node, pid = self.node, self.pid
            node.after(0.1, lambda _: node.exit(pid, "boom"))
        return answer


async def test_start_monitor_monitors_from_before_the_beginning(node: VirtualNode, puppet: Any) -> None:
    a = await puppet()
    pid, ref = await a.do(lambda me: me.start_monitor(Begins, None, True))
    await node.advance(1)
    assert a.messages == [Down(ref, pid, "boom")]


async def test_a_monitored_start_that_fails_leaves_no_down_behind(node: VirtualNode, puppet: Any) -> None:
    a = await puppet()
    with pytest.raises(StartError) as refused:
        await a.do(lambda me: me.start_monitor(Begins, Stop("bad")))
    assert refused.value.reason == "bad"
    assert await a.do(lambda me: me.start_monitor(Begins, IGNORE)) is None
    await node.idle()
    assert a.messages == []
