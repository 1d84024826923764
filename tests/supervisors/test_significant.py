"""Significant children: ends of theirs that end the supervisor, and ends that do not."""

from __future__ import annotations

from typing import Any

import pytest

from mirliton.runtime import Shutdown
from mirliton.supervisors import Tree, supervisor, terminate_child


async def stand(stage: Any, auto_shutdown: Any, strategy: Any = "one_for_one", **of_a: Any) -> Any:
    """Two significant transient children a and b, and one that is not."""
    children = [
        stage.child("a", **({"restart": "transient", "significant": True} | of_a)),
        stage.child("b", restart="transient", significant=True),
        stage.child("c", restart="transient"),
    ]
    top = await stage.start(Tree(strategy, children, auto_shutdown=auto_shutdown))
    stage.name_supervisor("top", top)
    stage.take()
    return top


@pytest.mark.parametrize("reason", ["normal", "shutdown", Shutdown("x")], ids=str)
async def test_any_significant_end_stops_the_rest_in_order(stage: Any, reason: Any) -> None:
    await stand(stage, "any_significant")
    await stage.end("a", reason)
    assert stage.take() == [f"-a {reason}", "-c shutdown", "-b shutdown", "-top shutdown"]


async def test_all_significant_waits_for_the_last(stage: Any) -> None:
    top = await stand(stage, "all_significant")
    await stage.end("a", "normal")
    assert top.cell is not None
    await stage.end("b", "normal")
    assert top.cell is None


@pytest.mark.parametrize("auto_shutdown", ["any_significant", "all_significant"])
async def test_an_end_that_is_restarted_does_not_count(stage: Any, auto_shutdown: Any) -> None:
    top = await stand(stage, auto_shutdown)
    await stage.end("a", "boom")
    assert stage.alive("a")
    assert top.cell is not None


async def test_a_temporary_significant_child_counts_however_it_ends(stage: Any) -> None:
    top = await stand(stage, "any_significant", restart="temporary")
    await stage.end("a", "boom")
    assert top.cell is None


async def test_a_child_that_is_not_significant_does_not_count(stage: Any) -> None:
    top = await stand(stage, "any_significant")
    await stage.end("c", "normal")
    assert top.cell is not None


async def test_a_child_stopped_by_request_does_not_count(stage: Any) -> None:
    top = await stand(stage, "any_significant")
    await stage.node.drive(terminate_child(stage.node, top, "a"))
    assert top.cell is not None


async def test_under_all_significant_one_stopped_by_request_is_not_waited_for(stage: Any) -> None:
    top = await stand(stage, "all_significant")
    await stage.node.drive(terminate_child(stage.node, top, "a"))
    await stage.end("b", "normal")
    assert top.cell is None


async def test_a_child_stopped_in_a_group_restart_does_not_count(stage: Any) -> None:
    top = await stand(stage, "any_significant", "one_for_all", restart="temporary")
    await stage.end("c", "boom")
    assert top.cell is not None


async def test_a_significant_supervisor_that_gives_up_takes_its_parent_along(stage: Any) -> None:
    inner = Tree("one_for_one", [stage.child("x")], intensity=0)
    children = [supervisor(inner, id="s", restart="transient", significant=True), stage.child("a")]
    top = await stage.start(Tree("one_for_one", children, auto_shutdown="any_significant"))
    stage.name_supervisor("top", top)
    stage.take()
    await stage.end("x")
    assert stage.take() == ["-x boom", "-a shutdown", "-top shutdown"]
