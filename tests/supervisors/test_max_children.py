"""How many dynamic children a simple_one_for_one supervisor takes (Elixir: DynamicSupervisor's max_children)."""

from __future__ import annotations

from typing import Any

import pytest

from mirliton.supervisors import (
    InvalidFlags,
    RequestRefused,
    Tree,
    check_tree,
    count_children,
    start_child,
    terminate_child,
)


def tree(stage: Any, most: Any, restart: Any = "permanent") -> Tree:
    return Tree("simple_one_for_one", [stage.child("p", restart=restart)], intensity=9, max_children=most)


async def test_one_more_is_refused_and_there_is_room_again_when_one_goes(stage: Any) -> None:
    supervisor = await stage.start(tree(stage, 2))
    first, _ = [await stage.node.drive(start_child(stage.node, supervisor, [])) for _ in range(2)]
    with pytest.raises(RequestRefused) as caught:
        await stage.node.drive(start_child(stage.node, supervisor, []))
    assert caught.value.reason == "max_children"
    await stage.node.drive(terminate_child(stage.node, supervisor, first))
    await stage.node.drive(start_child(stage.node, supervisor, []))


async def test_a_temporary_child_that_ends_makes_room(stage: Any) -> None:
    supervisor = await stage.start(tree(stage, 1, "temporary"))
    for _ in range(3):
        await stage.node.drive(start_child(stage.node, supervisor, []))
        await stage.end("p")


async def test_a_child_that_restarts_keeps_its_place(stage: Any) -> None:
    supervisor = await stage.start(tree(stage, 1))
    await stage.node.drive(start_child(stage.node, supervisor, []))
    await stage.kill("p")
    with pytest.raises(RequestRefused, match="max_children"):
        await stage.node.drive(start_child(stage.node, supervisor, []))
    assert (await stage.node.drive(count_children(stage.node, supervisor))).active == 1


async def test_a_start_that_fails_takes_no_place(stage: Any) -> None:
    supervisor = await stage.start(tree(stage, 1))
    stage.outcomes["p"] = ["bad", "ignore", "ok"]
    with pytest.raises(RequestRefused, match="bad"):
        await stage.node.drive(start_child(stage.node, supervisor, []))
    assert await stage.node.drive(start_child(stage.node, supervisor, [])) is None
    assert await stage.node.drive(start_child(stage.node, supervisor, [])) is not None


@pytest.mark.parametrize("most", [-1, True, 1.5, "2"])
def test_what_is_no_number_is_refused(stage: Any, most: Any) -> None:
    with pytest.raises(InvalidFlags, match="max children"):
        check_tree(tree(stage, most))


def test_only_dynamic_children_are_bounded(stage: Any) -> None:
    with pytest.raises(InvalidFlags, match="max children"):
        check_tree(Tree("one_for_one", [stage.child("p")], max_children=2))
