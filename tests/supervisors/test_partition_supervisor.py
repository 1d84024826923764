"""PartitionSupervisor: one child several times, chosen by key (Elixir: PartitionSupervisor)."""

from __future__ import annotations

from typing import Any

import pytest

from mirliton.runtime import GenServer, Name, NoProc, Reply, StartError, Via
from mirliton.runtime.testing import VirtualNode
from mirliton.supervisors import (
    ChildCounts,
    PartitionSupervisor,
    Supervisor,
    Tree,
    count_children,
    partition_supervisor,
    supervisor,
    which_children,
    worker,
)
from mirliton.supervisors.partition_supervisor import partition_of

SHELVES = Name("service", "shelves")


class Shelf(GenServer):
    def init(self, wood: str, number: int = -1) -> None:
        self.wood, self.number = wood, number

    def handle_call(self, request: Any, sender: Any) -> Reply:
        return Reply((self.wood, self.number, self.pid))


async def start(node: VirtualNode, count: int = 3, **options: Any) -> Any:
    return await node.start(PartitionSupervisor, worker(Shelf, "oak"), count, name=SHELVES, **options)


async def test_each_partition_is_told_its_number(node: VirtualNode) -> None:
    await start(node, argument="number")
    for key in range(-2, 7):
        assert (await node.call(Via(SHELVES, key), "?"))[:2] == ("oak", key % 3)


async def test_or_is_not_where_nobody_asked_for_it(node: VirtualNode) -> None:
    await start(node)
    assert (await node.call(Via(SHELVES, 1), "?"))[:2] == ("oak", -1)


async def test_it_is_listed_like_any_supervisor(node: VirtualNode) -> None:
    await start(node)
    lines = await node.drive(which_children(node, SHELVES))
    assert [line.id for line in lines] == [2, 1, 0]
    assert await node.drive(count_children(node, SHELVES)) == ChildCounts(3, 3, 0, 3)
    pids = await partition_supervisor.which_partitions(node, SHELVES)
    assert list(pids) == [0, 1, 2]
    assert [node.whereis(Via(SHELVES, key)) for key in range(3)] == list(pids.values())


def test_keys_are_spread_and_always_the_same_way() -> None:
    spread = [partition_of(f"call-{n}", 4) for n in range(400)]
    assert min(map(spread.count, range(4))) > 60
    # Known values: a change of the hash would send every key elsewhere after an upgrade.
    assert [partition_of(key, 8) for key in ("alice", b"alice", ("call", 1), True, 2.5, 11)] == [7, 7, 2, 7, 5, 3]


async def test_a_partition_that_dies_costs_that_partition(node: VirtualNode) -> None:
    await start(node)
    before = await partition_supervisor.which_partitions(node, SHELVES)
    node.exit(before[1], "kill")
    with pytest.raises(NoProc):
        await node.call(Via(SHELVES, 1), "?")
    await node.idle()
    after = await partition_supervisor.which_partitions(node, SHELVES)
    assert (after[0], after[2]) == (before[0], before[2])
    assert after[1] not in (None, before[1])
    assert (await node.call(Via(SHELVES, 1), "?"))[2] == after[1]


async def test_a_partition_that_cannot_come_back_is_nobody(stage: Any) -> None:
    spec = stage.child("p")
    pool = await stage.node.start(PartitionSupervisor, spec, 1, intensity=1000, name=SHELVES)
    stage.outcomes["p"] = ["hang"]
    stage.node.exit(stage.pids["p"], "kill")
    await stage.node.idle()
    with pytest.raises(NoProc):
        await stage.node.call(Via(SHELVES, 5), "?")
    stage.node.exit(pool, "kill")
    await stage.node.idle()
    with pytest.raises(NoProc, match="there is no registry at service:shelves"):
        await stage.node.call(Via(SHELVES, 5), "?")


async def test_before_its_init_is_done_it_leads_to_nobody(stage: Any) -> None:
    stage.outcomes["p"] = ["hang"]
    pool = stage.node.spawn(PartitionSupervisor, stage.child("p"), 2, name=SHELVES)
    with pytest.raises(NoProc):
        await stage.node.call(Via(SHELVES, 0), "?")
    await stage.node.idle()
    with pytest.raises(NoProc):
        await stage.node.call(Via(SHELVES, 0), "?")
    stage.node.exit(pool, "kill")


@pytest.mark.parametrize(
    ("arguments", "options", "fault"),
    [
        ((worker(Shelf, "oak"), 0), {}, "invalid_partitions"),
        ((worker(Shelf, "oak"), True), {}, "invalid_partitions"),
        ((worker(Shelf, "oak", name=Name("service", "x")), 2), {}, "invalid_name"),
        ((worker(Shelf, "oak"), 2), {"argument": "name"}, "invalid_argument"),
    ],
)
async def test_what_makes_no_sense_does_not_start(node: VirtualNode, arguments: Any, options: Any, fault: str) -> None:
    with pytest.raises(StartError) as caught:
        await node.start(PartitionSupervisor, *arguments, **options)
    assert fault.replace("_", " ").removeprefix("invalid ") in str(caught.value)


async def test_nobody_can_be_registered_in_it(node: VirtualNode) -> None:
    await start(node)
    with pytest.raises(StartError) as caught:
        await node.start(Shelf, "pine", name=Via(SHELVES, 1))
    assert caught.value.reason == ("no_registry", SHELVES)


async def test_it_stands_in_a_tree(node: VirtualNode) -> None:
    shelves = supervisor(PartitionSupervisor, worker(Shelf, "oak"), 2, argument="number", name=SHELVES)
    top = await node.start(Supervisor, Tree("one_for_one", [shelves]))
    assert (await node.call(Via(SHELVES, "x"), "?"))[0] == "oak"
    node.exit(node.whereis(SHELVES), "kill")
    await node.idle()
    assert (await node.call(Via(SHELVES, "x"), "?"))[0] == "oak"
    node.exit(top, "shutdown", node.root)
    await node.idle()
    assert len(node) == 0
