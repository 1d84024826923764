"""The application controller against measured answers of OTP 25, and what the measurements do not ask."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any, ClassVar

import pytest

from mirliton.runtime import Crash, GenServer, NoProc, Shutdown, Stop
from mirliton.supervisors import (
    APPLICATIONS,
    Application,
    ApplicationController,
    ApplicationRefused,
    LoadedInfo,
    Tree,
    ensure_all_started,
    get_env,
    load_application,
    loaded_applications,
    set_env,
    start_application,
    stop_application,
    unload_application,
    unset_env,
    which_applications,
    worker,
)

log: list[Any] = []


class Logged(GenServer):
    """A worker that notes its end."""

    fails: ClassVar[str] = "wfail"

    def init(self, name: str, fails: bool = False) -> Any:
        self.name = name
        self.trap_exit()
        return Stop(self.fails) if fails else None

    def terminate(self, reason: Any) -> None:
        log.append(("worker_exit", self.name, reason))


def app(name: str, *dependencies: str, how: str = "ok", **of_it: Any) -> Application:
    def start() -> Any:
        log.append(("start", name, "normal"))
        if how == "crash":
            raise RuntimeError("oops")
        return Stop("nope") if how == "err" else ("state", name)

    def phase(called: str, state: Any, argument: Any) -> Any:
        log.append(("phase", called, "normal", argument))
        if argument == "crash":
            raise RuntimeError("oops")
        return Stop("nope") if argument == "err" else argument if argument == "junk" else None

    def prep_stop(state: Any) -> Any:
        log.append(("prep_stop", state))
        return state

    tree: Any = Tree("one_for_one", [worker(Logged, name, how == "suberr", id="w")], intensity=0)
    if how == "bad":
        tree = lambda state: "junk"  # noqa: E731
    hooks = {"start": start, "start_phase": phase, "prep_stop": prep_stop}
    hooks["stop"] = lambda state: log.append(("stop", state))
    return Application(name, tree, dependencies, **hooks, **of_it)


class House:
    """One controller; every question gives OTP's kind of answer."""

    def __init__(self, node: Any) -> None:
        self.node = node

    async def ask(self, asking: Any, *, naming: bool = False) -> Any:
        try:
            answer = await self.node.drive(asking)
        except ApplicationRefused as error:
            return ("error", (error.application, error.reason) if naming else error.reason)
        return "ok" if answer is None else answer

    async def load(self, *applications: Application) -> Any:
        answers = [await self.ask(load_application(self.node, APPLICATIONS, each)) for each in applications]
        return tuple(answers) if len(answers) > 1 else answers[0]

    async def start(self, name: str) -> Any:
        return await self.ask(start_application(self.node, APPLICATIONS, name))

    async def ensure(self, *names: str) -> Any:
        answer = await self.ask(ensure_all_started(self.node, APPLICATIONS, names), naming=True)
        return ("ok", answer) if isinstance(answer, list) else answer

    async def stop(self, name: str) -> Any:
        return await self.ask(stop_application(self.node, APPLICATIONS, name))

    async def unload(self, name: str) -> Any:
        return await self.ask(unload_application(self.node, APPLICATIONS, name))

    async def which(self) -> list[str]:
        return [info.name for info in await self.node.drive(which_applications(self.node, APPLICATIONS))]

    async def runs(self, name: str) -> bool:
        return name in await self.which()

    async def top(self, name: str) -> Any:
        infos = await self.node.drive(which_applications(self.node, APPLICATIONS))
        return next(info.top for info in infos if info.name == name)

    # Questions of the facts that take more than one step

    async def load_abc(self) -> Any:
        return await self.load(app("a"), app("b", "a"), app("c", "b"))

    async def load_and_start(self, name: str, how: str) -> Any:
        await self.load(app(name, how=how))
        return await self.start(name)

    async def failing_dependency(self) -> Any:
        await self.load(app("x", "a", "e"))
        return await self.ensure("x")

    async def dies(self) -> Any:
        await self.start("a")
        top = await self.top("a")
        # Its worker is killed, which notes nothing, and no restart is allowed.
        self.node.exit(next(iter(top.cell.actor.children)).pid, "kill")
        await self.node.idle()
        return await self.runs("a")

    async def phases(self) -> Any:
        await self.load(app("p", start_phases=[("one", "x"), ("two", "y")]))
        return await self.start("p")

    async def environment(self) -> Any:
        def get(key: str, default: Any = "undefined") -> Any:
            value = get_env(self.node, "p", key, default)
            return ("ok", value) if value == 1 else value

        answers = [get("k"), await self.ask(set_env(self.node, APPLICATIONS, "p", "k", 1)), get("k")]
        answers += [get("other", "dflt"), await self.ask(unset_env(self.node, APPLICATIONS, "p", "k")), get("k")]
        return tuple(answers)

    async def optional(self) -> Any:
        await self.load(app("o", optional=("absent",)))
        return await self.ensure("o")

    async def kill_top(self, name: str) -> Any:
        self.node.exit(await self.top(name), "kill")
        await self.node.idle()
        return await self.runs(name)

    async def each(self, *asking: Any) -> Any:
        return tuple([await one for one in asking])

    def questions(self) -> list[tuple[str, Any]]:
        return [
            ("load a, b(needs a), c(needs b)", self.load_abc),
            ("start c before its dependencies", lambda: self.start("c")),
            ("ensure_all_started(c)", lambda: self.ensure("c")),
            ("ensure_all_started again", lambda: self.ensure("c")),
            ("start a again", lambda: self.start("a")),
            ("which_applications: latest first", self.which),
            ("stop b although c depends on it", lambda: self.stop("b")),
            ("c is still running", self.which),
            ("stop b again", lambda: self.stop("b")),
            ("stop c, a", lambda: self.each(self.stop("c"), self.stop("a"))),
            ("start returning an error", lambda: self.load_and_start("e", "err")),
            ("start crashing", lambda: self.load_and_start("f", "crash")),
            ("start returning junk", lambda: self.load_and_start("g", "bad")),
            ("top supervisor fails to start", lambda: self.load_and_start("h", "suberr")),
            (
                "ensure_all_started with a failing dependency: what it started before is stopped again",
                self.failing_dependency,
            ),
            ("a afterwards", lambda: self.runs("a")),
            ("unknown application", lambda: self.start("nosuch")),
            ("temporary application dies: reported only", self.dies),
            ("start phases", self.phases),
            ("env: get, set, default, unset", self.environment),
            ("unload a running application", lambda: self.unload("p")),
            ("stop and unload", lambda: self.each(self.stop("p"), self.unload("p"))),
            ("optional dependency missing", self.optional),
            ("kill the application's top supervisor", lambda: self.kill_top("o")),
        ]


