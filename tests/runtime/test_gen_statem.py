"""GenStatem: states, actions, enter calls, what is put aside and when it comes back, the end."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from typing import Any

import pytest

from mirliton.runtime import (
    IGNORE,
    Call,
    Cast,
    ChangeCallbackModule,
    Enter,
    EventTimedOut,
    EventTimeout,
    Exit,
    ExitSignal,
    From,
    GenStatem,
    Hibernate,
    Info,
    Internal,
    KeepState,
    MailboxFull,
    Name,
    NextEvent,
    NextState,
    PopCallbackModule,
    Postpone,
    PushCallbackModule,
    RepeatState,
    Reply,
    ReplyTo,
    ServerDied,
    StartError,
    StateTimedOut,
    StateTimeout,
    Stop,
    StopAndReply,
    SystemRequestFailed,
    Throw,
    TimedOut,
    Timeout,
)

Answers = dict[Any, Any]


class Scripted(GenStatem):
    """Notes each event as (state, event) and answers what `answers` has for the pair, or for what the event holds."""

    callback_mode = "handle_event_function"

    def init(self, log: list[Any], answers: Answers, *actions: Any, enter: bool = False, trap: bool = False) -> Any:
        self.log_of_test = log
        self.answers = answers
        self.state_enter = enter
        self.trap_exit(trap)
        return NextState("a", *actions)

    def handle_event(self, event: Any, state: Any) -> Any:
        self.log_of_test.append((state, event))
        return self.play(event, state)

    def play(self, event: Any, state: Any) -> Any:
        for key in ((state, _content(event)), _content(event)):
            if key in self.answers:
                answer = self.answers[key]
                answer = answer(event) if isinstance(answer, _Dynamic) else answer
                if isinstance(answer, BaseException):
                    raise answer
                return answer
        return None

    def terminate(self, reason: Any) -> Any:
        self.log_of_test.append(("terminate", reason, self.current_state))


class Asynchronous(Scripted):
    """The same with async callbacks."""

    async def init(self, *args: Any, **kwargs: Any) -> Any:
        await asyncio.sleep(0)
        return super().init(*args, **kwargs)

    async def handle_event(self, event: Any, state: Any) -> Any:
        await asyncio.sleep(0)
        return super().handle_event(event, state)

    async def terminate(self, reason: Any) -> None:
        await asyncio.sleep(0)
        super().terminate(reason)


def _content(event: Any) -> Any:
    """What a test calls an event by."""
    match event:
        case Enter():
            return Enter
        case Call(_, content) | Cast(content) | Info(content) | Internal(content):
            return content
        case TimedOut(name, _):
            return ("timed out", name)
    return type(event)


class _Dynamic:
    """An answer made of the event."""

    def __init__(self, make: Callable[[Any], Any]) -> None:
        self.make = make

    def __call__(self, event: Any) -> Any:
        return self.make(event)


def replying(value: Any, result: Any = KeepState, *more: Any) -> _Dynamic:
    return _Dynamic(lambda event: result(*more, ReplyTo(event.sender, value)))


@pytest.fixture(params=[Scripted, Asynchronous], ids=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> type[Scripted]:
    return request.param


@pytest.fixture
def log() -> list[Any]:
    return []


def told(log: list[Any]) -> list[Any]:
    """The log with each event by what it holds."""
    return [(entry[0], _content(entry[1])) if len(entry) == 2 else entry for entry in log]


# States and events


async def test_each_kind_of_event_comes_as_what_it_is(node: Any, kind: Any, log: list[Any]) -> None:
    pid = await node.start(kind, log, {"q": replying("answer")})
    node.cast(pid, "c")
    node.send(pid, "i")
    assert await node.drive(node.call(pid, "q")) == "answer"
    assert log[:2] == [("a", Cast("c")), ("a", Info("i"))]
    assert (type(log[2][1]), log[2][1].request) == (Call, "q")


async def test_a_call_that_no_state_answers_leaves_the_caller_waiting(node: Any, kind: Any, log: list[Any]) -> None:
    pid = await node.start(kind, log, {"later": replying("now")})
    calling = asyncio.ensure_future(node.call(pid, "q", timeout=60))
    await node.advance(30)
    assert not calling.done()
    calling.cancel()
    assert await node.drive(node.call(pid, "later")) == "now"


async def test_a_machine_without_handle_event_has_a_method_for_each_state(node: Any) -> None:
    class Light(GenStatem):
        def init(self) -> Any:
            return NextState("red")

        def red(self, event: Any) -> Any:
            return NextState("green", ReplyTo(event.sender, "was red"))

        def green(self, event: Any) -> Any:
            return NextState("nowhere", ReplyTo(event.sender, "was green"))

    pid = await node.start(Light)
    assert [await node.call(pid, "next"), await node.call(pid, "next")] == ["was red", "was green"]
    with pytest.raises(ServerDied, match="nowhere"):
        await node.call(pid, "next")


async def test_a_state_may_be_any_value_and_true_is_not_1(node: Any, log: list[Any]) -> None:
    pid = await node.start(
        Scripted, log, {("a", "go"): NextState(1), "go": NextState(True), "p": KeepState(Postpone())}
    )
    for content in ("go", "p", "go"):
        node.cast(pid, content)
    await node.idle()
    # What was postponed in state 1 comes back in state True.
    assert [(repr(state), _content(event)) for state, event in log] == [
        ("'a'", "go"),
        ("1", "p"),
        ("1", "go"),
        ("True", "p"),
    ]


# Postponed and inserted events


POSTPONING = {("a", "p"): KeepState(Postpone()), ("a", "q"): KeepState(Postpone()), "go": NextState("b")}


async def test_postponed_events_come_back_oldest_first_before_what_waits(node: Any, kind: Any, log: list[Any]) -> None:
    pid = await node.start(kind, log, POSTPONING)
    for content in ("p", "q", "go", "new"):
        node.cast(pid, content)
    await node.idle()
    assert told(log) == [("a", "p"), ("a", "q"), ("a", "go"), ("b", "p"), ("b", "q"), ("b", "new")]


@pytest.mark.parametrize("answer", [None, KeepState(), RepeatState(), NextState("a")])
async def test_only_another_state_brings_them_back(node: Any, kind: Any, log: list[Any], answer: Any) -> None:
    pid = await node.start(kind, log, {**POSTPONING, "stay": answer}, enter=True)
    for content in ("p", "stay"):
        node.cast(pid, content)
    await node.idle()
    assert [content for _, content in told(log) if content is not Enter] == ["p", "stay"]


async def test_an_event_that_is_postponed_and_changes_the_state_is_retried_at_once(
    node: Any, kind: Any, log: list[Any]
) -> None:
    pid = await node.start(kind, log, {("a", "x"): NextState("b", Postpone())})
    node.cast(pid, "x")
    await node.idle()
    assert told(log) == [("a", "x"), ("b", "x")]


async def test_the_last_postpone_counts(node: Any, log: list[Any]) -> None:
    answers = {
        ("a", "yes"): KeepState(Postpone(False), Postpone()),
        ("a", "no"): KeepState(Postpone(), Postpone(False)),
        "go": NextState("b"),
    }
    pid = await node.start(Scripted, log, answers)
    for content in ("yes", "no", "go"):
        node.cast(pid, content)
    await node.idle()
    assert told(log)[3:] == [("b", "yes")]


async def test_a_postponed_call_is_answered_in_the_state_that_can(node: Any, kind: Any, log: list[Any]) -> None:
    pid = await node.start(kind, log, {**POSTPONING, ("b", "p"): replying("done")})
    calling = asyncio.ensure_future(node.call(pid, "p"))
    await node.idle()
    node.cast(pid, "go")
    assert await node.drive(calling) == "done"


async def test_inserted_events_come_first_and_in_their_order(node: Any, kind: Any, log: list[Any]) -> None:
    answers = {
        **POSTPONING,
        "go": NextState("b", NextEvent(Internal("1")), NextEvent(Cast("2")), NextEvent(Info("3"))),
        "1": KeepState(NextEvent(Internal("1.1"))),
    }
    pid = await node.start(kind, log, answers)
    for content in ("p", "go", "new"):
        node.cast(pid, content)
    await node.idle()
    assert [content for _, content in told(log)] == ["p", "go", "1", "1.1", "2", "3", "p", "new"]


async def test_an_inserted_event_of_any_type_is_what_it_says(node: Any, log: list[Any]) -> None:
    events = [Internal(1), Cast(2), Info(ExitSignal(node.root, "x")), StateTimedOut(3), EventTimedOut(4), TimedOut("n")]
    pid = await node.start(Scripted, log, {"go": KeepState(*map(NextEvent, events))})
    node.cast(pid, "go")
    await node.idle()
    assert [event for _, event in log[1:]] == events


async def test_an_inserted_event_and_a_timeout_may_be_postponed(node: Any, kind: Any, log: list[Any]) -> None:
    answers = {
        "set": KeepState(StateTimeout(1, "late"), NextEvent(Internal("i"))),
        ("a", "i"): KeepState(Postpone()),
        ("a", StateTimedOut): KeepState(Postpone()),
        "go": NextState("b"),
    }
    pid = await node.start(kind, log, answers)
    node.cast(pid, "set")
    await node.advance(1)
    node.cast(pid, "go")
    await node.idle()
    assert log[3:] == [("a", Cast("go")), ("b", Internal("i")), ("b", StateTimedOut("late"))]


async def test_a_hundred_thousand_inserted_events_neither_recurse_nor_starve_others(node: Any) -> None:
    class Loop(GenStatem):
        def init(self) -> Any:
            self.left = 100_000
            return NextState("on", NextEvent(Internal()))

        def on(self, event: Any) -> Any:
            self.left -= 1
            return KeepState(NextEvent(Internal())) if self.left else None

    loop, other = node.spawn(Loop), await node.start(Scripted, [], {"q": replying("meanwhile")})
    assert await node.call(other, "q") == "meanwhile"
    assert loop.cell.actor.left > 90_000
    await node.idle()
    assert loop.cell.actor.left == 0


# Enter calls


async def test_a_state_begins_with_an_enter_call(node: Any, kind: Any, log: list[Any]) -> None:
    pid = await node.start(kind, log, {"go": NextState("b"), "same": NextState("b"), "re": RepeatState()}, enter=True)
    for content in ("go", "same", "re"):
        node.cast(pid, content)
    await node.idle()
    assert log == [
        ("a", Enter("a")),
        ("a", Cast("go")),
        ("b", Enter("a")),
        ("b", Cast("same")),
        ("b", Cast("re")),
        ("b", Enter("b")),
    ]


async def test_the_enter_call_comes_before_inserted_and_postponed_events(node: Any, kind: Any, log: list[Any]) -> None:
    answers = {**POSTPONING, "go": NextState("b", NextEvent(Internal("i")))}
    pid = await node.start(kind, log, answers, enter=True)
    for content in ("p", "go"):
        node.cast(pid, content)
    await node.idle()
    assert told(log)[3:] == [("b", Enter), ("b", "i"), ("b", "p")]


async def test_an_enter_call_may_answer_and_set_timeouts_and_its_settings_count_last(
    node: Any, kind: Any, log: list[Any]
) -> None:
    held: list[From] = []
    answers = {
        "q": _Dynamic(lambda event: held.append(event.sender) or NextState("b", StateTimeout(1, "event's"))),
        ("b", Enter): _Dynamic(lambda _: KeepState(ReplyTo(held[0], "entered"), StateTimeout(2, "enter's"))),
    }
    pid = await node.start(kind, log, answers, enter=True)
    assert await node.drive(node.call(pid, "q")) == "entered"
    await node.advance(5)
    assert [event for _, event in log if type(event) is StateTimedOut] == [StateTimedOut("enter's")]


async def test_an_enter_call_may_repeat_itself(node: Any, kind: Any, log: list[Any]) -> None:
    answers: Answers = {"go": NextState("b")}
    answers["b", Enter] = _Dynamic(lambda _: answers.pop(("b", Enter)) and RepeatState())
    pid = await node.start(kind, log, answers, enter=True)
    node.cast(pid, "go")
    await node.idle()
    assert log[2:] == [("b", Enter("a")), ("b", Enter("a"))]


REFUSED = [
    (NextState("c"), ("bad_state_enter_return_from_state_function", ("next_state", "c", []))),
    (KeepState(Postpone()), ("bad_state_enter_action_from_state_function", Postpone())),
    (KeepState(NextEvent(Internal())), ("bad_state_enter_action_from_state_function", NextEvent(Internal()))),
    (
        KeepState(ChangeCallbackModule(Scripted)),
        ("bad_state_enter_action_from_state_function", ChangeCallbackModule(Scripted)),
    ),
]


@pytest.mark.parametrize(("answer", "reason"), REFUSED)
async def test_what_an_enter_call_may_not_do_ends_the_machine_in_the_new_state(
    node: Any, kind: Any, log: list[Any], answer: Any, reason: Any
) -> None:
    pid = await node.start(kind, log, {"go": NextState("b"), ("b", Enter): answer}, enter=True)
    ended = asyncio.ensure_future(node.wait_exit(pid))
    await asyncio.sleep(0)
    node.cast(pid, "go")
    assert await node.drive(ended) == reason
    assert log[-1] == ("terminate", reason, "b")


async def test_a_state_whose_enter_call_crashes_has_not_come_about(node: Any, kind: Any, log: list[Any]) -> None:
    pid = await node.start(kind, log, {"go": NextState("b"), ("b", Enter): Exit("no")}, enter=True)
    node.cast(pid, "go")
    await node.idle()
    assert log[-1] == ("terminate", "no", "a")


# The end


@pytest.mark.parametrize("reason", ["normal", "shutdown", "boom"])
async def test_stop_runs_terminate_and_ends_with_the_reason(node: Any, kind: Any, log: list[Any], reason: str) -> None:
    pid = await node.start(kind, log, {"stop": Stop(reason)})
    with pytest.raises(ServerDied) as caught:
        await node.drive(node.call(pid, "stop"))
    assert caught.value.exit_reason == reason
    assert log[1:] == [("terminate", reason, "a")]


async def test_stop_and_reply_answers_first(node: Any, kind: Any, log: list[Any]) -> None:
    pid = await node.start(kind, log, {"stop": replying("bye", StopAndReply, "boom")})
    ended = asyncio.ensure_future(node.wait_exit(pid))
    await asyncio.sleep(0)
    assert await node.drive(node.call(pid, "stop")) == "bye"
    assert await node.drive(ended) == "boom"


BAD = [
    ("junk", ("bad_return_from_state_function", "junk")),
    (("next_state", "b"), ("bad_return_from_state_function", ("next_state", "b"))),
    (KeepState("dance"), ("bad_action_from_state_function", "dance")),
    (KeepState([Postpone()]), ("bad_action_from_state_function", [Postpone()])),
    (KeepState(ReplyTo("nobody", 1)), ("bad_action_from_state_function", ReplyTo("nobody", 1))),
    (KeepState(NextEvent("party")), ("bad_action_from_state_function", NextEvent("party"))),
    (KeepState(NextEvent(Enter("b"))), ("bad_action_from_state_function", NextEvent(Enter("b")))),
    (KeepState(StateTimeout(-1)), ("bad_action_from_state_function", StateTimeout(-1))),
    (KeepState(Timeout("n", "soon")), ("bad_action_from_state_function", Timeout("n", "soon"))),
    (KeepState(Postpone("maybe")), ("bad_action_from_state_function", Postpone("maybe"))),
    (KeepState(PopCallbackModule()), ("bad_action_from_state_function", PopCallbackModule())),
    (StopAndReply("normal", Postpone()), ("bad_reply_action_from_state_function", Postpone())),
]


@pytest.mark.parametrize(("answer", "reason"), BAD)
async def test_an_answer_that_is_none_ends_the_machine_with_otps_reason(
    node: Any, kind: Any, log: list[Any], answer: Any, reason: Any
) -> None:
    pid = await node.start(kind, log, {"x": answer})
    with pytest.raises(ServerDied) as caught:
        await node.drive(node.call(pid, "x"))
    assert caught.value.exit_reason == reason
    assert log[-1] == ("terminate", reason, "a")


async def test_the_answer_of_a_gen_server_is_none_of_a_state_machine(node: Any) -> None:
    pid = await node.start(Scripted, [], {"x": Reply(1)})
    with pytest.raises(ServerDied):
        await node.call(pid, "x")
    assert node.strict_violations.pop()  # such a reason cannot travel, and is told in words


async def test_stop_with_a_reply_is_refused_in_words(node: Any) -> None:
    pid = await node.start(Scripted, [], {"x": Stop("normal", reply=1)})
    with pytest.raises(ServerDied, match="StopAndReply"):
        await node.call(pid, "x")


async def test_actions_before_a_bad_one_are_done_and_the_state_is_the_new_one(node: Any, log: list[Any]) -> None:
    pid = await node.start(
        Scripted, log, {"x": _Dynamic(lambda event: NextState("b", ReplyTo(event.sender, 1), "dance"))}
    )
    assert await node.call(pid, "x") == 1
    await node.idle()
    assert log[-1][2] == "b"


async def test_a_crash_runs_terminate_and_is_told_with_the_state(node: Any, kind: Any, log: list[Any]) -> None:
    pid = await node.start(kind, log, {"go": NextState("b"), "x": ValueError("wrong")})
    node.cast(pid, "go")
    node.cast(pid, "x")
    await node.idle()
    (dossier,) = node.dossiers
    assert (dossier.reason.kind, dossier.reason.text) == ("ValueError", "wrong")
    assert dossier.last_message == "{'Cast': {'request': 'x'}}"
    assert dossier.state["current_state"] == "'b'"
    assert log[-1] == ("terminate", dossier.reason, "b")
    assert pid.cell is None


async def test_a_dossier_shows_the_inserted_event_it_died_on_and_what_was_postponed(node: Any, log: list[Any]) -> None:
    pid = await node.start(Scripted, log, {**POSTPONING, "x": KeepState(NextEvent(Internal("i"))), "i": Stop("boom")})
    node.cast(pid, "p")
    node.cast(pid, "x")
    await node.idle()
    dossier = node.dossiers.of(pid)
    assert "Internal" in dossier.last_message
    assert any("'p'" in waiting for waiting in dossier.messages)


async def test_a_value_thrown_is_the_answer(node: Any, kind: Any, log: list[Any]) -> None:
    answers = {"x": Throw(NextState("b")), ("b", Enter): Throw(KeepState(NextEvent(1)))}
    pid = await node.start(kind, log, answers, enter=True)
    node.cast(pid, "x")
    await node.idle()
    assert log[-1] == ("terminate", ("bad_state_enter_action_from_state_function", NextEvent(1)), "b")


@pytest.mark.parametrize(("error", "reason"), [(Exit("late"), "late"), (Throw("late"), "normal")])
async def test_an_exit_in_terminate_replaces_the_reason_and_a_throw_does_not(
    node: Any, kind: Any, error: BaseException, reason: str
) -> None:
    if kind is Asynchronous:

        class Ending(Asynchronous):
            async def terminate(self, _: Any) -> None:
                raise error
    else:

        class Ending(Scripted):
            def terminate(self, _: Any) -> None:
                raise error

    pid = await node.start(Ending, [], {"stop": Stop()})
    with pytest.raises(ServerDied) as caught:
        await node.drive(node.call(pid, "stop"))
    assert caught.value.exit_reason == reason


async def test_a_machine_that_traps_obeys_its_parent_and_tells_of_others(puppet: Any, log: list[Any]) -> None:
    parent, stranger = await puppet(trap=True), await puppet()
    child = await parent.do(lambda me: me.start_link(Scripted, log, {}, trap=True))
    await stranger.do(lambda me: me.exit(child, "boom"))
    await parent.do(lambda me: me.exit(child, "enough"))
    assert log == [("a", Info(ExitSignal(stranger.pid, "boom"))), ("terminate", "enough", "a")]
    assert parent.exits == [(child, "enough")]


async def test_a_kill_runs_no_terminate_and_leaves_no_timeout(node: Any, kind: Any, log: list[Any]) -> None:
    pid = await node.start(kind, log, {"x": KeepState(Timeout("n", 9), EventTimeout(9), StateTimeout(9))})
    node.cast(pid, "x")
    await node.idle()
    assert len(node.timers) == 3
    node.exit(pid, "kill")
    assert (log[1:], len(node.timers)) == ([], 0)


# Start


class Starts(GenStatem):
    def init(self, answer: Any) -> Any:
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def terminate(self, reason: Any) -> None:
        raise AssertionError("terminate after a failed init")


class StartsLater(Starts):
    async def init(self, answer: Any) -> Any:
        await asyncio.sleep(0)
        return super().init(answer)


@pytest.mark.parametrize("cls", [Starts, StartsLater])
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Stop("bad"), "bad"),
        (Throw(Stop("bad")), "bad"),
        (Exit("bad"), "bad"),
        (None, ("bad_return_from_init", None)),
        ("junk", ("bad_return_from_init", "junk")),
    ],
)
async def test_a_failed_init_is_told_to_the_starter(puppet: Any, cls: Any, answer: Any, error: Any) -> None:
    a = await puppet(trap=True)
    with pytest.raises(StartError) as caught:
        await a.do(lambda me: me.start_link(cls, answer))
    assert caught.value.reason == error
    assert [reason for _, reason in a.exits] == [error]


@pytest.mark.parametrize("cls", [Starts, StartsLater])
async def test_ignore_starts_nothing_and_is_no_error(puppet: Any, cls: Any) -> None:
    a = await puppet(trap=True)
    assert await a.do(lambda me: me.start_link(cls, IGNORE)) is None
    assert [reason for _, reason in a.exits] == ["normal"]


async def test_init_may_set_timeouts_and_insert_events_and_has_nothing_to_postpone(
    node: Any, kind: Any, log: list[Any]
) -> None:
    actions = (NextEvent(Internal("boot")), StateTimeout(1, "st"), Postpone(), Hibernate())
    pid = node.spawn(kind, log, {"go": NextState("b")}, *actions)
    node.cast(pid, "c")
    await node.advance(1)
    node.cast(pid, "go")
    await node.idle()
    assert log == [("a", Internal("boot")), ("a", Cast("c")), ("a", StateTimedOut("st")), ("a", Cast("go"))]


async def test_a_bad_action_of_init_ends_a_machine_that_has_started(node: Any, kind: Any, log: list[Any]) -> None:
    pid = await node.start(kind, log, {}, "dance")
    await node.idle()
    assert pid.cell is None
    assert log == [("terminate", ("bad_action_from_state_function", "dance"), "a")]


# sys


async def test_sys_sees_state_and_data_and_may_replace_both(node: Any, log: list[Any]) -> None:
    pid = await node.start(Starts, NextState("on"))
    pid.cell.actor.value = 1
    assert await node.drive(node.sys.get_state(pid)) == ("on", {"value": 1})
    await node.drive(node.sys.replace_state(pid, lambda old: ("off", {"value": old[1]["value"] + 1})))
    assert await node.drive(node.sys.get_state(pid)) == ("off", {"value": 2})
    assert (await node.drive(node.sys.status(pid))).state == {"current_state": "'off'", "value": "2"}
    failed = await node.drive(node.sys.replace_state(pid, lambda _: 1 // 0))
    assert isinstance(failed, SystemRequestFailed)
    assert await node.drive(node.sys.get_state(pid)) == ("off", {"value": 2})


async def test_a_suspended_machine_takes_its_events_when_it_is_resumed(node: Any, kind: Any, log: list[Any]) -> None:
    pid = await node.start(kind, log, {"set": KeepState(StateTimeout(1, "st"), EventTimeout(2, "silence"))})
    node.cast(pid, "set")
    await node.drive(node.sys.suspend(pid))
    await node.advance(3)
    node.cast(pid, "x")
    await node.idle()
    assert len(log) == 1
    await node.drive(node.sys.resume(pid))
    await node.idle()
    # The state timeout came first, and as an event it ended the silence.
    assert log[1:] == [("a", StateTimedOut("st")), ("a", Cast("x"))]


class Upgradable(Scripted):
    def code_change(self, old_version: Any, extra: Any) -> None:
        if extra is None:
            raise ValueError("to what?")
        self.rename_state(extra)


async def test_code_change_may_rename_the_state_without_anything_coming_back(node: Any, log: list[Any]) -> None:
    pid = await node.start(Upgradable, log, {**POSTPONING, "set": KeepState(StateTimeout(1, "st"))}, enter=True)
    for content in ("set", "p"):
        node.cast(pid, content)
    await node.drive(node.sys.suspend(pid))
    assert isinstance(await node.drive(node.sys.change_code(pid, "1")), SystemRequestFailed)
    assert await node.drive(node.sys.change_code(pid, "1", "b")) is None
    await node.drive(node.sys.resume(pid))
    await node.advance(1)
    assert log[3:] == [("b", StateTimedOut("st"))]


async def test_sys_terminate_is_an_orderly_stop(node: Any, kind: Any, log: list[Any]) -> None:
    pid = await node.start(kind, log, {})
    await node.drive(node.sys.terminate(pid, "enough"))
    assert log == [("terminate", "enough", "a")]


# Mail


class Small(Scripted):
    mailbox_limit = 2


async def test_postponed_events_count_as_mail_that_waits(node: Any, log: list[Any]) -> None:
    pid = await node.start(Small, log, POSTPONING)
    for content in ("p", "q"):
        node.cast(pid, content)
        await node.idle()
    with pytest.raises(MailboxFull):
        node.cast(pid, "one more")
    assert (await node.drive(node.sys.status(pid))).mailbox_length == 2


async def test_with_keep_mail_the_successor_gets_what_was_postponed(puppet: Any, node: Any, log: list[Any]) -> None:
    name = Name("service", "line")
    answers = {**POSTPONING, "x": KeepState(NextEvent(Internal("own"))), "own": Stop("boom")}
    a = await puppet(trap=True)
    await a.do(lambda me: me.start_link(Scripted, log, answers, name=name, keep_mail=True))
    calling = asyncio.ensure_future(node.call(name, "p"))
    await node.idle()
    node.cast(name, "x")
    await node.idle()
    log.clear()
    await a.do(lambda me: me.start_link(Scripted, log, {"p": replying("second life")}, name=name, keep_mail=True))
    assert await node.drive(calling) == "second life"
    assert told(log) == [("a", "p")]


@pytest.mark.lax("strict mode keeps what was sent, to look at it again")
async def test_a_machine_that_has_ended_leaves_no_reference_cycle(node: Any, kind: Any, log: list[Any]) -> None:
    answers = {
        **POSTPONING,
        "set": KeepState(StateTimeout(1), EventTimeout(0), Timeout("n", 9), NextEvent(Internal("i"))),
        "end": Exit("boom"),
    }
    pids = [await node.start(kind, log, answers, enter=True) for _ in range(3)]
    gc.collect()
    for pid in pids:
        for content in ("p", "set"):
            node.cast(pid, content)
    await node.advance(1)
    node.cast(pids[0], "end")
    node.exit(pids[1], "kill")
    await node.drive(node.sys.terminate(pids[2]))
    assert (gc.collect(), len(node.timers)) == (0, 0)


# Callback modules


class Other(Scripted):
    def handle_event(self, event: Any, state: Any) -> Any:
        self.log_of_test.append(("other", event))
        return self.play(event, state)


async def test_another_class_may_handle_the_events(node: Any, log: list[Any]) -> None:
    answers = {
        "change": KeepState(ChangeCallbackModule(Other)),
        "push": KeepState(PushCallbackModule(Scripted)),
        "pop": KeepState(PopCallbackModule()),
    }
    pid = await node.start(Scripted, log, answers)
    for content in ("change", "push", "pop", "end", "pop"):
        node.cast(pid, content)
    await node.idle()
    assert told(log)[:-1] == [("a", "change"), ("other", "push"), ("a", "pop"), ("other", "end"), ("other", "pop")]
    assert log[-1] == ("terminate", ("bad_action_from_state_function", PopCallbackModule()), "a")
