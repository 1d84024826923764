"""Why is this child not the process it was? Reports as they happen, and the history a supervisor keeps."""

from __future__ import annotations

from typing import Any

import pytest

from mirliton.runtime import Name
from mirliton.supervisors import (
    RequestRefused,
    Tree,
    explain,
    listen,
    restart_child,
    start_child,
    terminate_child,
    worker,
)
from mirliton.supervisors.history import ENTRIES_PER_CHILD, FORGOTTEN_CHILDREN


async def story(stage: Any, top: Any, which: Any) -> Any:
    return await stage.node.drive(explain(stage.node, top, which))


async def test_a_restart_is_explained_with_its_cause_and_dossier(stage: Any) -> None:
    top = await stage.start(Tree("one_for_one", [stage.child("a")]))
    first = stage.pids["a"]
    await stage.node.advance(7.0)
    await stage.end("a", ("badmatch", 1))
    told = await story(stage, top, "a")
    ended, started = told.entries
    assert (told.id, told.child) == ("a", stage.pids["a"])
    assert (ended.event, ended.pid, ended.reason, ended.action, ended.by) == (
        "ended",
        first,
        ("badmatch", 1),
        "restart",
        "itself",
    )
    assert ended.when == stage.node.clock.time()
    assert stage.node.dossiers.find(ended.dossier).pid == first
    assert (started.event, started.pid, started.by) == ("started", stage.pids["a"], "itself")


async def test_a_child_is_found_by_its_name_and_by_any_pid_it_had(stage: Any) -> None:
    name = Name("service", "a")
    top = await stage.start(Tree("one_for_one", [stage.child("a", name=name)]))
    first = stage.pids["a"]
    await stage.end("a")
    for which in (name, first, stage.pids["a"]):
        assert (await story(stage, top, which)).id == "a"
    with pytest.raises(RequestRefused, match="not_found"):
        await story(stage, top, "nobody")


async def test_a_sibling_learns_whose_end_it_was_restarted_for(stage: Any) -> None:
    top = await stage.start(Tree("one_for_all", [stage.child("a"), stage.child("b")]))
    await stage.end("a")
    told = await story(stage, top, "b")
    assert [(entry.event, entry.reason, entry.by) for entry in told.entries] == [
        ("stopped", "shutdown", "restart of 'a'"),
        ("started", None, "restart of 'a'"),
    ]


async def test_requests_stand_in_it_with_who_asked(stage: Any) -> None:
    top = await stage.start(Tree("one_for_one", [stage.child("a")]))
    await stage.node.drive(terminate_child(stage.node, top, "a"))
    await stage.node.drive(restart_child(stage.node, top, "a"))
    told = await story(stage, top, "a")
    assert [(entry.event, entry.by) for entry in told.entries] == [
        ("stopped", "TerminateChild from outside"),
        ("started", "RestartChild from outside"),
    ]


async def test_a_failing_restart_is_told_try_by_try(stage: Any) -> None:
    stage.outcomes["a"] = ["ok", "bad", "ok"]
    top = await stage.start(Tree("one_for_one", [stage.child("a")], intensity=5))
    await stage.end("a")
    told = await story(stage, top, "a")
    assert [(entry.event, entry.reason) for entry in told.entries] == [
        ("ended", "boom"),
        ("start_failed", "bad"),
        ("started", None),
    ]


async def test_a_forgotten_child_that_crashed_can_still_be_explained(stage: Any) -> None:
    top = await stage.start(Tree("simple_one_for_one", [worker(stage.part, id="part", restart="temporary")]))
    pid = await stage.node.drive(start_child(stage.node, top, ["x"]))
    await stage.end("x", "boom")
    told = await story(stage, top, pid)
    assert told.child == "forgotten"
    assert [(entry.reason, entry.action) for entry in told.entries] == [("boom", "forgotten (temporary)")]


async def test_what_is_kept_is_bounded(stage: Any) -> None:
    tree = Tree("one_for_one", [stage.child("a")], intensity=1_000, period=1.0)
    top = await stage.start(tree)
    for _ in range(ENTRIES_PER_CHILD):
        await stage.end("a")
    assert len((await story(stage, top, "a")).entries) == ENTRIES_PER_CHILD
    first = None
    for number in range(FORGOTTEN_CHILDREN + 1):
        spec = stage.child(f"t{number}", restart="temporary")
        first = first or await stage.node.drive(start_child(stage.node, top, spec))
        if number > 0:
            await stage.node.drive(start_child(stage.node, top, spec))
        await stage.end(f"t{number}")
    with pytest.raises(RequestRefused, match="not_found"):
        await story(stage, top, first)


# Reports


async def test_reports_carry_otps_fields(stage: Any) -> None:
    stage.outcomes["a"] = ["ok", "bad", "ok"]
    top = await stage.start(Tree("one_for_one", [stage.child("a")], intensity=5, name=Name("service", "top")))
    first = stage.pids["a"]
    await stage.end("a")
    told = [(r.label, r.level, r.reason, r.pid, r.restarting) for r in stage.reports]
    assert told == [
        ("progress", "info", None, first, False),
        ("child_terminated", "error", "boom", first, False),
        ("start_error", "error", "bad", first, False),
        ("progress", "info", None, stage.pids["a"], False),
    ]
    assert {(r.supervisor, r.supervisor_pid) for r in stage.reports} == {(Name("service", "top"), top)}


async def test_a_listener_that_raises_harms_nobody(stage: Any) -> None:
    def broken(_: Any) -> None:
        raise RuntimeError("broken listener")

    end = listen(stage.node, broken)
    top = await stage.start(Tree("one_for_one", [stage.child("a")]))
    await stage.end("a")
    assert await stage.children(top) == {"a": stage.pids["a"]}
    end()


async def test_a_listener_can_leave(stage: Any) -> None:
    stage.end_listening()
    await stage.start(Tree("one_for_one", [stage.child("a")]))
    assert stage.reports == []
