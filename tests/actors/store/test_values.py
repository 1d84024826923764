"""What cannot be stored is refused with its place in the document."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirliton.actors.store import InvalidDocument, InvalidName, Limits, TooLarge
from mirliton.actors.store.values import TooMuchForNow, prepare

LIMITS = Limits()


class Odd(dict):
    """A dict that is more than one."""


class Number(int):
    """An int that is more than one."""


@pytest.mark.parametrize(
    ("doc", "where", "reason"),
    [
        ({"a": {"b": [0, float("nan")]}}, "a.b[1]", "nan is not a JSON number"),
        ({"a": float("inf")}, "a", "inf is not a JSON number"),
        ({"a": [[-float("inf")]]}, "a[0][0]", "-inf is not a JSON number"),
        ({"a": {"big": 2**63}}, "a.big", "an integer beyond 64 bits"),
        ({"a": -(2**63) - 1}, "a", "an integer beyond 64 bits"),
        ({"a": 10**5000}, "a", "an integer beyond 64 bits"),
        ({"a": b"bytes"}, "a", "a bytes is not a JSON value"),
        ({"a": {1, 2}}, "a", "a set is not a JSON value"),
        ({"a": [object()]}, "a[0]", "a object is not a JSON value"),
        ({"a": Odd()}, "a", "a Odd is not a JSON value"),
        ({"a": Number(1)}, "a", "a Number is not a JSON value"),
        ({"a": {1: "x"}}, "a", "the name of a member is a int, not a string"),
        ({"a": {None: "x"}}, "a", "the name of a member is a NoneType, not a string"),
        ({7: "x"}, "", "the name of a member is a int, not a string"),
        ({"a": ["ok", "x\ud800y"]}, "a[1]", "character 1 of the string is half of a surrogate pair"),
        ({"a": {"b\udfff": 1}}, "a", "character 1 of the name of a member is half of a surrogate pair"),
        ({"\ud800": 1}, "", "character 0 of the name of a member is half of a surrogate pair"),
        ({"_secret": 1}, "_secret", "top-level fields that begin with _ are reserved"),
        ({"_rev": 7}, "_rev", "a revision is a string, not a int"),
        ({"_deleted": "yes"}, "_deleted", "it must be true or false"),
    ],
)
def test_the_place_and_the_reason_are_told(doc, where, reason):
    with pytest.raises(InvalidDocument) as caught:
        prepare({"_id": "x", **doc}, LIMITS)
    assert caught.value.where == where
    assert reason in caught.value.reason
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("doc", [None, [], "text", 7, Odd.fromkeys([]).keys()])
def test_only_an_object_is_a_document(doc):
    with pytest.raises(InvalidDocument, match="it must be an object"):
        prepare(doc, LIMITS)


def nested(levels, inside=1):
    for _ in range(levels):
        inside = {"in": [inside]} if levels % 2 else [inside]
    return inside


def test_depth_is_bounded():
    assert prepare({"_id": "x", "a": nested(198)}, LIMITS).body
    with pytest.raises(InvalidDocument, match="more than 200 arrays and objects inside one another"):
        prepare({"_id": "x", "a": nested(200)}, LIMITS)


def test_a_document_nested_beyond_pythons_own_depth_is_refused_like_any_other():
    with pytest.raises(InvalidDocument, match="inside one another") as caught:
        prepare({"_id": "x", "a": nested(100_000)}, LIMITS)
    assert len(str(caught.value)) < 300


def test_a_document_that_contains_itself_is_refused():
    doc = {"_id": "x"}
    doc["self"] = doc
    with pytest.raises(InvalidDocument, match="inside one another"):
        prepare(doc, LIMITS)


def test_size_is_bounded():
    with pytest.raises(TooLarge) as caught:
        prepare({"_id": "x", "a": "é" * 10}, Limits(document=20))
    assert caught.value.size > caught.value.limit == 20


def test_a_budget_ends_the_check_of_a_large_document_early():
    with pytest.raises(TooMuchForNow):
        prepare({"_id": "x", "a": list(range(100))}, LIMITS, budget=50)
    with pytest.raises(TooMuchForNow):
        prepare({"_id": "x", "a": "x" * 100_000}, LIMITS, budget=50)
    assert prepare({"_id": "x", "a": list(range(40))}, LIMITS, budget=50).body


def test_a_tuple_is_an_array():
    assert prepare({"_id": "x", "a": (1, (2,))}, LIMITS).body == b'{"a":[1,[2]]}'


def test_special_fields_are_no_part_of_the_body():
    prepared = prepare({"_id": "x", "_rev": "1-a", "_deleted": True, "n": 1}, LIMITS)
    assert (prepared.id, prepared.rev, prepared.deleted, prepared.body) == ("x", "1-a", True, b'{"n":1}')


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.binary(max_size=3),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()) | st.integers(), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.text(st.characters(), max_size=3) | st.integers(), anything, max_size=4))
def test_a_document_is_stored_or_refused_never_half_understood(doc):
    try:
        prepared = prepare({"_id": "x", **doc}, LIMITS)
    except (InvalidDocument, InvalidName, TooLarge):
        return

    special = ("_id", "_rev", "_deleted", "_attachments")
    assert json.loads(prepared.body) == {name: value for name, value in doc.items() if name not in special}
