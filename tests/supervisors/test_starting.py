"""Starting a tree: in order, one after the other, and all or nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mirliton.runtime import IGNORE, GenServer, Name, Process, Shutdown, StartError
from mirliton.supervisors import ChildSpec, RequestRefused, StartSpec, Supervisor, Tree, start_child, supervisor, worker


async def test_children_start_from_top_to_bottom(stage: Any) -> None:
    inner = Tree("one_for_one", [stage.child("b"), stage.child("c")])
    top = await stage.start(Tree("one_for_one", [stage.child("a"), supervisor(inner, id="s"), stage.child("d")]))
    assert stage.take() == ["+a", "+b", "+c", "+d"]
    assert list(await stage.children(top)) == ["a", "s", "d"]


async def test_the_first_failure_stops_what_was_started_in_reverse_order(stage: Any) -> None:
    stage.outcomes["c"] = ["bad"]
    children = [stage.child("a", trap=True), stage.child("b"), stage.child("c"), stage.child("d")]
    with pytest.raises(StartError) as caught:
        await stage.start(Tree("one_for_one", children))
    assert caught.value.reason == Shutdown(("failed_to_start_child", "c", "bad"))
    assert stage.take() == ["+a", "+b", "!c", "-b shutdown", "-a shutdown"]
    assert stage.labels() == [("start_error", "c")]


async def test_a_failure_is_wrapped_at_each_level(stage: Any) -> None:
    stage.outcomes["a"] = ["bad"]
    tree = Tree("one_for_one", [supervisor(Tree("one_for_one", [stage.child("a")]), id="s")])
    with pytest.raises(StartError) as caught:
        await stage.start(tree)
    inner = Shutdown(("failed_to_start_child", "a", "bad"))
    assert caught.value.reason == Shutdown(("failed_to_start_child", "s", inner))


async def test_a_child_that_ignores_is_listed_without_a_process_and_the_next_one_starts(stage: Any) -> None:
    stage.outcomes["a"] = stage.outcomes["t"] = ["ignore"]
    top = await stage.start(
        Tree("one_for_one", [stage.child("a"), stage.child("t", restart="temporary"), stage.child("b")])
    )
    assert await stage.children(top) == {"a": None, "b": stage.pids["b"]}


async def test_a_faulty_tree_is_refused_with_otps_term(stage: Any) -> None:
    with pytest.raises(StartError) as caught:
        await stage.start(Tree("one_for_one", [stage.child("a", restart="sometimes")]))
    assert caught.value.reason == ("start_spec", ("invalid_restart_type", "sometimes"))
    assert stage.take() == []


async def test_a_named_tree_is_found_by_its_name(stage: Any) -> None:
    name = Name("service", "top")
    top = await stage.start(Tree("one_for_one", [], name=name))
    assert stage.node.whereis(name) == top
    await stage.shut_down(top)
    assert stage.node.whereis(name) is None


async def test_a_taken_name_is_a_failed_start(stage: Any) -> None:
    named = Tree("one_for_one", [], name=Name("service", "twice"))
    with pytest.raises(StartError) as caught:
        await stage.start(Tree("one_for_one", [supervisor(named, id="s"), supervisor(named, id="u")]))
    match caught.value.reason:
        case Shutdown(("failed_to_start_child", "u", ("already_started", _))):
            return
    pytest.fail(f"not the reason: {caught.value.reason!r}")


async def test_a_supervisor_can_describe_its_tree_from_arguments(stage: Any) -> None:
    class CallSupervisor(Supervisor):
        def describe(self, call_id: str) -> Tree:
            return Tree("rest_for_one", [worker(stage.part, call_id, id="call")])

    await stage.node.drive(stage.node.start(CallSupervisor, "call-1"))
    assert stage.take() == ["+call-1"]


@pytest.mark.parametrize(("described", "reason"), [(IGNORE, "ignore"), ("junk", "bad_return")])
async def test_a_tree_may_be_ignored_but_not_be_anything_else(stage: Any, described: Any, reason: str) -> None:
    class Odd(Supervisor):
        def describe(self) -> Any:
            return described

    with pytest.raises(StartError) as caught:
        await stage.node.drive(stage.node.start(Odd))
    assert reason in str(caught.value.reason)


class ByFunction(GenServer):
    """A worker with a start function of its own."""

    @classmethod
    async def begin(cls, starter: Process, how: str) -> Any:
        match how:
            case "plain":
                return await starter.start_link(cls)
            case "info":
                return await starter.start_link(cls), {"port": 5060}
            case "ignore":
                return None
            case "error":
                raise StartError(cls, "no port")
            case "raise":
                raise ValueError(how)
        return how


@pytest.mark.parametrize(
    ("how", "reason"),
    [("error", "no port"), ("garbage", "garbage")],
)
async def test_what_a_start_function_answers_instead_of_a_process_is_the_reason(
    stage: Any, how: str, reason: str
) -> None:
    with pytest.raises(StartError) as caught:
        await stage.start(Tree("one_for_one", [ChildSpec("a", StartSpec(ByFunction, (how,), {}, "begin"))]))
    assert caught.value.reason == Shutdown(("failed_to_start_child", "a", reason))


async def test_a_start_function_that_raises_fails_the_child_not_the_supervisor(stage: Any) -> None:
    with pytest.raises(StartError) as caught:
        await stage.start(Tree("one_for_one", [ChildSpec("a", StartSpec(ByFunction, ("raise",), {}, "begin"))]))
    match caught.value.reason:
        case Shutdown(("failed_to_start_child", "a", ("EXIT", crash))):
            assert crash.kind == "ValueError"
            return
    pytest.fail(f"not the reason: {caught.value.reason!r}")


async def test_a_start_function_starts_links_and_restarts_like_any_other(stage: Any) -> None:
    spec = ChildSpec("a", StartSpec(ByFunction, ("info",), {}, "begin"))
    top = await stage.start(Tree("one_for_one", [spec]))
    first = (await stage.children(top))["a"]
    stage.node.exit(first, "kill")
    await stage.node.idle()
    second = (await stage.children(top))["a"]
    assert second is not None
    assert second != first


# A start that does not come to an end


async def test_a_start_timeout_kills_and_fails_the_start(stage: Any) -> None:
    stage.outcomes["b"] = ["hang"]
    with pytest.raises(StartError) as caught:
        await stage.start(Tree("one_for_one", [stage.child("a"), stage.child("b", start_timeout=2.0)]))
    assert caught.value.reason == Shutdown(("failed_to_start_child", "b", "timeout"))
    assert stage.take() == ["+a", "?b", "-a shutdown"]


async def test_a_hanging_init_does_not_keep_its_supervisor_from_shutting_down(stage: Any) -> None:
    top = await stage.start(Tree("one_for_one", [stage.child("a")]))
    stage.outcomes["b"] = ["hang"]
    asking = asyncio.ensure_future(start_child(stage.node, top, stage.child("b", shutdown=3.0)))
    await stage.node.idle()
    before = stage.node.clock.now()
    assert await stage.shut_down(top) == "shutdown"
    assert stage.node.clock.now() - before == pytest.approx(3.0)
    assert list(stage.node.processes()) == []
    assert (await asyncio.gather(asking, return_exceptions=True))[0] is not None


async def test_a_hanging_init_deep_in_a_tree_does_not_keep_the_top_from_shutting_down(stage: Any) -> None:
    stage.outcomes["x"] = ["ok", "hang"]
    inner = Tree("one_for_one", [stage.child("x")])
    top = await stage.start(Tree("one_for_one", [stage.child("a"), supervisor(inner, id="s")]))
    await stage.kill("x")
    assert stage.take() == ["+a", "+x", "-x killed", "?x"]
    await stage.shut_down(top)
    assert list(stage.node.processes()) == []


async def test_a_supervisor_that_is_itself_still_starting_is_told_to_give_up(stage: Any) -> None:
    stage.outcomes["x"] = ["hang"]
    top = await stage.start(Tree("one_for_one", [stage.child("a")]))
    inner = supervisor(Tree("one_for_one", [stage.child("b"), stage.child("x", shutdown=2.0)]), id="s")
    asking = asyncio.ensure_future(start_child(stage.node, top, inner))
    await stage.node.idle()
    assert await stage.shut_down(top) == "shutdown"
    with pytest.raises(RequestRefused):
        await asking
    assert stage.take() == ["+a", "+b", "?x", "-b shutdown", "-a shutdown"]
    assert list(stage.node.processes()) == []


async def test_an_init_that_ends_in_time_is_let_finish_though_the_parent_has_spoken(stage: Any) -> None:
    class Slow(GenServer):
        async def init(self) -> None:
            await self.sleep(1.0)

    top = await stage.start(Tree("one_for_one", [stage.child("a")]))
    asking = asyncio.ensure_future(start_child(stage.node, top, worker(Slow)))
    await stage.node.idle()
    assert await stage.shut_down(top) == "shutdown"
    assert await asking is not None


async def test_a_supervisor_killed_while_a_child_starts_takes_the_child_with_it(stage: Any) -> None:
    stage.outcomes["x"] = ["ok", "hang"]
    top = await stage.start(Tree("one_for_one", [stage.child("x")]))
    await stage.kill("x")
    stage.node.exit(top, "kill")
    await stage.node.idle()
    assert list(stage.node.processes()) == []
