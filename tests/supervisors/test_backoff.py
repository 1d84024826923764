"""Delays between restarts: pure arithmetic here, and what a supervisor makes of them."""

from __future__ import annotations

from typing import Any

import pytest

from mirliton.supervisors import Backoff, RequestRefused, Tree, explain, restart_child, terminate_child


def test_delays_grow_by_the_factor_up_to_the_maximum() -> None:
    backoff = Backoff(0.5, 5.0, factor=2.0)
    assert [backoff.delay(attempt) for attempt in range(1, 7)] == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0]


def test_a_million_attempts_are_no_overflow() -> None:
    assert Backoff(0.001, 30.0, factor=10.0).delay(1_000_000) == 30.0


def test_a_constant_delay_stays_constant() -> None:
    assert Backoff(2.0, 10.0, factor=1.0).delay(50) == 2.0


def test_jitter_takes_off_at_most_its_share_and_is_the_same_for_the_same_seed() -> None:
    backoff = Backoff(1.0, 8.0, jitter=0.5, seed=7)
    delays = [backoff.delay(attempt, "a") for attempt in range(1, 6)]
    assert delays == [backoff.delay(attempt, "a") for attempt in range(1, 6)]
    assert all(full / 2 < delay <= full for delay, full in zip(delays, (1, 2, 4, 8, 8), strict=True))
    assert delays != [backoff.delay(attempt, "b") for attempt in range(1, 6)]


def test_attempts_are_counted_from_one() -> None:
    with pytest.raises(ValueError, match="from 1"):
        Backoff(1.0, 2.0).delay(0)


async def test_a_restart_waits_its_delay(stage: Any) -> None:
    supervisor = await stage.start(Tree("one_for_one", [stage.child("a", backoff=Backoff(1.0, 8.0))], intensity=5))
    await stage.end("a")
    assert await stage.children(supervisor) == {"a": "restarting"}
    await stage.node.advance(0.99)
    assert not stage.alive("a")
    await stage.node.advance(0.02)
    assert stage.take() == ["+a", "-a boom", "+a"]


async def test_each_further_restart_waits_longer_until_the_child_has_stayed_up(stage: Any) -> None:
    backoff = Backoff(1.0, 4.0, calm=10.0)
    await stage.start(Tree("one_for_one", [stage.child("a", backoff=backoff)], intensity=9, period=60.0))
    for delay in (1.0, 2.0, 4.0, 4.0):
        await stage.end("a")
        await stage.node.advance(delay - 0.01)
        assert not stage.alive("a")
        await stage.node.advance(0.02)
        assert stage.alive("a")
    await stage.node.advance(10.0)
    await stage.end("a")
    await stage.node.advance(1.01)
    assert stage.alive("a")


async def test_failing_starts_wait_too_and_each_counts(stage: Any) -> None:
    stage.outcomes["a"] = ["ok", "bad"]
    supervisor = await stage.start(
        Tree("one_for_one", [stage.child("a", backoff=Backoff(1.0, 1.0))], intensity=2, period=60.0)
    )
    await stage.end("a")
    await stage.node.advance(1.0)
    assert stage.take() == ["+a", "-a boom", "!a"]
    await stage.node.advance(1.0)
    assert stage.take() == ["!a"]
    await stage.node.advance(1.0)
    assert stage.take() == []
    assert supervisor.cell is None


async def test_siblings_of_a_group_are_stopped_at_once_and_started_after_the_delay(stage: Any) -> None:
    children = [stage.child("a"), stage.child("b", backoff=Backoff(2.0, 2.0)), stage.child("c")]
    await stage.start(Tree("rest_for_one", children))
    stage.take()
    await stage.end("b")
    assert stage.take() == ["-b boom", "-c shutdown"]
    await stage.node.advance(2.0)
    assert stage.take() == ["+b", "+c"]


async def test_a_child_that_is_stopped_while_it_waits_stays_stopped(stage: Any) -> None:
    supervisor = await stage.start(Tree("one_for_one", [stage.child("a", backoff=Backoff(1.0, 1.0))]))
    await stage.end("a")
    with pytest.raises(RequestRefused, match="restarting"):
        await stage.node.drive(restart_child(stage.node, supervisor, "a"))
    await stage.node.drive(terminate_child(stage.node, supervisor, "a"))
    assert len(stage.node.timers) == 0
    await stage.node.advance(5.0)
    assert await stage.children(supervisor) == {"a": None}


async def test_the_delay_stands_in_the_explanation(stage: Any) -> None:
    supervisor = await stage.start(Tree("one_for_one", [stage.child("a", backoff=Backoff(1.5, 8.0))]))
    await stage.end("a")
    explanation = await stage.node.drive(explain(stage.node, supervisor, "a"))
    assert [entry.action for entry in explanation.entries] == ["restart in 1.5 s"]


async def test_a_supervisor_ends_without_waiting_for_a_delayed_restart(stage: Any) -> None:
    supervisor = await stage.start(Tree("one_for_one", [stage.child("a", backoff=Backoff(60.0, 60.0))]))
    await stage.end("a")
    assert await stage.shut_down(supervisor) == "shutdown"
    assert len(stage.node.timers) == 0
