"""The timeouts of a GenStatem: what cancels them, what replaces them, in which order they come."""

from __future__ import annotations

from typing import Any

import pytest

from mirliton.runtime import (
    Cast,
    Enter,
    EventTimedOut,
    EventTimeout,
    GenStatem,
    Info,
    Internal,
    KeepState,
    NextEvent,
    NextState,
    RepeatState,
    StateTimedOut,
    StateTimeout,
    TimedOut,
    Timeout,
)


class Machine(GenStatem):
    """Answers a cast with what it holds: the test hands the answer itself. All other events are noted."""

    callback_mode = "handle_event_function"

    def init(self, answers: dict[str, Any], noted: list[Any]) -> Any:
        self.answers = answers
        self.noted = noted
        return NextState("a")

    def handle_event(self, event: Any, state: Any) -> Any:
        if isinstance(event, Cast):
            return self.answers[event.request]
        self.noted.append(event)
        return None


class Bench:
    """One machine, told what to answer next."""

    def __init__(self, node: Any) -> None:
        self.node = node
        self.noted: list[Any] = []
        self.answers: dict[str, Any] = {}

    async def begin(self) -> Bench:
        self.pid = await self.node.start(Machine, self.answers, self.noted)
        return self

    def tell(self, answer: Any) -> None:
        """Have the machine answer its next cast so."""
        key = f"answer {len(self.answers)}"
        self.answers[key] = answer
        self.node.cast(self.pid, key)

    async def after(self, seconds: float, answer: Any = None) -> list[Any]:
        """Tell an answer, and what is noted till `seconds` later."""
        self.noted.clear()
        self.tell(answer)
        await self.node.advance(seconds)
        return list(self.noted)


@pytest.fixture
async def machine(node: Any) -> Bench:
    return await Bench(node).begin()


STATE, EVENT, NAMED = StateTimedOut("x"), EventTimedOut("x"), TimedOut("n", "x")
KINDS = [(StateTimeout(1, "x"), STATE), (EventTimeout(1, "x"), EVENT), (Timeout("n", 1, "x"), NAMED)]


@pytest.mark.parametrize(("setting", "event"), KINDS)
async def test_a_timeout_comes_once_at_its_time(machine: Bench, setting: Any, event: Any) -> None:
    assert await machine.after(0.99, KeepState(setting)) == []
    await machine.node.advance(0.01)
    assert machine.noted == [event]
    await machine.node.advance(10)
    assert machine.noted == [event]


@pytest.mark.parametrize(("setting", "event"), KINDS)
async def test_only_the_event_timeout_is_ended_by_an_event(machine: Bench, setting: Any, event: Any) -> None:
    await machine.after(0.5, KeepState(setting))
    machine.node.send(machine.pid, "noise")
    await machine.node.advance(2)
    assert machine.noted == [Info("noise")] + ([event] if event is not EVENT else [])


@pytest.mark.parametrize(("setting", "event"), KINDS)
@pytest.mark.parametrize("answer", [NextState("a"), RepeatState(), KeepState()])
async def test_no_timeout_but_the_event_timeout_ends_without_a_change_of_state(
    machine: Bench, setting: Any, event: Any, answer: Any
) -> None:
    await machine.after(0.5, KeepState(setting))
    assert await machine.after(1, answer) == ([event] if event is not EVENT else [])


@pytest.mark.parametrize(("setting", "event"), KINDS)
async def test_a_change_of_state_leaves_named_timeouts_alone(machine: Bench, setting: Any, event: Any) -> None:
    await machine.after(0.5, KeepState(setting))
    assert await machine.after(1, NextState("b")) == ([NAMED] if event is NAMED else [])


@pytest.mark.parametrize(("setting", "event"), KINDS)
async def test_a_timeout_that_a_change_of_state_sets_is_of_the_new_state(
    machine: Bench, setting: Any, event: Any
) -> None:
    assert await machine.after(1, NextState("b", setting)) == [event]


async def test_a_look_by_sys_ends_no_timeout(machine: Bench) -> None:
    await machine.after(0.5, KeepState(EventTimeout(1, "x")))
    await machine.node.drive(machine.node.sys.get_state(machine.pid))
    await machine.node.advance(1)
    assert machine.noted == [EVENT]


@pytest.mark.parametrize("word", ["cancel", "infinity"])
async def test_a_timeout_can_be_ended(machine: Bench, word: str) -> None:
    await machine.after(0.5, KeepState(StateTimeout(1, "x"), Timeout("n", 1, "x")))
    assert await machine.after(5, KeepState(StateTimeout(word), Timeout("n", word), EventTimeout(word))) == []
    assert len(machine.node.timers) == 0


