"""What a supervisor can be asked, with OTP's answers and error terms."""

from __future__ import annotations

from typing import Any

import pytest

from mirliton.runtime import NoProc, Pid
from mirliton.supervisors import (
    ChildCounts,
    ChildSpec,
    Refused,
    RequestRefused,
    StartChild,
    Started,
    StartSpec,
    Supervisor,
    Tree,
    change_tree,
    count_children,
    delete_child,
    get_child_spec,
    restart_child,
    start_child,
    supervisor,
    terminate_child,
    which_children,
)


async def refusal(stage: Any, asking: Any) -> Any:
    """The term a request was refused with."""
    with pytest.raises(RequestRefused) as caught:
        await stage.node.drive(asking)
    return caught.value.reason


async def test_a_new_child_goes_last_and_is_listed_first(stage: Any) -> None:
    top = await stage.start(Tree("rest_for_one", [stage.child("a")]))
    pid = await stage.node.drive(start_child(stage.node, top, stage.child("b")))
    assert pid == stage.pids["b"]
    listed = await stage.node.drive(which_children(stage.node, top))
    assert [(line.id, line.child, line.type) for line in listed] == [
        ("b", stage.pids["b"], "worker"),
        ("a", stage.pids["a"], "worker"),
    ]
    await stage.end("a")
    assert stage.take()[-4:] == ["-a boom", "-b shutdown", "+a", "+b"]


async def test_the_raw_answers_are_messages(stage: Any) -> None:
    top = await stage.start(Tree("one_for_one", []))
    assert await stage.node.drive(stage.node.call(top, StartChild(stage.child("a")))) == Started(stage.pids["a"])
    assert await stage.node.drive(stage.node.call(top, StartChild({"id": "b"}))) == Refused("missing_start")
    assert await stage.node.drive(stage.node.call(top, "what?")) == Refused(("unknown_request", "str"))


async def test_ids_are_unique(stage: Any) -> None:
    top = await stage.start(Tree("one_for_one", [stage.child("a")]))
    again = start_child(stage.node, top, stage.child("a"))
    assert await refusal(stage, again) == ("already_started", stage.pids["a"])
    await stage.node.drive(terminate_child(stage.node, top, "a"))
    assert await refusal(stage, start_child(stage.node, top, stage.child("a"))) == "already_present"


async def test_a_start_that_fails_leaves_nothing_behind(stage: Any) -> None:
    stage.outcomes["b"] = ["bad"]
    top = await stage.start(Tree("one_for_one", [stage.child("a")], intensity=0))
    spec = stage.child("b")
    assert await refusal(stage, start_child(stage.node, top, spec)) == ("bad", spec)
    assert list(await stage.children(top)) == ["a"]


async def test_an_ignored_start_is_listed_without_a_process_unless_temporary(stage: Any) -> None:
    stage.outcomes["b"] = stage.outcomes["t"] = ["ignore"]
    top = await stage.start(Tree("one_for_one", []))
    assert await stage.node.drive(start_child(stage.node, top, stage.child("b"))) is None
    assert await stage.node.drive(start_child(stage.node, top, stage.child("t", restart="temporary"))) is None
    assert await stage.children(top) == {"b": None}


async def test_a_stopped_child_can_be_started_again_in_its_place(stage: Any) -> None:
    top = await stage.start(Tree("one_for_one", [stage.child("a"), stage.child("b")], intensity=0))
    await stage.node.drive(terminate_child(stage.node, top, "a"))
    assert await stage.children(top) == {"a": None, "b": stage.pids["b"]}
    await stage.node.drive(terminate_child(stage.node, top, "a"))
    pid = await stage.node.drive(restart_child(stage.node, top, "a"))
    assert await stage.children(top) == {"a": pid, "b": stage.pids["b"]}


async def test_a_child_can_be_stopped_by_its_pid(stage: Any) -> None:
    top = await stage.start(Tree("one_for_one", [stage.child("a")]))
    await stage.node.drive(terminate_child(stage.node, top, stage.pids["a"]))
    assert await stage.children(top) == {"a": None}


