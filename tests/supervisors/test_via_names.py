"""Children that are registered under a Via: in a KeyRegistry that stands in the same tree."""

from __future__ import annotations

from typing import Any

import pytest

from mirliton.runtime import GenServer, KeyRegistry, Name, Pid, Reply, StartError, Via, key_registry
from mirliton.runtime.testing import VirtualNode
from mirliton.supervisors import (
    InvalidChildSpec,
    Supervisor,
    Tree,
    check_child_spec,
    count_children,
    explain,
    start_child,
    worker,
)

LINES = Name("service", "lines")


class Line(GenServer):
    def init(self, number: str) -> None:
        self.number = number

    def handle_call(self, request: Any, sender: Any) -> Reply:
        return Reply((self.number, 1 // request))


def line(number: str) -> Any:
    return worker(Line, number, id=number, name=Via(LINES, number))


async def start(node: VirtualNode, strategy: Any = "rest_for_one") -> Pid:
    children = [worker(KeyRegistry, "unique", id="lines", name=LINES), *map(line, ("201", "202", "203"))]
    return await node.start(Supervisor, Tree(strategy, children, intensity=1, period=5.0))


async def test_a_child_keeps_its_key_over_a_restart(node: VirtualNode) -> None:
    supervisor = await start(node)
    before = node.whereis(Via(LINES, "203"))
    assert before is not None
    node.exit(before, "kill")
    await node.idle()
    after = node.whereis(Via(LINES, "203"))
    assert after not in (None, before)
    assert await node.call(Via(LINES, "203"), 1) == ("203", 1)
    explained = await node.drive(explain(node, supervisor, Via(LINES, "203")))
    assert explained.child == after


async def test_a_registry_and_its_lines_come_back_together_and_count_once(node: VirtualNode) -> None:
    await start(node)
    registry = node.whereis(LINES)
    assert registry is not None
    node.exit(registry, "kill")
    await node.idle()
    assert node.whereis(LINES) not in (None, registry)
    for number in ("201", "202", "203"):
        assert await node.call(Via(LINES, number), 1) == (number, 1)
    assert key_registry.count(node, LINES) == 3


async def test_a_child_whose_registry_does_not_run_does_not_start(node: VirtualNode) -> None:
    with pytest.raises(StartError) as caught:
        await node.start(Supervisor, Tree("one_for_one", [line("201")]))
    assert caught.value.reason.detail == ("failed_to_start_child", "201", ("no_registry", LINES))
    assert len(node) == 0


async def test_two_children_cannot_have_one_key(node: VirtualNode) -> None:
    supervisor = await start(node)
    again = worker(Line, "x", id="another", name=Via(LINES, "201"))
    with pytest.raises(Exception, match="already_started"):
        await node.drive(start_child(node, supervisor, again))
    assert (await node.drive(count_children(node, supervisor))).active == 4


def test_mail_is_kept_for_names_only() -> None:
    with pytest.raises(InvalidChildSpec, match="keep mail"):
        check_child_spec({"id": 1, "start": line("1").start, "name": Via(LINES, "1"), "keep_mail": True})
