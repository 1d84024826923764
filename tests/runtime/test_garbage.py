"""Short pauses: what the garbage collector looks at, and what it leaves alone, in a node of many processes."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from mirliton.runtime import GenServer, Node, garbage

PATIENCE = 5.0
"""Seconds that a look of the collector, due every millisecond in these tests, may take to come."""


class Idle(GenServer):
    def init(self) -> None:
        self.facts = {"a": [1], "b": {"c": 2}}


class Loop:
    """An object that only the collector can free."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def looks_every_millisecond(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(garbage, "EVERY", 0.001)


@pytest.fixture
async def busy_node() -> AsyncIterator[Node]:
    async with Node("many", short_pauses=True) as node:
        yield node


async def until(node: Node, condition: Callable[[], bool]) -> None:
    """Keep the node at work until it is so: the collector keeps its own time."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            pid = node.spawn(Idle)
            await asyncio.sleep(0.001)
            node.exit(pid, "kill")


async def old_looks(node: Node) -> None:
    """Wait until all that was not old yet has been looked at twice, and so the rule has been applied."""
    seen: list[int] = []

    def note(phase: str, info: dict[str, Any]) -> None:
        if phase == "stop" and info["generation"] == 2:
            seen.append(1)

    gc.callbacks.append(note)
    try:
        await until(node, lambda: len(seen) >= 2)
    finally:
        gc.callbacks.remove(note)


async def test_what_has_lived_for_a_while_is_not_looked_at_again(busy_node: Node) -> None:
    for _ in range(3_000):
        busy_node.spawn(Idle)
    await until(busy_node, lambda: len(gc.get_objects()) < 3_000)
    assert len(busy_node) == 3_000
    assert gc.get_freeze_count() > 3_000 * 4


async def test_a_cycle_that_dies_young_is_collected(busy_node: Node) -> None:
    seen = weakref.ref(Loop())
    await until(busy_node, lambda: seen() is None)


async def test_a_cycle_that_dies_old_waits_until_everything_is_looked_at(busy_node: Node) -> None:
    kept = Loop()
    seen = weakref.ref(kept)
    garbage.collect_all()
    del kept
    gc.collect()
    assert seen() is not None
    assert garbage.collect_all() >= 1
    assert seen() is None


@pytest.mark.parametrize(("growth", "found"), [("GROWTH", 10), ("MOST_GROWTH", 0)])
async def test_everything_is_looked_at_when_memory_has_grown_and_later_where_no_cycles_are_found(
    busy_node: Node, monkeypatch: pytest.MonkeyPatch, growth: str, found: int
) -> None:
    monkeypatch.setattr(garbage, "BLOCKS", 0)
    monkeypatch.setattr(garbage, "CYCLES", 10)
    monkeypatch.setattr(garbage, growth, 0.0)
    garbage.collect_all()
    before = garbage.short_pauses.whole_collections
    if found:
        await old_looks(busy_node)
        assert garbage.short_pauses.whole_collections == before, "no cycles were found"
        for _ in range(found):
            Loop()
    await until(busy_node, lambda: garbage.short_pauses.whole_collections > before)
    monkeypatch.setattr(garbage, "GROWTH", 2.0)
    monkeypatch.setattr(garbage, "MOST_GROWTH", 8.0)
    garbage.collect_all()
    before = garbage.short_pauses.whole_collections
    await old_looks(busy_node)
    assert garbage.short_pauses.whole_collections == before


async def test_an_idle_node_is_left_alone(busy_node: Node) -> None:
    looks: list[Any] = []
    await asyncio.sleep(0.01)

    def note(phase: str, info: dict[str, Any]) -> None:
        looks.append(info["generation"])

    gc.callbacks.append(note)
    try:
        await asyncio.sleep(0.02)
    finally:
        gc.callbacks.remove(note)
    assert looks == []


async def test_the_last_node_that_ends_gives_the_collector_back() -> None:
    before = (gc.get_threshold(), list(gc.callbacks), gc.get_freeze_count())
    async with Node("first", short_pauses=True):
        async with Node("second", short_pauses=True):
            assert gc.get_threshold() != before[0]
        assert gc.get_threshold() != before[0]
        assert gc.get_freeze_count() > 0
    assert (gc.get_threshold(), list(gc.callbacks), gc.get_freeze_count()) == before


async def test_the_looks_go_on_when_the_first_of_two_nodes_ends() -> None:
    first = Node("first", short_pauses=True)
    first.attach(asyncio.get_running_loop())
    async with Node("second", short_pauses=True) as second:
        await first.stop()
        seen = weakref.ref(Loop())
        await until(second, lambda: seen() is None)


async def test_without_the_option_the_collector_is_left_as_it_is() -> None:
    before = (gc.get_threshold(), list(gc.callbacks), gc.get_freeze_count())
    async with Node("plain"):
        assert (gc.get_threshold(), list(gc.callbacks), gc.get_freeze_count()) == before