@pytest.fixture
async def house(node: Any) -> House:
    log.clear()
    await node.start(ApplicationController, [], name=APPLICATIONS)
    return House(node)


OTHERWISE = {
    # There are no files of applications here.
    "unknown application": lambda log, result: (log, ("error", ("unknown_application", "nosuch"))),
    # What start has opened is closed, also when the tree did not start.
    "top supervisor fails to start": lambda log, result: ([*log, ("stop", ("state", "h"))], result),
    # The start and the tree are two functions here: with g it is the tree that is junk, and the start is undone.
    "start returning junk": lambda log, result: ([*log, ("stop", ("state", "g"))], result),
    # A killed supervisor's children hear of it when its master does: whose clean-up is first is nobody's promise.
    "kill the application's top supervisor": lambda log, result: ([*log[1:], log[0]], result),
}


def from_erlang(term: Any) -> Any:
    """The facts in our words: {Mod, start, [normal, {Name, How}]} names the application; we have no kernel."""
    if isinstance(term, dict):
        parts = tuple(from_erlang(part) for part in term["t"])
        if parts[:2] == ("ap", "start"):
            kind, (name, _) = parts[2]
            return (name, "start", [kind])
        return Shutdown(*parts[1:]) if parts[0] == "shutdown" and len(parts) == 2 else parts
    if isinstance(term, list):
        return [from_erlang(part) for part in term if part not in ("stdlib", "kernel")]
    return term


