"""Patterns of tenants: the usual ones match, those that could hold the loop are not run."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mirliton.whapps.callflow import patterns


@pytest.mark.parametrize(
    ("pattern", "number", "group"),
    [
        (r"^\*5([0-9]*)$", "*5123", "123"),
        (r"^\+?1?(\d{10})$", "+14155550100", "4155550100"),
        (r"^(101|102|103|104)$", "103", "103"),
        (r"^(?:\+?1)?(\d{3})(\d{3})(\d{4})$", "+14155550100", "415"),
        (r"^\*4([0-9]*)\*([0-9]*)$", "*41*2", "1"),
        (r"^0(\d+?)#$", "0123#", "123"),
    ],
)
def test_the_patterns_of_real_callflows_match(pattern: str, number: str, group: str) -> None:
    found = patterns.match(pattern, number)
    assert found is not None
    assert found[1] == group


@pytest.mark.parametrize("pattern", ["(", "[", "1{99999999999999}", "(?P<n>1)(?P<n>2)", "(" * 250, "*", "\\"])
def test_what_is_no_pattern_matches_nothing(pattern: str) -> None:
    assert patterns.match(pattern, "1") is None


@pytest.mark.parametrize(
    "pattern",
    [
        r"^(\d+)*$",
        r"^(\d*)+x",
        r"^(a|a)*b",
        r"^((\d+)?)+x",
        r"\d*" * 80 + "x",
        "1?" * 60 + "1" * 60,
        "(1|1)" * 30 + "x",
        r"\d{1,60}" * 20 + "x",
        "1" * 300,
    ],
)
def test_a_pattern_that_could_take_for_ever_is_not_run(pattern: str) -> None:
    assert patterns.usable(pattern) is None


def test_a_number_is_not_looked_at_beyond_its_limit() -> None:
    assert patterns.match(r"^\d+$", "1" * patterns.MAX_SUBJECT) is not None
    assert patterns.match(r"^\d+$", "1" * (patterns.MAX_SUBJECT + 1)) is None


_PIECE = st.sampled_from([r"\d", "[0-9]", "1", ".", "(1|1)", "(11|1)", "(1?)", r"(\d*)", "(?:1|12|123)", "^", "$", "|"])
_TIMES = st.sampled_from(["", "*", "+", "?", "{1,64}", "{0,9}", "*?", "++"])
_PATTERN = st.lists(st.tuples(_PIECE, _TIMES), max_size=12).map(lambda parts: "".join(a + b for a, b in parts))


@settings(deadline=None, max_examples=400)
@given(_PATTERN, st.sampled_from(["", "x", "2$"]))
def test_no_pattern_takes_long(pattern: str, end: str) -> None:
    patterns.usable.cache_clear()
    started = time.thread_time()
    patterns.match(pattern + end, "1" * patterns.MAX_SUBJECT)
    assert time.thread_time() - started < 1.0
