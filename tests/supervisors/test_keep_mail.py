"""Mail to a child's Name while it restarts: kept for the successor, and given up when there will be none."""

from __future__ import annotations

from typing import Any

import pytest

from mirliton.runtime import Name, NoProc
from mirliton.supervisors import Backoff, Tree, delete_child, supervisor, terminate_child

NAME = Name("service", "a")


def kept(stage: Any, **options: Any) -> Any:
    return stage.child("a", name=NAME, keep_mail=True, backoff=Backoff(1.0, 1.0), **options)


async def test_mail_sent_while_it_restarts_reaches_the_successor(stage: Any) -> None:
    await stage.start(Tree("one_for_one", [kept(stage)]))
    await stage.kill("a")
    stage.node.send(NAME, "hello")
    assert stage.mail == []
    await stage.node.advance(1.0)
    assert stage.mail == [("a", "hello")]


async def test_a_call_made_while_it_restarts_is_answered_by_the_successor(stage: Any) -> None:
    await stage.start(Tree("one_for_one", [kept(stage)]))
    await stage.kill("a")
    assert await stage.node.drive(stage.node.call(NAME, "echo")) == "echo"


async def test_mail_is_kept_through_failing_tries(stage: Any) -> None:
    stage.outcomes["a"] = ["ok", "bad", "ok"]
    await stage.start(Tree("one_for_one", [kept(stage)], intensity=5))
    await stage.kill("a")
    stage.node.send(NAME, "hello")
    await stage.node.advance(2.0)
    assert stage.take() == ["+a", "-a killed", "!a", "+a"]
    assert stage.mail == [("a", "hello")]


async def test_mail_is_kept_for_a_sibling_that_is_restarted_along(stage: Any) -> None:
    stage.outcomes["b"] = ["ok", "bad", "ok"]
    children = [stage.child("b", backoff=Backoff(1.0, 1.0)), stage.child("a", name=NAME, keep_mail=True)]
    await stage.start(Tree("rest_for_one", children, intensity=5))
    await stage.kill("b")
    assert not stage.alive("a")
    stage.node.send(NAME, "hello")
    await stage.node.advance(2.0)
    assert stage.mail == [("a", "hello")]


async def no_mail_is_kept(stage: Any) -> None:
    assert not stage.node.registry.reserved(NAME)
    with pytest.raises(NoProc):
        await stage.node.call(NAME, "echo")


async def test_none_is_kept_once_the_child_is_stopped(stage: Any) -> None:
    top = await stage.start(Tree("one_for_one", [kept(stage)]))
    await stage.node.drive(terminate_child(stage.node, top, "a"))
    await no_mail_is_kept(stage)
    await stage.node.drive(delete_child(stage.node, top, "a"))
    await no_mail_is_kept(stage)


async def test_none_is_kept_when_a_waiting_restart_is_called_off(stage: Any) -> None:
    top = await stage.start(Tree("one_for_one", [kept(stage)]))
    await stage.kill("a")
    stage.node.send(NAME, "hello")
    await stage.node.drive(terminate_child(stage.node, top, "a"))
    await no_mail_is_kept(stage)


@pytest.mark.parametrize(("restart", "reason"), [("transient", "normal"), ("temporary", "boom")])
async def test_none_is_kept_when_the_child_is_not_restarted(stage: Any, restart: Any, reason: Any) -> None:
    await stage.start(Tree("one_for_one", [kept(stage, restart=restart)]))
    await stage.end("a", reason)
    await no_mail_is_kept(stage)


async def test_none_is_kept_when_the_supervisor_gives_up_or_ends(stage: Any) -> None:
    for intensity in (0, 5):
        top = await stage.start(Tree("one_for_one", [kept(stage)], intensity=intensity))
        await stage.kill("a")
        if top.cell is not None:
            await stage.shut_down(top)
        await no_mail_is_kept(stage)


async def test_mail_outlives_the_supervisor_when_that_is_killed_and_restarted(stage: Any) -> None:
    inner = Tree("one_for_one", [kept(stage)])
    top = await stage.start(Tree("one_for_one", [supervisor(inner, id="s", backoff=Backoff(1.0, 1.0))]))
    stage.node.exit((await stage.children(top))["s"], "kill")
    await stage.node.idle()
    stage.node.send(NAME, "hello")
    await stage.node.advance(1.0)
    assert stage.mail == [("a", "hello")]


async def test_none_is_kept_below_a_killed_supervisor_that_does_not_come_back(stage: Any) -> None:
    inner = Tree("one_for_one", [kept(stage)])
    top = await stage.start(Tree("one_for_one", [supervisor(inner, id="s", restart="temporary")]))
    stage.node.exit((await stage.children(top))["s"], "kill")
    await stage.node.idle()
    await no_mail_is_kept(stage)