def to_erlang(term: Any) -> Any:
    match term:
        case Crash():
            return (term.text, "STACK")
        case tuple():
            return tuple(to_erlang(part) for part in term)
    return term


async def test_every_measured_answer_of_otp_is_ours(reference: Path, house: House) -> None:
    facts = json.loads((reference / "otp-traces" / "facts-application.json").read_text())["rows"]
    questions = house.questions()
    assert [fact["q"] for fact in facts] == [question for question, _ in questions]
    for fact, (question, ask) in zip(facts, questions, strict=True):
        log.clear()
        result = to_erlang(await ask())
        expected = (from_erlang(fact["log"]), from_erlang(fact["result"]))
        if question in OTHERWISE:
            expected = OTHERWISE[question](*expected)
        assert (log, result) == expected, question


# Loading


async def test_what_is_loaded_is_listed_with_what_it_says_of_itself(house: House) -> None:
    await house.load(app("a", description="the first", version="1.2"), app("b"))
    listed = await house.node.drive(loaded_applications(house.node, APPLICATIONS))
    assert listed == [LoadedInfo("a", "the first", "1.2"), LoadedInfo("b", "", "")]
    assert await house.load(app("a")) == ("error", ("already_loaded", "a"))
    assert await house.unload("a") == "ok"
    assert await house.unload("a") == ("error", ("not_loaded", "a"))
    assert await house.start("a") == ("error", ("unknown_application", "a"))


async def test_a_dependency_may_be_loaded_later_and_is_named_while_it_is_missing(house: House) -> None:
    assert await house.load(app("b", "a")) == "ok"
    assert await house.ensure("b") == ("error", ("b", ("unknown_application", "a")))
    await house.load(app("a"))
    assert await house.ensure("b") == ("ok", ["a", "b"])


async def test_a_circle_is_refused_by_the_application_that_closes_it(house: House) -> None:
    assert await house.load(app("a", "b"), app("b", "a")) == ("ok", ("error", ("circular_dependency", ["b", "a", "b"])))


async def test_an_application_that_is_starting_is_not_unloaded(house: House) -> None:
    async def slowly() -> None:
        await gate

    gate = house.node.loop.create_future()
    await house.load(Application("a", Tree("one_for_one", []), start=slowly))
    starting = asyncio.ensure_future(start_application(house.node, APPLICATIONS, "a"))
    await asyncio.sleep(0)  # it has been asked for
    with pytest.raises(ApplicationRefused) as caught:
        await unload_application(house.node, APPLICATIONS, "a")
    assert caught.value.reason == ("running", "a")
    gate.set_result(None)
    await house.node.drive(starting)


async def test_several_are_started_with_what_they_need_once(house: House) -> None:
    await house.load(app("a"), app("b", "a"), app("c", "a"))
    assert await house.ensure("b", "c") == ("ok", ["a", "b", "c"])


async def test_when_the_second_of_several_fails_all_are_stopped_again(house: House) -> None:
    await house.load(app("a"), app("e", how="err"))
    assert (await house.ensure("a", "e"))[1][0] == "e"
    assert await house.which() == []


# Phases


