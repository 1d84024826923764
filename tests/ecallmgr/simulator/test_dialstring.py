"""Reading dial strings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirliton.ecallmgr.simulator import BadDialString
from mirliton.ecallmgr.simulator.dialstring import parse_dial_string, parse_variables


def texts(text: str) -> list[list[list[str]]]:
    plan = parse_dial_string(text)
    return [[[endpoint.text for endpoint in group] for group in branch.groups] for branch in plan.branches]


def test_commas_ring_together_bars_in_turn_and_smileys_beside_each_other() -> None:
    assert texts("a/1,b/2|c/3:_:d/4") == [[["a/1", "b/2"], ["c/3"]], [["d/4"]]]


def test_variables_belong_to_all_to_a_string_or_to_an_endpoint() -> None:
    plan = parse_dial_string("<x=1>{y=2}[z=3]sofia/internal/a@b,[z=4]sofia/internal/c@d")
    (branch,) = plan.branches
    assert (plan.variables, branch.variables) == ({"x": "1"}, {"y": "2"})
    assert [endpoint.variables for endpoint in branch.groups[0]] == [{"z": "3"}, {"z": "4"}]


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("a=1,b=two words", {"a": "1", "b": "two words"}),
        ("a='x, y',b=z", {"a": "x, y", "b": "z"}),
        (r"a=x\,y,b=z", {"a": "x,y", "b": "z"}),
        ("^^:a=1,2:b=3", {"a": "1,2", "b": "3"}),
        ("a=", {"a": ""}),
        ("a=b=c", {"a": "b=c"}),
        ("nothing", {}),
    ],
)
def test_values_may_hold_separators(text: str, variables: dict[str, str]) -> None:
    assert parse_variables(text) == variables


def test_separators_inside_brackets_do_not_count() -> None:
    plan = parse_dial_string("{a='1|2',b='}'}[c=3]error/busy|null/x")
    assert plan.branches[0].variables == {"a": "1|2", "b": "}"}
    assert [[endpoint.kind for endpoint in group] for group in plan.branches[0].groups] == [["error"], ["null"]]


@pytest.mark.parametrize("text", ["", "{a=1", "a,,b", "[x=1]", "a|"])
def test_nonsense_is_refused_with_its_text(text: str) -> None:
    with pytest.raises(BadDialString, match="dial string"):
        parse_dial_string(text)


@given(st.text(alphabet="ab/,|{}[]<>='\\:_^ $", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        plan = parse_dial_string(text)
    except BadDialString:
        return
    assert all(endpoint.text for branch in plan.branches for group in branch.groups for endpoint in group)
