"""When a child ends: who is restarted with it, by strategy, restart type and reason."""

from __future__ import annotations

from typing import Any

import pytest

from mirliton.runtime import Shutdown
from mirliton.supervisors import Tree, statistics, supervisor, terminate_child

QUIET = ["normal", "shutdown", Shutdown("planned")]
CRASH = ["boom", "killed", ("badmatch", 1)]


def abc(stage: Any, **of_b: Any) -> list[Any]:
    return [stage.child("a", trap=True), stage.child("b", **of_b), stage.child("c", trap=True)]


@pytest.mark.parametrize(
    ("strategy", "follows"),
    [
        ("one_for_one", ["+b"]),
        ("rest_for_one", ["-c shutdown", "+b", "+c"]),
        ("one_for_all", ["-c shutdown", "-a shutdown", "+a", "+b", "+c"]),
    ],
)
async def test_the_strategy_says_who_is_restarted_together(stage: Any, strategy: Any, follows: list[str]) -> None:
    await stage.start(Tree(strategy, abc(stage)))
    stage.take()
    await stage.end("b", "boom")
    assert stage.take() == ["-b boom", *follows]


@pytest.mark.parametrize("reason", [*QUIET, *CRASH], ids=str)
async def test_a_permanent_child_always_comes_back(stage: Any, reason: Any) -> None:
    await stage.start(Tree("one_for_one", [stage.child("a")]))
    await stage.end("a", reason)
    assert stage.alive("a")
    assert stage.labels() == [("child_terminated", "a")]


@pytest.mark.parametrize("reason", CRASH, ids=str)
async def test_a_transient_child_comes_back_after_a_crash(stage: Any, reason: Any) -> None:
    await stage.start(Tree("one_for_one", [stage.child("a", restart="transient")]))
    await stage.end("a", reason)
    assert stage.alive("a")


@pytest.mark.parametrize("reason", QUIET, ids=str)
async def test_a_transient_child_that_ended_quietly_stays_listed_without_a_process(stage: Any, reason: Any) -> None:
    top = await stage.start(Tree("one_for_all", [stage.child("a", restart="transient"), stage.child("b")]))
    stage.take()
    await stage.end("a", reason)
    assert await stage.children(top) == {"a": None, "b": stage.pids["b"]}
    assert stage.take() == [f"-a {reason}"]
    assert stage.labels() == []


@pytest.mark.parametrize("reason", [*QUIET, *CRASH], ids=str)
async def test_a_temporary_child_is_forgotten(stage: Any, reason: Any) -> None:
    top = await stage.start(Tree("one_for_all", [stage.child("a", restart="temporary"), stage.child("b")]))
    stage.take()
    await stage.end("a", reason)
    assert await stage.children(top) == {"b": stage.pids["b"]}
    assert stage.take() == [f"-a {reason}"]


async def test_a_group_restart_forgets_temporary_siblings_and_revives_stopped_ones(stage: Any) -> None:
    children = [stage.child("a"), stage.child("t", restart="temporary"), stage.child("b"), stage.child("c")]
    top = await stage.start(Tree("one_for_all", children))
    await stage.node.drive(terminate_child(stage.node, top, "b"))
    stage.take()
    await stage.end("a")
    assert stage.take() == ["-a boom", "-c shutdown", "-t shutdown", "+a", "+b", "+c"]
    assert list(await stage.children(top)) == ["a", "b", "c"]


async def test_two_that_died_together_are_restarted_together_once(stage: Any) -> None:
    top = await stage.start(Tree("one_for_all", abc(stage), intensity=1))
    stage.take()
    await stage.node.drive(stage.node.sys.suspend(top))
    await stage.end("a", "first")
    await stage.end("b", "second")
    await stage.node.drive(stage.node.sys.resume(top))
    await stage.node.idle()
    assert stage.take() == ["-a first", "-b second", "-c shutdown", "+a", "+b", "+c"]
    assert stage.labels() == [("child_terminated", "a"), ("shutdown_error", "b")]
    assert next(report.reason for report in stage.reports if report.label == "shutdown_error") == "second"


async def test_a_restart_keeps_the_childs_place(stage: Any) -> None:
    top = await stage.start(Tree("one_for_one", abc(stage)))
    await stage.end("a")
    assert list(await stage.children(top)) == ["a", "b", "c"]


# A restart that fails


async def test_a_failing_restart_is_tried_again_until_it_holds(stage: Any) -> None:
    stage.outcomes["b"] = ["ok", "bad", "worse", "ok"]
    await stage.start(Tree("one_for_one", abc(stage), intensity=3))
    stage.take()
    await stage.end("b")
    assert stage.take() == ["-b boom", "!b", "!b", "+b"]
    assert stage.labels() == [("child_terminated", "b"), ("start_error", "b"), ("start_error", "b")]


