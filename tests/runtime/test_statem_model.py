"""Random state machines and random events, against a model of the rules that is a list and a few lines.

The model keeps one list of what is queued and one of what is postponed; GenStatem has its mailbox. Both must see the
same events in the same states, in the same order.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mirliton.runtime import (
    Cast,
    Enter,
    EventTimedOut,
    EventTimeout,
    GenStatem,
    Internal,
    KeepState,
    NextEvent,
    NextState,
    Postpone,
    RepeatState,
    StateTimedOut,
    StateTimeout,
    TimedOut,
    Timeout,
)
from mirliton.runtime.testing import virtual_node

STATES = ("a", "b")
EVENT, STATE = "event", "state"


@dataclass
class Answer:
    """What a machine answers to one event in one state.

    `inserted` are the numbers of events, `timeouts` (which, seconds or word, number); all numbers are smaller than the
    event's own, so that no machine runs for ever.
    """

    goes: str | None = None
    """The next state; None keeps it."""
    repeat: bool = False
    postpone: bool = False
    inserted: list[int] = field(default_factory=list)
    timeouts: list[tuple[str, Any, int]] = field(default_factory=list)


Table = dict[tuple[str, str, int], Answer]
"""By state, type of event, and number."""


class Model:
    """OTP's rules, for one machine."""

    def __init__(self, table: Table, enter: bool) -> None:
        self.table = table
        self.enter = enter
        self.state = "a"
        self.now = 0.0
        self.seen: list[Any] = []
        self.queue: list[tuple[str, int]] = []
        self.postponed: list[tuple[str, int]] = []
        self.running: dict[str, tuple[float, int, int]] = {}
        """By timeout: when it is due, its place among those due then, and its number."""
        self.at_once: list[str] = []
        self.place = 0
        self.see("enter", "a", 0)

    def see(self, kind: str, what: Any, number: int) -> None:
        if kind != "enter" or self.enter:
            self.seen.append((self.state, kind, what if kind == "enter" else number))

    def cancel(self, which: str) -> None:
        self.running.pop(which, None)
        if which in self.at_once:
            self.at_once.remove(which)

    def handle(self, kind: str, number: int) -> None:
        """One event, and all that is queued for the machine itself."""
        self.step(kind, number)
        while self.queue or self.at_once:
            if self.queue:
                self.step(*self.queue.pop(0))
            else:
                which = self.at_once[0]
                number = self.running[which][2]
                self.cancel(which)
                self.step(which, number)

    def step(self, kind: str, number: int) -> None:
        self.cancel(EVENT)
        self.see(kind, None, number)
        answer = self.table.get((self.state, kind, number), Answer())
        old, self.state = self.state, answer.goes or self.state
        if self.state != old or answer.repeat:
            self.see("enter", old, 0)
        if answer.postpone:
            self.postponed.append((kind, number))
        if self.state != old:
            self.cancel(STATE)
            self.queue, self.postponed = self.postponed + self.queue, []
        self.queue = [("internal", number) for number in answer.inserted] + self.queue
        self.set_timeouts(answer.timeouts)

    def set_timeouts(self, timeouts: list[tuple[str, Any, int]]) -> None:
        last: list[tuple[str, Any, int]] = []
        for setting in timeouts:
            last = [entry for entry in last if entry[0] != setting[0]] + [setting]
        for index, (which, time, number) in enumerate(last):
            if time == "update" and which in self.running:
                self.running[which] = (*self.running[which][:2], number)
                continue
            self.cancel(which)
            if time == "cancel":
                continue
            at_once = time in (0, "update")
            if at_once:
                self.at_once.append(which)
            # Of those due together the last of one answer comes first.
            place = self.place - index
            self.running[which] = (self.now if at_once else self.now + time, place, number)
        self.place += 10

    def advance(self, seconds: float) -> None:
        end = self.now + seconds
        while self.running:
            which = min(self.running, key=lambda key: self.running[key][:2])
            due, _, number = self.running[which]
            if due > end:
                break
            self.now = due
            self.cancel(which)
            self.handle(which, number)
        self.now = end