async def test_setting_a_timeout_again_replaces_it(machine: Bench) -> None:
    await machine.after(0.5, KeepState(StateTimeout(1, "x"), Timeout("n", 1, "x"), Timeout("m", 1)))
    assert await machine.after(0.9, KeepState(StateTimeout(1, "y"), Timeout("n", 1, "y"))) == [TimedOut("m")]
    await machine.node.advance(0.1)
    assert machine.noted[1:] == [TimedOut("n", "y"), StateTimedOut("y")]


async def test_of_those_due_together_the_last_of_one_answer_comes_first_as_in_otp(machine: Bench) -> None:
    assert await machine.after(1, KeepState(Timeout("m", 1), StateTimeout(1, "x"), Timeout("n", 1, "x"))) == [
        NAMED,
        STATE,
        TimedOut("m"),
    ]


async def test_update_keeps_the_time_and_changes_the_content(machine: Bench) -> None:
    await machine.after(0.5, KeepState(StateTimeout(1, "x")))
    assert await machine.after(0.5, KeepState(StateTimeout("update", "new"))) == [StateTimedOut("new")]


@pytest.mark.parametrize(
    ("update", "event"),
    [
        (StateTimeout("update", "x"), STATE),
        (EventTimeout("update", "x"), EVENT),
        (Timeout("n", "update", "x"), NAMED),
    ],
)
async def test_update_of_a_timeout_that_does_not_run_comes_at_once(machine: Bench, update: Any, event: Any) -> None:
    assert await machine.after(0, KeepState(update)) == [event]


async def test_of_several_settings_of_one_timeout_the_last_counts_in_its_place(machine: Bench) -> None:
    settings = Timeout("n", 0, "first"), Timeout("m", 0), Timeout("n", 0, "last")
    assert await machine.after(0, KeepState(*settings)) == [TimedOut("m"), TimedOut("n", "last")]
    # An update that comes last counts alone: nothing runs that it could change.
    settings = Timeout("n", 9, "first"), Timeout("m", 0), Timeout("n", "update", "last")
    assert await machine.after(0, KeepState(*settings)) == [TimedOut("m"), TimedOut("n", "last")]


async def test_timeouts_of_time_0_come_in_order_behind_what_is_queued_before_what_is_not_received(
    machine: Bench,
) -> None:
    machine.tell(NextState("b", Timeout("n", 0, "x"), StateTimeout(0, "x"), NextEvent(Internal("i"))))
    machine.node.send(machine.pid, "later")
    await machine.node.idle()
    assert machine.noted == [Internal("i"), NAMED, STATE, Info("later")]


async def test_an_event_timeout_of_time_0_comes_only_when_nothing_is_queued(machine: Bench) -> None:
    assert await machine.after(0, KeepState(EventTimeout(0, "x"))) == [EVENT]
    assert await machine.after(0, KeepState(EventTimeout(0, "x"), NextEvent(Internal("i")))) == [Internal("i")]
    assert await machine.after(0, KeepState(StateTimeout(0, "x"), EventTimeout(0, "x"))) == [STATE]
    assert await machine.after(0, KeepState(EventTimeout(0, "x"), StateTimeout(0, "x"))) == [EVENT, STATE]


async def test_an_absolute_time_is_one_of_the_nodes_clock(machine: Bench) -> None:
    await machine.node.advance(100)
    now = machine.node.clock.now()
    assert await machine.after(2.9, KeepState(StateTimeout(now + 3, "x", absolute=True))) == []
    await machine.node.advance(0.1)
    assert machine.noted == [STATE]
    assert await machine.after(0, KeepState(StateTimeout(now - 3, "x", absolute=True))) == [STATE]


async def test_a_timeout_that_ran_out_and_is_cancelled_before_it_is_handled_does_not_come(machine: Bench) -> None:
    await machine.after(0, KeepState(StateTimeout(1, "x"), EventTimeout(1, "x"), Timeout("n", 1, "x")))
    node = machine.node
    await node.drive(node.sys.suspend(machine.pid))
    machine.tell(NextState("b", Timeout("n", "update", "new")))
    await node.advance(2)
    await node.drive(node.sys.resume(machine.pid))
    await node.idle()
    assert machine.noted == [TimedOut("n", "new")]


async def test_an_enter_call_may_set_what_the_event_has_set_already(node: Any) -> None:
    noted: list[Any] = []

    class Entering(Machine):
        state_enter = True

        def handle_event(self, event: Any, state: Any) -> Any:
            if isinstance(event, Enter):
                return KeepState(StateTimeout("cancel")) if state == "b" else None
            return super().handle_event(event, state)

    pid = await node.start(Entering, {"go": NextState("b", StateTimeout(1, "x"), EventTimeout(2, "x"))}, noted)
    node.cast(pid, "go")
    await node.advance(5)
    assert noted == [EVENT]