async def test_each_try_counts(stage: Any) -> None:
    stage.outcomes["b"] = ["ok", "bad"]
    top = await stage.start(Tree("one_for_one", abc(stage), intensity=3))
    stage.take()
    await stage.end("b")
    assert stage.take() == ["-b boom", "!b", "!b", "!b", "-c shutdown", "-a shutdown"]
    assert top.cell is None


async def test_a_group_restart_goes_on_from_the_sibling_that_failed(stage: Any) -> None:
    stage.outcomes["b"] = ["ok", "bad", "ok"]
    await stage.start(Tree("rest_for_one", [*abc(stage), stage.child("d")], intensity=3))
    stage.take()
    await stage.end("a")
    assert stage.take() == ["-a boom", "-d shutdown", "-c shutdown", "-b shutdown", "+a", "!b", "+b", "+c", "+d"]


async def test_one_for_all_stops_what_had_been_started_before_it_tries_again(stage: Any) -> None:
    stage.outcomes["b"] = ["ok", "bad", "ok"]
    await stage.start(Tree("one_for_all", abc(stage), intensity=3))
    stage.take()
    await stage.end("c")
    assert stage.take() == [
        *["-c boom", "-b shutdown", "-a shutdown", "+a", "!b"],
        *["-a shutdown", "+a", "+b", "+c"],
    ]


async def test_a_restart_that_is_ignored_is_a_success(stage: Any) -> None:
    stage.outcomes["a"] = ["ok", "ignore"]
    top = await stage.start(Tree("one_for_one", [stage.child("a")], intensity=1))
    await stage.end("a")
    assert await stage.children(top) == {"a": None}


# Intensity and escalation


async def test_one_restart_too_many_ends_the_supervisor_with_shutdown(stage: Any) -> None:
    top = await stage.start(Tree("one_for_one", abc(stage), intensity=2, period=5.0))
    stage.name_supervisor("top", top)
    stage.take()
    for _ in range(3):
        await stage.end("b")
    assert stage.take() == ["-b boom", "+b", "-b boom", "+b", "-b boom", "-c shutdown", "-a shutdown", "-top shutdown"]
    assert stage.labels()[-1] == ("shutdown", "b")


async def test_restarts_that_lie_far_enough_apart_may_go_on_for_ever(stage: Any) -> None:
    await stage.start(Tree("one_for_one", [stage.child("a")], intensity=2, period=5.0))
    for _ in range(20):
        await stage.end("a")
        await stage.node.advance(2.6)
    assert stage.alive("a")


async def test_all_children_share_one_count_and_a_group_restart_is_one(stage: Any) -> None:
    top = await stage.start(Tree("one_for_all", abc(stage), intensity=2))
    for name in ("a", "b"):
        await stage.end(name)
    assert top.cell is not None
    await stage.end("c")
    assert top.cell is None


@pytest.mark.parametrize(("restart", "comes_back"), [("permanent", True), ("transient", False), ("temporary", False)])
async def test_only_a_permanent_supervisor_comes_back_when_it_gave_up(
    stage: Any, restart: Any, comes_back: bool
) -> None:
    inner = Tree("one_for_one", [stage.child("x")], intensity=0)
    top = await stage.start(Tree("one_for_one", [supervisor(inner, id="s", restart=restart), stage.child("a")]))
    await stage.end("x")
    assert stage.alive("x") is comes_back
    assert top.cell is not None


async def test_a_supervisor_that_came_back_has_a_fresh_window(stage: Any) -> None:
    inner = Tree("one_for_one", [stage.child("x")], intensity=1)
    await stage.start(Tree("one_for_one", [supervisor(inner, id="s")], intensity=3))
    for _ in range(4):
        await stage.end("x")
        assert stage.alive("x")


async def test_restarts_are_counted_for_the_metrics(stage: Any) -> None:
    before = statistics()
    top = await stage.start(Tree("one_for_all", abc(stage), intensity=1))
    await stage.end("b")
    await stage.end("b")
    assert top.cell is None
    after = statistics()
    new = after.restarts - before.restarts
    assert new == {("Supervisor", child, "crash"): 1 for child in "abc"}
    assert after.gave_up["Supervisor"] - before.gave_up["Supervisor"] == 1


# Signals and mail that concern nobody


async def test_signals_of_strangers_change_nothing(stage: Any) -> None:
    top = await stage.start(Tree("one_for_one", [stage.child("a")]))
    stage.take()
    for reason in ("boom", "normal", "shutdown"):
        stage.node.exit(top, reason)
    await stage.node.idle()
    assert stage.take() == []
    assert top.cell is not None


async def test_a_stray_message_is_reported_and_changes_nothing(stage: Any) -> None:
    top = await stage.start(Tree("one_for_one", [stage.child("a")]))
    stage.node.send(top, "hello")
    stage.node.cast(top, "hello")
    await stage.node.idle()
    assert stage.labels() == [("unexpected_message", None)] * 2
    assert await stage.children(top) == {"a": stage.pids["a"]}