@pytest.mark.parametrize(
    ("argument", "why"),
    [
        ("err", ("nope", ("p", "start_phase", ["two", "normal", "err"]))),
        ("junk", ("bad_return", (("p", "start_phase", ["two", "normal", "junk"]), "junk"))),
        ("crash", ("bad_return", (("p", "start_phase", ["two", "normal", "crash"]), ("EXIT", ("oops", "STACK"))))),
    ],
)
async def test_a_phase_that_fails_undoes_the_start(house: House, argument: str, why: Any) -> None:
    await house.load(app("p", start_phases=[("one", "x"), ("two", argument), ("three", "z")]))
    assert to_erlang(await house.start("p")) == ("error", why)
    assert log == [
        ("start", "p", "normal"),
        ("phase", "one", "normal", "x"),
        ("phase", "two", "normal", argument),
        ("worker_exit", "p", "shutdown"),
        ("stop", ("state", "p")),
    ]
    assert len(house.node) == 1


async def test_phases_without_a_hook_do_not_start(house: House) -> None:
    await house.load(Application("p", Tree("one_for_one", []), start_phases=[("one", 1)]))
    assert await house.start("p") == (
        "error",
        ("bad_return", (("p", "start_phase", ["one", "normal", 1]), ("EXIT", "undef"))),
    )


async def test_a_phase_may_be_async_and_use_the_tree(house: House) -> None:
    seen: list[Any] = []

    async def phase(name: str, state: Any, argument: Any) -> None:
        seen.append((name, state, argument, len(house.node)))

    tree = Tree("one_for_one", [worker(Logged, "p")])
    await house.load(Application("p", tree, start=lambda: "s", start_phases=[("one", 1)], start_phase=phase))
    assert await house.start("p") == "ok"
    assert seen == [("one", "s", 1, 4)]  # controller, master, supervisor, worker


async def test_a_tree_that_ends_during_a_phase_ends_the_application(house: House) -> None:
    async def phase(*_: Any) -> None:
        top = next(cell for cell in house.node.processes() if cell.kind == "Supervisor")
        house.node.exit(top.pid, "kill")

    tree = Tree("one_for_one", [])
    await house.load(Application("p", tree, start_phases=[("one", 1)], start_phase=phase))
    await house.start("p")
    await house.node.idle()
    assert await house.which() == []
    assert len(house.node) == 1


async def test_a_controller_killed_during_a_phase_takes_the_application_along(house: House) -> None:
    gate = house.node.loop.create_future()
    begun = asyncio.Event()

    async def phase(*_: Any) -> None:
        begun.set()
        await gate

    await house.load(Application("p", Tree("one_for_one", []), start_phases=[("one", 1)], start_phase=phase))
    starting = asyncio.ensure_future(start_application(house.node, APPLICATIONS, "p"))
    await begun.wait()
    house.node.exit(house.node.whereis(APPLICATIONS), "kill")
    gate.set_result(None)
    with pytest.raises(Exception, match="killed"):
        await house.node.drive(starting)
    await house.node.idle()
    assert len(house.node) == 0


# The environment


async def test_the_environment_is_that_of_the_application_until_it_is_unloaded(house: House) -> None:
    node = house.node
    shared = {"port": 5060}
    await house.load(app("a", environment=shared))
    await house.ask(set_env(node, APPLICATIONS, "a", "port", 5080))
    assert (get_env(node, "a", "port"), shared) == (5080, {"port": 5060})
    await house.ensure("a")
    await house.stop("a")
    assert get_env(node, "a", "port") == 5080
    await house.unload("a")
    assert get_env(node, "a", "port", 1) == 1
    await house.load(app("a", environment=shared))
    assert get_env(node, "a", "port") == 5060


async def test_an_environment_that_is_not_there_says_so(house: House) -> None:
    for asking in (
        set_env(house.node, APPLICATIONS, "nope", "k", 1),
        unset_env(house.node, APPLICATIONS, "nope", "k"),
    ):
        assert await house.ask(asking) == ("error", ("not_loaded", "nope"))
    house.node.exit(house.node.whereis(APPLICATIONS), "kill")
    with pytest.raises(NoProc, match="no application controller"):
        get_env(house.node, "a", "k")
