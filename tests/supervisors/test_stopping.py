"""Stopping: order, time, force, and what counts as a clean end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mirliton.runtime import GenServer, Name, Shutdown, StartError
from mirliton.supervisors import Tree, stop_supervisor, supervisor, terminate_child, worker

# Order


async def test_a_tree_stops_from_bottom_to_top(stage: Any) -> None:
    inner = Tree("one_for_one", [stage.child("x"), stage.child("y")])
    children = [stage.child("a", trap=True), supervisor(inner, id="s"), stage.child("b")]
    top = await stage.start(Tree("one_for_one", children))
    stage.take()
    assert await stage.shut_down(top) == "shutdown"
    assert stage.take() == ["-b shutdown", "-y shutdown", "-x shutdown", "-a shutdown"]


@pytest.mark.parametrize("reason", ["normal", "shutdown", Shutdown("planned"), "boom"], ids=str)
async def test_whatever_the_parent_says_children_get_shutdown(stage: Any, reason: Any) -> None:
    top = await stage.start(Tree("one_for_one", [stage.child("a")]))
    stage.take()
    assert await stage.shut_down(top, reason) == reason
    assert stage.take() == ["-a shutdown"]


async def test_each_child_is_gone_before_the_next_is_told(stage: Any) -> None:
    top = await stage.start(Tree("one_for_one", [stage.child("a", trap=True), stage.child("b", trap=True, stop=2.0)]))
    stage.take()
    ended = asyncio.ensure_future(stage.shut_down(top))
    await stage.node.idle()
    assert stage.alive("a")
    await ended
    assert stage.take() == ["-b shutdown", "-a shutdown"]


async def test_an_orderly_stop_answers_when_the_children_are_gone(stage: Any) -> None:
    top = await stage.start(Tree("one_for_one", [stage.child("a")]))
    stage.name_supervisor("top", top)
    stage.take()
    await stage.node.drive(stop_supervisor(stage.node, top, "boom"))
    assert stage.take() == ["-a shutdown", "-top boom"]


async def test_a_suspended_supervisor_still_obeys_its_parent(stage: Any) -> None:
    top = await stage.start(Tree("one_for_one", [stage.child("a")]))
    stage.take()
    await stage.node.drive(stage.node.sys.suspend(top))
    assert await stage.shut_down(top) == "shutdown"
    assert stage.take() == ["-a shutdown"]


# Time and force


async def test_a_child_that_takes_too_long_is_killed_and_reported(stage: Any) -> None:
    top = await stage.start(Tree("one_for_one", [stage.child("a", trap=True, stop="hang", shutdown=1.5)]))
    stage.take()
    before = stage.node.clock.now()
    await stage.shut_down(top)
    assert stage.node.clock.now() - before == pytest.approx(1.5)
    assert stage.take() == ["-a killed"]
    assert stage.labels() == [("shutdown_error", "a")]


async def test_infinity_waits_as_long_as_it_takes(stage: Any) -> None:
    top = await stage.start(Tree("one_for_one", [stage.child("a", trap=True, stop=900.0, shutdown="infinity")]))
    await stage.shut_down(top)
    assert stage.take()[-1] == "-a shutdown"
    assert stage.labels() == []


async def test_brutal_kill_asks_nobody(stage: Any) -> None:
    top = await stage.start(Tree("one_for_one", [stage.child("a", trap=True, stop="hang", shutdown="brutal_kill")]))
    before = stage.node.clock.now()
    await stage.shut_down(top)
    assert stage.node.clock.now() == before
    assert stage.take()[-1] == "-a killed"
    assert stage.labels() == []


ACCEPTED = [
    ("permanent", "shutdown", True),
    ("permanent", "normal", False),
    ("permanent", Shutdown("x"), False),
    ("permanent", "boom", False),
    ("transient", "normal", True),
    ("transient", Shutdown("x"), True),
    ("transient", "boom", False),
    ("temporary", "normal", True),
    ("temporary", "boom", False),
]


@pytest.mark.parametrize(("restart", "ends_with", "clean"), ACCEPTED)
async def test_only_some_ends_are_clean(stage: Any, restart: Any, ends_with: Any, clean: bool) -> None:
    child = stage.child("a", trap=True, stop=ends_with, restart=restart)
    top = await stage.start(Tree("one_for_one", [child]))
    await stage.shut_down(top)
    assert stage.take()[-1] == f"-a {ends_with}"
    assert stage.labels() == ([] if clean else [("shutdown_error", "a")])


async def test_a_child_that_unlinked_itself_is_stopped_too(stage: Any) -> None:
    class Loose(GenServer):
        def init(self) -> None:
            self.unlink(self.parent)
            stage.started("loose", self.pid)

    top = await stage.start(Tree("one_for_one", [worker(Loose)]))
    await stage.shut_down(top)
    assert stage.take() == ["+loose", "-loose shutdown"]


# Killing supervisors


async def test_a_killed_supervisor_takes_its_subtree_with_it(stage: Any) -> None:
    inner = Tree("one_for_one", [stage.child("x"), stage.child("y", trap=True)])
    top = await stage.start(Tree("one_for_one", [supervisor(inner, id="s", shutdown="brutal_kill")]))
    stage.take()
    await stage.node.drive(terminate_child(stage.node, top, "s"))
    await stage.node.idle()
    assert sorted(stage.take()) == ["-x killed", "-y killed"]


async def test_a_killed_supervisor_comes_back_with_all_its_children(stage: Any) -> None:
    inner = Tree("one_for_one", [stage.child("x"), stage.child("y")])
    top = await stage.start(Tree("one_for_one", [supervisor(inner, id="s")]))
    stage.take()
    stage.node.exit((await stage.children(top))["s"], "kill")
    await stage.node.idle()
    assert sorted(stage.take()[:2]) == ["-x killed", "-y killed"]
    assert stage.alive("x")
    assert stage.alive("y")


async def test_a_child_that_outlives_its_killed_supervisor_is_waited_for_where_it_holds_the_name(stage: Any) -> None:
    """OTP would use its intensity up against the taken name."""
    part = stage.child("x", trap=True, stop=3.0, name=Name("service", "x"))
    inner = Tree("one_for_one", [part], intensity=0)
    top = await stage.start(Tree("one_for_one", [supervisor(inner, id="s")], intensity=1))
    stage.take()
    stage.node.exit((await stage.children(top))["s"], "kill")
    await stage.node.advance(2.9)
    assert stage.take() == []
    await stage.node.advance(0.2)
    assert stage.take() == ["-x killed", "+x"]
    assert stage.node.whereis(Name("service", "x")) == stage.pids["x"]


async def test_such_a_child_has_no_more_time_than_its_spec_gives_it_to_stop(stage: Any) -> None:
    part = stage.child("x", trap=True, stop="hang", shutdown=2.0, name=Name("service", "x"))
    top = await stage.start(Tree("one_for_one", [supervisor(Tree("one_for_one", [part]), id="s")]))
    stage.take()
    stage.node.exit((await stage.children(top))["s"], "kill")
    await stage.node.advance(2.1)
    assert stage.take() == ["-x killed", "+x"]


async def test_a_name_held_by_a_process_that_somebody_looks_after_is_left_alone(stage: Any) -> None:
    held = stage.child("x", name=Name("service", "x"))
    await stage.start(Tree("one_for_one", [held]))
    with pytest.raises(StartError, match="already_started"):
        await stage.start(Tree("one_for_one", [held]))
    assert stage.alive("x")


async def test_a_stopping_supervisor_leaves_no_process_timer_or_name(stage: Any) -> None:
    inner = Tree("simple_one_for_one", [worker(stage.part, restart="temporary")])
    top = await stage.start(Tree("rest_for_one", [stage.child("a", trap=True), supervisor(inner, id="s")]))
    await stage.shut_down(top)
    assert list(stage.node.processes()) == []
    assert len(stage.node.timers) == 0
    assert len(stage.node.registry) == 0
