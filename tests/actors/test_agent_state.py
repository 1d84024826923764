"""What an agent is doing, whatever happens in which order."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from mirliton.actors.agent_state import MISSED_PAUSE, AgentState, Leg

MEMBER = {"Member-Call-ID": "caller", "Agent-Wrapup-Time": "5"}
steps = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["log_in", "log_out", "resume", "end_wrapup", "pause", "pause_10"])),
        st.tuples(st.sampled_from(["reserve", "miss", "release"]), st.sampled_from(["c1", "c2"])),
        st.tuples(
            st.sampled_from(["rings", "answers", "ends", "taken"]),
            st.sampled_from(["l1", "l2", "l3"]),
            st.sampled_from(["", "c1", "c2"]),
        ),
        st.tuples(st.just("wait"), st.sampled_from([1.0, 20.0, 120.0])),
    ),
    max_size=30,
)


class _Played:
    """An agent to whom things are done."""

    def __init__(self) -> None:
        self.agent = AgentState("ada")
        self.now = 1000.0

    def do(self, step: tuple[Any, ...]) -> None:
        agent, now = self.agent, self.now
        match step:
            case ("log_in",):
                agent.log_in(now)
            case ("pause",):
                agent.pause(now, None)
            case ("pause_10",):
                agent.pause(now, 10.0)
            case (("log_out" | "resume" | "end_wrapup") as name,):
                getattr(agent, name)()
            case ("reserve", call):
                free = agent.status(now) == "ready"
                again = agent.reserved is not None and agent.reserved.call_id == call
                assert agent.reserve(now, call, f"offer {call}", 30.0) is (free or again)
            case (("miss" | "release") as name, call):
                agent.release(now, call, f"offer {call}", name == "miss")
            case (("rings" | "answers") as name, leg, member):
                agent.leg_is(leg, Leg(member, name == "answers", 5))
            case (("ends" | "taken") as name, leg, _):
                agent.leg_ended(now, leg, name == "taken")
            case ("wait", seconds):
                self.now += seconds


@given(steps)
@settings(max_examples=80, deadline=None)
def test_a_successor_is_what_its_predecessor_was(done: list[tuple[Any, ...]]) -> None:
    played = _Played()
    for step in done:
        played.do(step)
        agent = played.agent
        again = AgentState.of("ada", agent.document())
        again.find(played.now, agent.legs)
        assert again.status(played.now) == agent.status(played.now)
        assert again.document() == agent.document()


@given(steps)
@settings(max_examples=50, deadline=None)
def test_nobody_is_busy_for_ever_without_a_call_or_a_wish(done: list[tuple[Any, ...]]) -> None:
    played = _Played()
    for step in done:
        played.do(step)
    agent = played.agent
    wishes = agent.at_work == "paused" and not agent.paused_until
    for leg in list(agent.legs):
        agent.leg_ended(played.now, leg, False)
    later = agent.status(played.now + 10 * MISSED_PAUSE)
    assert later == ("logged_out" if agent.at_work == "logged_out" else "paused" if wishes else "ready")


@given(
    st.dictionaries(
        st.sampled_from([*AgentState("x").document()]),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers()),
    )
)
def test_a_broken_document_makes_an_agent(doc: dict[str, Any]) -> None:
    agent = AgentState.of("ada", doc)
    agent.log_in(1.0)
    agent.release(2.0, "c", "o", True)
    assert agent.told(2.0, ()).agent_id == "ada"


@given(steps)
@settings(max_examples=50, deadline=None)
def test_a_call_that_ended_while_nobody_looked_is_wrapped_up(done: list[tuple[Any, ...]]) -> None:
    played = _Played()
    played.do(("log_in",))
    for step in [*done, ("answers", "l9", "c1")]:
        played.do(step)
    again = AgentState.of("ada", played.agent.document())
    again.find(played.now + 60.0, {})
    assert (again.idle_since, again.wrapup_until >= played.now + 65.0) == (played.now + 60.0, True)
    assert not again.talking


def test_three_missed_calls_are_a_pause_and_one_that_was_taken_forgives() -> None:
    played = _Played()
    agent = played.agent
    agent.log_in(played.now)
    for _ in range(2):
        for step in (("reserve", "c1"), ("miss", "c1"), ("miss", "c1")):
            played.do(step)
    for step in (("answers", "l1", "c1"), ("ends", "l1", "c1"), ("wait", 20.0), ("reserve", "c1"), ("miss", "c1")):
        played.do(step)
    assert agent.status(played.now) == "ready"
    for _ in range(2):
        played.do(("reserve", "c1"))
        played.do(("miss", "c1"))
    assert agent.status(played.now) == "paused"
    assert agent.status(played.now + MISSED_PAUSE) == "ready"