async def test_a_temporary_child_that_is_stopped_is_forgotten(stage: Any) -> None:
    top = await stage.start(Tree("one_for_one", [stage.child("a", restart="temporary")]))
    await stage.node.drive(terminate_child(stage.node, top, "a"))
    assert await stage.children(top) == {}


async def test_only_a_child_without_a_process_can_be_restarted_or_deleted(stage: Any) -> None:
    top = await stage.start(Tree("one_for_one", [stage.child("a")]))
    assert await refusal(stage, restart_child(stage.node, top, "a")) == "running"
    assert await refusal(stage, delete_child(stage.node, top, "a")) == "running"
    await stage.node.drive(terminate_child(stage.node, top, "a"))
    await stage.node.drive(delete_child(stage.node, top, "a"))
    assert await stage.children(top) == {}


async def test_a_restart_by_request_that_fails_leaves_the_child_and_costs_nothing(stage: Any) -> None:
    top = await stage.start(Tree("one_for_one", [stage.child("a")], intensity=0))
    await stage.node.drive(terminate_child(stage.node, top, "a"))
    stage.outcomes["a"] = ["bad"]
    assert await refusal(stage, restart_child(stage.node, top, "a")) == "bad"
    assert await stage.children(top) == {"a": None}


@pytest.mark.parametrize("ask", [terminate_child, restart_child, delete_child, get_child_spec])
async def test_an_unknown_child_is_not_found(stage: Any, ask: Any) -> None:
    top = await stage.start(Tree("one_for_one", [stage.child("a")]))
    assert await refusal(stage, ask(stage.node, top, "nope")) == "not_found"


async def test_children_are_counted_by_what_they_are_and_whether_they_live(stage: Any) -> None:
    stage.outcomes["b"] = ["ignore"]
    children = [stage.child("a"), stage.child("b"), supervisor(Tree("one_for_one", []), id="s")]
    top = await stage.start(Tree("one_for_one", children))
    assert await stage.node.drive(count_children(stage.node, top)) == ChildCounts(3, 2, 1, 2)


async def test_a_spec_is_told_by_id_and_by_pid(stage: Any) -> None:
    spec = stage.child("a", restart="transient", shutdown=2.0)
    top = await stage.start(Tree("one_for_one", [spec]))
    assert await stage.node.drive(get_child_spec(stage.node, top, "a")) == spec
    assert await stage.node.drive(get_child_spec(stage.node, top, stage.pids["a"])) == spec


async def test_the_arguments_of_a_temporary_child_are_not_kept(stage: Any) -> None:
    top = await stage.start(Tree("one_for_one", []))
    await stage.node.drive(start_child(stage.node, top, stage.child("t", restart="temporary")))
    told = await stage.node.drive(get_child_spec(stage.node, top, "t"))
    assert told.start == StartSpec(stage.part, None)


async def test_a_spec_whose_arguments_cannot_travel_is_told_without_them(stage: Any) -> None:
    spec = ChildSpec("a", StartSpec(stage.part, ("a",), {"stop": None, "trap": False}))
    odd = ChildSpec("o", StartSpec(stage.part, (Odd("o"),)))
    top = await stage.start(Tree("one_for_one", [spec, odd]))
    told = await stage.node.drive(get_child_spec(stage.node, top, "o"))
    assert told.start == StartSpec(stage.part, None)


async def test_a_refusal_that_cannot_travel_is_told_in_words(stage: Any) -> None:
    class Loud(Supervisor):
        def describe(self, *faults: Any) -> Any:
            return Tree("one_for_one", [stage.child("a", modules=Odd("m"))] if faults else [])

    top = await stage.node.drive(stage.node.start(Loud))
    assert await refusal(stage, change_tree(stage.node, top, "faulty")) == ("invalid_modules", "'m'")


class Odd(str):
    """A name that the codec refuses."""

    __slots__ = ()


