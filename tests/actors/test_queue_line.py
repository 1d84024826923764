"""Who is next, and who is rung: the rules of a queue against a plain model."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirliton.actors.queue_line import STRATEGIES, Member, Rules, chosen, in_order
from mirliton.actors.queueing import AgentIs
from mirliton.runtime import Name

HERE = Name("cf_exe", "x")
agents = st.lists(
    st.builds(
        AgentIs,
        st.text("abcdefgh", min_size=1, max_size=3),
        st.just("ready"),
        st.integers(0, 5).map(float),
        st.integers(0, 5).map(float),
    ),
    max_size=8,
    unique_by=lambda agent: agent.agent_id,
)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), max_size=20))
def test_the_line_is_by_priority_and_then_by_coming(wishes: list[tuple[int, int]]) -> None:
    members = [Member(f"{n}", HERE, float(entered), priority) for n, (priority, entered) in enumerate(wishes)]
    line = in_order(members)
    assert sorted(line, key=id) == sorted(members, key=id)
    for first, second in pairwise(line):
        assert first.priority > second.priority or (
            first.priority == second.priority and first.entered <= second.entered
        )


@given(st.sampled_from(STRATEGIES), st.integers(1, 5), agents)
def test_who_is_rung_is_free_and_first_in_turn(strategy: str, at_once: int, free: list[AgentIs]) -> None:
    found = chosen(Rules(strategy=strategy, at_once=at_once), free)
    by_id = {agent.agent_id: agent for agent in free}
    assert len(set(found)) == len(found) == (len(free) if strategy == "ring_all" else min(at_once, len(free)))

    def turn(agent_id: str) -> float:
        agent = by_id[agent_id]
        return agent.idle_since if strategy == "most_idle" else agent.offered_at

    others = by_id.keys() - set(found)
    assert all(turn(rung) <= turn(other) for rung in found for other in others)


@given(
    st.dictionaries(
        st.sampled_from(["strategy", "agent_ring_timeout", "ring_simultaneously", "max_queue_size"]),
        st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.integers()),
    )
)
def test_a_document_of_anybody_makes_rules(doc: dict[str, Any]) -> None:
    rules = Rules.of(doc)
    assert rules.strategy in STRATEGIES
    assert 1 <= rules.ring_timeout <= 3600
    assert 1 <= rules.at_once <= 100
    assert 1 <= rules.room <= 10_000


@pytest.mark.parametrize("doc", [{}, {"strategy": "best"}, {"agent_ring_timeout": True}, {"max_queue_size": -1}])
def test_what_makes_no_sense_reads_as_if_it_were_absent(doc: dict[str, Any]) -> None:
    assert Rules.of(doc) == Rules()
