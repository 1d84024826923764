"""Templates that customers write: what they may say, and that they can neither reach out nor take long."""

from __future__ import annotations

import pytest

from mirliton.whapps.teletype.rendering import LONGEST, MOST_ROUNDS, InvalidTemplate, render

MACROS = {"caller_id": {"name": "Ann <ann@a.test>", "number": "1001"}, "details": [("Cause", "a & b")]}


def test_macros_are_filled_in() -> None:
    assert render("from {{caller_id.name}} ({{ caller_id.number }})", MACROS, html=False) == (
        "from Ann <ann@a.test> (1001)"
    )


def test_what_goes_into_html_is_escaped() -> None:
    assert render("<b>{{caller_id.name}}</b>", MACROS, html=True) == "<b>Ann &lt;ann@a.test&gt;</b>"


def test_a_macro_that_is_not_there_is_empty_and_so_is_what_it_would_have() -> None:
    assert render("[{{nothing.at.all}}{{caller_id.none}}]", MACROS, html=False) == "[]"


def test_conditions_filters_and_loops_work() -> None:
    named = "{% if caller_id.name %}{{ caller_id.name|upper }}{% else %}?{% endif %}"
    source = named + "{% for a, b in details %}{{a}}={{b}}{% endfor %}"
    assert render(source, MACROS, html=False) == "ANN <ANN@A.TEST>Cause=a & b"


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("{% for a in details %}{% for b in details %}x{% endfor %}{% endfor %}", "a loop may not be inside another"),
        ("{% macro x() %}{% endmacro %}", "a Macro"),
        ("{% set x = 1 %}", "an? Assign"),
        ("{{ 9**9**9 }}", "a Pow"),
        ("{{ 'x' * 1000000000 }}", "a Mul"),
        ("{{ caller_id.name.format() }}", "a Call"),
        ("{{ range(10) }}", "a Call"),
        ("{% include '/etc/passwd' %}", "an? Include"),
        ("{{ caller_id|attr('__class__') }}", "no filter 'attr'"),
        ("{% if %}", "line 1"),
        ("{{ caller_id.name ", "line 1"),
        ("{{" + "(" * 5000 + "1" + ")" * 5000 + "}}", "nested too deeply|too many nested"),
        ("x" * (LONGEST + 1), "and may have"),
        ("{% if a %}" * 150 + "x" + "{% endif %}" * 150, "nested too deeply"),
        ("{% for a in '" + "x" * 2000 + "' %}{% endfor %}", "longer than 1000"),
        ("{% for a in details %}" + "{% if a %}{% endif %}" * 2000 + "{% endfor %}", "has more"),
    ],
)
def test_what_a_mail_needs_not_is_refused_with_its_line(source: str, problem: str) -> None:
    with pytest.raises(InvalidTemplate, match=problem):
        render(source, MACROS, html=True)


@pytest.mark.parametrize("source", ["{{ caller_id.__class__.__mro__ }}", "{{ caller_id['__init__'].__globals__ }}"])
def test_nothing_leads_out_of_the_macros(source: str) -> None:
    try:
        assert render(source, MACROS, html=False) == ""
    except InvalidTemplate as error:
        assert "unsafe" in str(error)


def test_a_loop_over_much_ends_at_the_bound() -> None:
    with pytest.raises(InvalidTemplate, match="longer than"):
        render("{% for a in many %}" + "x" * 100_000 + "{% endfor %}", {"many": range(10_000)}, html=False)
    assert render("{% for a in many %}x{% endfor %}", {"many": range(10_000)}, html=False) == "x" * MOST_ROUNDS


@pytest.mark.parametrize("filtered", ["name|join(name)", "name|title|upper|lower|trim"])
def test_filters_over_much_end_at_the_bound(filtered: str) -> None:
    source = "{% for a in many %}" + f"{{% if {filtered} %}}{{% endif %}}" * 100 + "{% endfor %}"
    with pytest.raises(InvalidTemplate, match="to go through"):
        render(source, {"many": range(1000), "name": "ab cd " * 1500}, html=False)
    assert render("{{ name|upper|join('-') }}", {"name": "ab"}, html=True) == "A-B"


def test_what_no_encoding_can_carry_comes_out_as_a_mark() -> None:
    assert render("{{ name }}", {"name": "a\ud800b"}, html=False) == "a?b"
