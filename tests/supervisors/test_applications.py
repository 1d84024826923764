"""Applications: dependencies, hooks, and what it means when one ends (OTP: application; facts measured on OTP 25)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mirliton.runtime import Name, Shutdown, StartError
from mirliton.supervisors import (
    APPLICATIONS,
    Application,
    ApplicationController,
    ApplicationRefused,
    StopSupervisor,
    Tree,
    ensure_all_started,
    start_application,
    stop_application,
    which_applications,
)


class House:
    """A controller with applications whose every step stands in the stage's journal."""

    def __init__(self, stage: Any, *applications: Application) -> None:
        self.stage = stage
        self.node = stage.node
        self.applications = applications

    async def open(self) -> House:
        controller = self.node.start(ApplicationController, self.applications, name=APPLICATIONS)
        self.controller = await self.node.drive(controller)
        return self

    async def start(self, name: str, start_type: Any = "temporary") -> None:
        await self.node.drive(start_application(self.node, APPLICATIONS, name, start_type))

    async def ensure(self, name: str, start_type: Any = "temporary") -> list[str]:
        return await self.node.drive(ensure_all_started(self.node, APPLICATIONS, name, start_type))

    async def stop(self, name: str) -> None:
        await self.node.drive(stop_application(self.node, APPLICATIONS, name))

    async def running(self) -> list[str]:
        return [info.name for info in await self.node.drive(which_applications(self.node, APPLICATIONS))]

    async def top(self, name: str) -> Any:
        infos = await self.node.drive(which_applications(self.node, APPLICATIONS))
        return next(info.top for info in infos if info.name == name)

    async def refusal(self, asking: Any) -> Any:
        with pytest.raises(ApplicationRefused) as caught:
            await asking
        return caught.value.reason


def app(
    stage: Any, name: str, *dependencies: str, intensity: int = 1, restart: Any = "permanent", **of_it: Any
) -> Application:
    """An application of one part with the same name; its hooks write in the journal."""

    def note(what: str) -> Any:
        def hook(*state: Any) -> str:
            stage.note(" ".join([what, name, *state]))
            return "state" if what == "start" else "prepared"

        return hook

    tree = Tree("one_for_one", [stage.child(name, restart=restart)], intensity=intensity)
    hooks = {"start": note("start"), "prep_stop": note("prep_stop"), "stop": note("stop")}
    return Application(name, tree, dependencies, **(hooks | of_it))


@pytest.fixture
async def abc(stage: Any) -> House:
    """c needs b, b needs a."""
    return await House(stage, app(stage, "a"), app(stage, "b", "a"), app(stage, "c", "b")).open()


async def test_an_application_does_not_start_before_what_it_needs(abc: House) -> None:
    assert await abc.refusal(abc.start("c")) == ("not_started", "b")
    assert await abc.running() == []


async def test_all_that_is_missing_is_started_in_the_order_of_dependencies(abc: House) -> None:
    assert await abc.ensure("c") == ["a", "b", "c"]
    assert abc.stage.take() == ["start a", "+a", "start b", "+b", "start c", "+c"]
    assert await abc.running() == ["c", "b", "a"]
    assert await abc.ensure("c") == []


async def test_an_application_starts_once(abc: House) -> None:
    await abc.start("a")
    assert await abc.refusal(abc.start("a")) == ("already_started", "a")


async def test_two_who_start_it_at_once_both_hear_when_it_runs(stage: Any) -> None:
    async def slowly() -> None:
        await asyncio.sleep(0.01)

    house = await House(stage, app(stage, "a", start=slowly)).open()
    await asyncio.gather(*(start_application(stage.node, APPLICATIONS, "a") for _ in range(2)))
    assert await house.running() == ["a"]


async def test_stopping_runs_the_hooks_around_the_tree_and_looks_at_no_dependant(abc: House) -> None:
    await abc.ensure("c")
    abc.stage.take()
    await abc.stop("b")
    assert abc.stage.take() == ["prep_stop b state", "-b shutdown", "stop b prepared"]
    assert await abc.running() == ["c", "a"]
    assert await abc.refusal(abc.stop("b")) == ("not_started", "b")


async def test_a_start_hook_that_raises_is_why_it_did_not_start(stage: Any) -> None:
    def fail() -> None:
        raise OSError("no port")

    house = await House(stage, app(stage, "a", start=fail)).open()
    with pytest.raises(ApplicationRefused, match="start of 'a' \\('normal'\\): raised OSError: no port") as caught:
        await house.start("a")
    bad_return, (called, (exit_, crash)) = caught.value.reason
    assert (bad_return, called, exit_) == ("bad_return", ("a", "start", ["normal"]), "EXIT")
    assert (crash.kind, crash.text) == ("OSError", "no port")
    assert await house.running() == []


async def test_a_tree_that_does_not_start_is_cleaned_up_after(stage: Any) -> None:
    stage.outcomes["a"] = ["bad"]
    house = await House(stage, app(stage, "a")).open()
    reason = await house.refusal(house.start("a"))
    assert reason == (Shutdown(("failed_to_start_child", "a", "bad")), ("a", "start", ["normal"]))
    assert stage.take() == ["start a", "!a", "stop a state"]


