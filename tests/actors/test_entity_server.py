"""A node's part in the entities as a child of its tree."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from entity_home import SHARDS
from eventually import until
from mirliton.actors import entity_server
from mirliton.actors.entity_server import ENTITY_SERVER, PROCESSES
from mirliton.actors.store.server import STORE, StoreServer
from mirliton.runtime import CallError, Name, Node, Reply, StartError
from mirliton.supervisors import Supervisor, Tree, start_child, supervisor, which_children, worker
from mirliton.supervisors.entities import Entity, ShardHub, WrongShardCount, entities_of

X = Name("tally", "x")


class Tally(Entity):
    def init(self, key: str, state: Any) -> None:
        self.value = state or 0

    def handle_call(self, request: Any, sender: Any) -> Any:
        self.value += request
        self.save(self.value)
        return Reply(self.value)


def tree(folder: Path, shards: int = SHARDS) -> Tree:
    return Tree(
        "one_for_one",
        [
            worker(StoreServer, str(folder / "s.db"), id="store", name=STORE, keep_mail=True, shutdown=10.0),
            supervisor(entity_server.tree(ShardHub(shards).shards, kinds={"tally": Tally})),
        ],
        intensity=5,
        period=10.0,
    )


async def counts(node: Node) -> int:
    """Add one, as soon as that can be done."""
    while True:
        try:
            return int(await node.call(X, 1))
        except CallError:
            await asyncio.sleep(0.005)


async def test_what_is_saved_outlives_the_node(tmp_path: Path) -> None:
    for expected in (1, 2, 3):
        async with Node("test@localhost") as node:
            await node.start(Supervisor, tree(tmp_path))
            assert await counts(node) == expected


async def test_it_is_there_again_after_any_part_of_it_was_killed(tmp_path: Path) -> None:
    async with Node("test@localhost") as node:
        await node.start(Supervisor, tree(tmp_path))
        expected = await counts(node)
        for name in (ENTITY_SERVER, entity_server.PROCESSES, Name("supervisor", "entity_keeping"), STORE, X):
            pid = node.whereis(name)
            assert pid is not None
            node.exit(pid, "kill")
            await until(lambda name=name, pid=pid: node.whereis(name) not in (None, pid) or name == X)
            expected += 1
            assert await counts(node) == expected, name


async def test_what_a_killed_one_had_asked_for_is_not_in_the_way_of_the_next(tmp_path: Path) -> None:
    async with Node("test@localhost") as node:
        await node.start(Supervisor, tree(tmp_path))
        assert await counts(node) == 1
        before = node.whereis(PROCESSES)
        node.exit(node.whereis(ENTITY_SERVER), "kill")
        await until(lambda: node.whereis(PROCESSES) not in (None, before), every=0.0)
        # The request of the one before is in the mailbox of the new supervisor.
        await start_child(node, PROCESSES, supervisor(Tree("one_for_one", []), id="entities", restart="temporary"))
        await until(lambda: node.whereis(ENTITY_SERVER) is not None)
        assert await counts(node) == 2
        assert {dossier.reason for dossier in node.dossiers} <= {"killed"}, "the next did not crash"


async def test_entities_are_seen_in_the_tree(tmp_path: Path) -> None:
    async with Node("test@localhost") as node:
        await node.start(Supervisor, tree(tmp_path))
        await counts(node)
        [top] = await which_children(node, entity_server.PROCESSES)
        parts = {child.id: child.child for child in await which_children(node, top.child)}
        [below] = await which_children(node, parts["entities"])
        [tally] = await which_children(node, below.child)
        assert tally.child == node.whereis(X)


async def test_a_store_of_another_number_of_shards_is_refused_in_words(tmp_path: Path) -> None:
    async with Node("test@localhost") as node:
        await node.start(Supervisor, tree(tmp_path))
        await counts(node)
    async with Node("test@localhost") as node:
        with pytest.raises(StartError) as caught:
            await node.start(Supervisor, tree(tmp_path, SHARDS + 1))
        assert str(WrongShardCount(SHARDS, SHARDS + 1)) in str(caught.value)
        assert entities_of(node) is None


async def test_what_was_saved_can_be_read_without_a_start(tmp_path: Path) -> None:
    async with Node("test@localhost") as node:
        await node.start(Supervisor, tree(tmp_path))
        assert await counts(node) == 1
        entities = entities_of(node)
        assert entities is not None
        other = Name("tally", "other")
        assert await entities.saved([X, other]) == [1, None]
        assert node.whereis(other) is None