async def test_asking_a_supervisor_that_is_gone_raises(stage: Any) -> None:
    top = await stage.start(Tree("one_for_one", []))
    await stage.shut_down(top)
    with pytest.raises(NoProc):
        await stage.node.drive(which_children(stage.node, top))


async def test_what_is_no_supervisor_is_told_apart(stage: Any) -> None:
    await stage.start(Tree("one_for_one", [stage.child("a")]))
    with pytest.raises(TypeError, match="is no supervisor"):
        await stage.node.drive(which_children(stage.node, stage.pids["a"]))


async def test_requests_are_answered_while_a_restart_is_tried_over_and_over(stage: Any) -> None:
    stage.outcomes["a"] = ["ok", "bad"]
    top = await stage.start(Tree("one_for_one", [stage.child("a"), stage.child("b")], intensity=1_000_000, period=9.0))
    stage.node.exit(stage.pids["a"], "kill")
    await stage.until("!a")
    listed = await which_children(stage.node, top)
    assert {line.id: line.child for line in listed} == {"a": "restarting", "b": stage.pids["b"]}
    with pytest.raises(RequestRefused, match="restarting"):
        await restart_child(stage.node, top, "a")
    with pytest.raises(RequestRefused, match="already_present"):
        await start_child(stage.node, top, stage.child("a"))
    await terminate_child(stage.node, top, "a")
    await stage.node.idle()
    assert await stage.children(top) == {"a": None, "b": stage.pids["b"]}


# Another tree without a restart


async def test_a_new_tree_takes_over_flags_and_specs_and_leaves_processes_alone(stage: Any) -> None:
    top = await stage.start(Tree("one_for_one", [stage.child("a"), stage.child("b"), stage.child("c")], intensity=0))
    before = dict(stage.pids)
    new = Tree("one_for_all", [stage.child("d"), stage.child("b", restart="transient"), stage.child("a")], intensity=2)
    await stage.node.drive(change_tree(stage.node, top, new))
    assert await stage.children(top) == {"d": None, "b": before["b"], "a": before["a"], "c": before["c"]}
    stage.take()
    await stage.end("b", "normal")
    assert stage.take() == ["-b normal"]
    await stage.end("a")
    assert stage.take() == ["-a boom", "-c shutdown", "+d", "+b", "+a", "+c"]


@pytest.mark.parametrize(
    ("new", "reason"),
    [
        (Tree("one_for_one", [], intensity=-1), ("invalid_intensity", -1)),
        (Tree("simple_one_for_one", []), ("strategy_change", "one_for_one", "simple_one_for_one")),
        ("junk", ("bad_return", "junk")),
    ],
)
async def test_a_faulty_new_tree_changes_nothing(stage: Any, new: Any, reason: Any) -> None:
    top = await stage.start(Tree("one_for_one", [stage.child("a")]))
    assert await refusal(stage, change_tree(stage.node, top, new)) == reason
    await stage.end("a")
    assert await stage.children(top) == {"a": stage.pids["a"]}
    assert isinstance(stage.pids["a"], Pid)


async def test_a_description_that_raises_is_the_askers_problem(stage: Any) -> None:
    top = await stage.start(Tree("one_for_one", [stage.child("a")]))
    kind, crash = await refusal(stage, change_tree(stage.node, top, "two", "arguments"))
    assert (kind, crash.kind) == ("EXIT", "TypeError")
    assert await stage.children(top) == {"a": stage.pids["a"]}


# Looking into it


async def test_its_state_can_be_looked_at_but_not_replaced(stage: Any) -> None:
    top = await stage.start(Tree("one_for_one", [stage.child("a")]))
    await stage.end("a")
    state = await stage.node.drive(stage.node.sys.get_state(top))
    assert state["restarts"] == 1
    assert [line.id for line in state["children"]] == ["a"]
    answer = await stage.node.drive(stage.node.sys.replace_state(top, lambda state: state))
    assert "ChangeTree" in str(answer)
    assert await stage.children(top) == {"a": stage.pids["a"]}