async def test_when_one_fails_those_started_for_it_are_stopped_again(stage: Any) -> None:
    stage.outcomes["b"] = ["bad"]
    house = await House(stage, app(stage, "x"), app(stage, "a", "x"), app(stage, "b", "a")).open()
    await house.start("x")
    stage.take()
    with pytest.raises(ApplicationRefused) as caught:
        await house.ensure("b")
    assert caught.value.application == "b"
    assert stage.take()[-3:] == ["prep_stop a state", "-a shutdown", "stop a prepared"]
    assert await house.running() == ["x"]


async def test_optional_dependencies_start_first_where_they_are_known(stage: Any) -> None:
    house = await House(stage, app(stage, "b", optional=("a", "absent")), app(stage, "a")).open()
    assert await house.ensure("b") == ["a", "b"]


async def test_an_unknown_application_is_refused(abc: House) -> None:
    assert await abc.refusal(abc.start("nope")) == ("unknown_application", "nope")
    assert await abc.refusal(abc.ensure("nope")) == ("unknown_application", "nope")
    assert await abc.refusal(abc.start("a", "sometimes")) == ("invalid_start_type", "sometimes")


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        ([("a", "b"), ("b", "c"), ("c", "a")], ("circular_dependency", ["a", "b", "c", "a"])),
        ([("a", "nope")], ("unknown_application", "nope")),
        ([("a",), ("a",)], ("duplicate_application", "a")),
    ],
)
async def test_what_can_never_start_is_refused_at_once(stage: Any, names: Any, reason: Any) -> None:
    with pytest.raises(StartError) as caught:
        await House(stage, *(app(stage, name, *needs) for name, *needs in names)).open()
    assert caught.value.reason == reason


async def test_a_tree_may_be_made_of_what_the_start_hook_prepared(stage: Any) -> None:
    def tree(part: str) -> Tree:
        return Tree("one_for_one", [stage.child(part)], name=Name("service", part))

    house = await House(stage, Application("a", tree, start=lambda: "prepared")).open()
    await house.start("a")
    assert stage.take() == ["+prepared"]
    assert stage.node.whereis(Name("service", "prepared")) == await house.top("a")


async def test_hooks_may_be_async_and_their_errors_stop_nothing(stage: Any) -> None:
    async def start() -> str:
        await asyncio.sleep(0)
        return "state"

    def broken(_: Any) -> None:
        raise RuntimeError("broken hook")

    house = await House(stage, app(stage, "a", start=start, prep_stop=broken)).open()
    await house.start("a")
    await house.stop("a")
    assert stage.take() == ["+a", "-a shutdown", "stop a state"]


# An application that ends by itself


ENDS_NODE = [
    ("permanent", "shutdown", True),
    ("transient", "shutdown", True),
    ("temporary", "shutdown", False),
    ("permanent", "killed", True),
    ("transient", "killed", True),
    ("temporary", "killed", False),
]


@pytest.mark.parametrize(("start_type", "how", "fatal"), ENDS_NODE)
async def test_its_start_type_says_whether_the_node_ends_with_it(
    stage: Any, start_type: Any, how: str, fatal: bool
) -> None:
    house = await House(stage, app(stage, "other"), app(stage, "a", intensity=0)).open()
    await house.start("other")
    await house.start("a", start_type)
    ended = asyncio.ensure_future(stage.node.wait_exit(house.controller, None))
    stage.take()
    if how == "killed":
        stage.node.exit(await house.top("a"), "kill")
        await stage.node.idle()
    else:
        await stage.end("a")
    journal = stage.take()
    assert journal[1:3] == ["prep_stop a state", "stop a prepared"]
    if fatal:
        assert await ended == ("application_terminated", "a", how)
        assert journal[3:] == ["prep_stop other state", "-other shutdown", "stop other prepared"]
    else:
        assert await house.running() == ["other"]
        ended.cancel()


@pytest.mark.parametrize(("start_type", "fatal"), [("permanent", True), ("transient", False), ("temporary", False)])
async def test_a_normal_end_is_fatal_for_a_permanent_one_only(stage: Any, start_type: Any, fatal: bool) -> None:
    house = await House(stage, app(stage, "a")).open()
    await house.start("a", start_type)
    await stage.node.call(await house.top("a"), StopSupervisor("normal"))
    await stage.node.idle()
    assert (house.controller.cell is None) is fatal


async def test_killing_an_applications_master_ends_the_tree(stage: Any) -> None:
    house = await House(stage, app(stage, "a")).open()
    await house.start("a")
    master = (await house.top("a")).cell.parent
    stage.node.exit(master, "kill")
    await stage.node.idle()
    assert await house.running() == []
    assert not stage.alive("a")


async def test_the_controller_stops_all_the_latest_first(abc: House) -> None:
    await abc.ensure("c")
    abc.stage.take()
    assert await abc.stage.shut_down(abc.controller) == "shutdown"
    ends = [entry for entry in abc.stage.take() if entry.startswith("-")]
    assert ends == ["-c shutdown", "-b shutdown", "-a shutdown"]
    assert list(abc.node.processes()) == []


async def test_a_tree_that_takes_too_long_is_killed_where_the_application_says_so(stage: Any) -> None:
    part = stage.child("a", trap=True, stop="hang", shutdown="infinity")
    house = await House(stage, Application("a", Tree("one_for_one", [part]), shutdown=4.0)).open()
    await house.start("a")
    before = stage.node.clock.now()
    await house.stop("a")
    assert stage.node.clock.now() - before == pytest.approx(4.0)
    assert await house.running() == []
