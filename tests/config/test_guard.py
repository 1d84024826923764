"""No document, however made, hangs or breaks what looks at it."""

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mirliton.config import InvalidDocument, conform, schema_names, validate, with_defaults
from mirliton.config.guard import MAX_DEPTH, MAX_REPORTED, MAX_TEXT, MAX_VALUES, unusable


def nested(depth: int, leaf: Any = 1) -> Any:
    document = leaf
    for _ in range(depth):
        document = {"a": document}
    return document


@pytest.mark.parametrize(
    ("document", "path", "rule"),
    [
        ({"a": math.nan}, ("a",), "invalid"),
        ({"a": [math.inf]}, ("a", 0), "invalid"),
        ({"a": 2**64}, ("a",), "invalid"),
        ({"a": -(2**63) - 1}, ("a",), "invalid"),
        ({"a": b"bytes"}, ("a",), "invalid"),
        ({"a": {1, 2}}, ("a",), "invalid"),
        ({"a": (1, 2)}, ("a",), "invalid"),
        ({"a": object()}, ("a",), "invalid"),
        ({"a": {1: "one"}}, ("a",), "invalid"),
        ({"a": {None: "none"}}, ("a",), "invalid"),
        ({"a": "\ud800"}, ("a",), "invalid"),
        ({"\udfff": 1}, (), "invalid"),
        (nested(MAX_DEPTH + 1), (), "maxSize"),
        (nested(1_000_000), (), "maxSize"),
        ({"a": [0] * (MAX_VALUES + 1)}, (), "maxSize"),
        ({"a": "x" * (MAX_TEXT + 1)}, (), "maxSize"),
        ({"x" * (MAX_TEXT + 1): 1}, (), "maxSize"),
    ],
    ids=lambda value: str(value)[:20] if isinstance(value, str | tuple) else "document",
)
def test_what_cannot_be_handled_is_an_error_with_its_place(document: Any, path: Any, rule: str) -> None:
    (error,) = unusable(document)
    assert (error.path, error.rule) == (path, rule)
    assert len(str(error)) < 200
    assert validate("accounts", document) == (error,)
    assert conform("accounts", document).errors == (error,)
    with pytest.raises(InvalidDocument) as caught:
        with_defaults("accounts", document)
    assert caught.value.errors == (error,)


def test_what_just_fits_is_handled() -> None:
    flow: dict[str, Any] = {"module": "hangup", "data": {}}
    for _ in range(MAX_DEPTH // 2 - 2):
        flow = {"module": "play", "data": {"id": "x"}, "children": {"_": flow}}
    assert conform("callflows", {"flow": flow}).ok
    assert unusable({"a": [0] * (MAX_VALUES - 1)}) == ()
    assert unusable({"": "x" * MAX_TEXT}) == ()
    assert unusable([2**64 - 1, -(2**63), 0.5, True, None, "ü"]) == ()


def test_a_document_that_holds_itself_is_too_deep() -> None:
    document: dict[str, Any] = {"name": "a"}
    document["self"] = document
    assert [error.rule for error in validate("accounts", document)] == ["maxSize"]


def test_a_small_document_that_unfolds_into_billions_is_too_large() -> None:
    value: Any = "lol"
    for _ in range(30):
        value = [value] * 10
    assert [error.rule for error in validate("accounts", {"name": value})] == ["maxSize"]


def test_problems_are_counted_only_so_far() -> None:
    assert len(unusable([b""] * 1000)) == MAX_REPORTED


AN_ACTION = {"module": "user", "data": {"id": 3}}
LONG_REGEX = {"regex": "(a{1000}){1000}|" * 120}


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    ("name", "document"),
    [
        ("accounts", {"name": "a", "flags": [1] * 9000}),
        ("callflows", {"numbers": [{"a": number} for number in range(4000)]}),
        ("callflows", {"flow": {"module": "menu", "data": {}, "children": {str(n): AN_ACTION for n in range(2400)}}}),
        ("cdrs", {str(number): 1 for number in range(9000)}),
        ("formatters", {f"name{number}": 3 for number in range(9000)}),
        ("formatters", {f"name{number}": LONG_REGEX for number in range(500)}),
        ("devices", {"name": "d", "provision": {"combo_keys": {str(n): {"type": n} for n in range(4000)}}}),
        ("accounts", {"name": "a" * 1_000_000, "realm": "a"}),
        ("users", {"email": "a@" * 400_000}),
        ("call_recording.parameters", {"url": "http://" + "%41" * 300_000}),
        ("limits", {"authz_resource_types": ["1"] * 9000, "calls": "1"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_worst_that_is_let_in_is_judged_at_once(name: str, document: dict[str, Any]) -> None:
    assert unusable(document) == ()
    validate(name, document)
    conform(name, document)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=10), inner, max_size=5),
    max_leaves=30,
)
KEYS = st.sampled_from(["name", "flow", "module", "data", "children", "metaflows", "numbers", "sip", "_", "id"])
ANYTHING = st.recursive(
    JSON | st.binary(max_size=5) | st.sampled_from(["menu", "user", "transfer"]),
    lambda inner: (
        st.dictionaries(KEYS | st.text(max_size=3) | st.integers(), inner, max_size=5)
        | st.lists(inner, max_size=4)
        | st.tuples(inner)
    ),
    max_leaves=30,
)


@settings(max_examples=150, deadline=None)
@given(name=st.sampled_from(sorted(schema_names())), document=ANYTHING)
def test_no_document_raises(name: str, document: Any) -> None:
    errors = validate(name, document)
    assert all(isinstance(error.body()["message"], str) for error in errors)
    assert isinstance(conform(name, document).ok, bool)