class Machine(GenStatem):
    """Answers by table."""

    callback_mode = "handle_event_function"

    def init(self, table: Table, enter: bool, seen: list[Any]) -> NextState:
        self.table = table
        self.state_enter = enter
        self.seen = seen
        return NextState("a")

    def handle_event(self, event: Any, state: Any) -> Any:
        kind, number = self.classified(event)
        self.seen.append((state, kind, number))
        answer = self.table.get((state, kind, number))
        if answer is None or kind == "enter":
            return None
        actions: list[Any] = [NextEvent(Internal(inserted)) for inserted in answer.inserted]
        actions += [self.setting(*timeout) for timeout in answer.timeouts]
        if answer.postpone:
            actions.append(Postpone())
        if answer.goes is not None:
            return NextState(answer.goes, *actions)
        if answer.repeat:
            return RepeatState(*actions)
        return KeepState(*actions) if actions else None

    @staticmethod
    def classified(event: Any) -> tuple[str, Any]:
        match event:
            case Enter(old):
                return "enter", old
            case Cast(number):
                return "cast", number
            case Internal(number):
                return "internal", number
            case EventTimedOut(number):
                return EVENT, number
            case StateTimedOut(number):
                return STATE, number
            case TimedOut(name, number):
                return name, number
        raise AssertionError(event)

    @staticmethod
    def setting(which: str, time: Any, number: int) -> Any:
        if which == EVENT:
            return EventTimeout(time, number)
        return StateTimeout(time, number) if which == STATE else Timeout(which, time, number)


class LaterMachine(Machine):
    """The same, with an async callback."""

    async def handle_event(self, event: Any, state: Any) -> Any:
        await asyncio.sleep(0)
        return super().handle_event(event, state)


NUMBERS = range(4)
TIMES = (0, 1, 2, 3, "update", "cancel")
KINDS = ("cast", "internal", EVENT, STATE, "n", "m")


@st.composite
def answers(draw: st.DrawFn, number: int) -> Answer:
    smaller = st.integers(0, number - 1)
    timeout = st.tuples(st.sampled_from([EVENT, STATE, "n", "m"]), st.sampled_from(TIMES), smaller)
    does = draw(st.sampled_from(["go", "go", "postpone", "repeat", "keep"]))
    if does == "postpone":
        # And nothing else: it is answered anew at each change of state, and could go round for ever.
        return Answer(postpone=True)
    return Answer(
        goes=draw(st.sampled_from(STATES)) if does == "go" else None,
        repeat=does == "repeat",
        inserted=draw(st.lists(smaller, max_size=2)) if number > 0 else [],
        timeouts=draw(st.lists(timeout, max_size=3)) if number > 0 else [],
    )


TABLES = st.fixed_dictionaries(
    {(state, kind, number): answers(number) for state in STATES for kind in KINDS for number in NUMBERS}
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("cast"), st.lists(st.sampled_from(NUMBERS), min_size=1, max_size=4)),
        st.tuples(st.just("advance"), st.sampled_from([0.5, 1.0, 2.0])),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(table=TABLES, steps=STEPS, enter=st.booleans(), cls=st.sampled_from([Machine, LaterMachine]))
async def test_a_random_machine_sees_what_the_rules_say(table: Table, steps: Any, enter: bool, cls: Any) -> None:
    model = Model(table, enter)
    seen: list[Any] = []
    async with virtual_node() as node:
        pid = await node.start(cls, table, enter, seen)
        await node.idle()
        for what, argument in steps:
            if what == "cast":
                for number in argument:
                    model.handle("cast", number)
                    node.cast(pid, number)
                await node.idle()
            else:
                model.advance(argument)
                await node.advance(argument)
            assert seen == model.seen
        assert pid.cell is not None
        assert pid.cell.actor.current_state == model.state
        assert len(node.timers) == sum(which not in model.at_once for which in model.running)
