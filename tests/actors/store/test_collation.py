"""Keys as bytes compare as CouchDB compares keys."""

from __future__ import annotations

import itertools
import unicodedata
from functools import cmp_to_key

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mirliton.actors.store.collation import HIGH, encode, encode_text

# --- the rules, written as a comparison that knows nothing of bytes -----------------------------------------------


def rank(value):
    if value is None:
        return 0
    if isinstance(value, bool):
        return 2 if value else 1
    if isinstance(value, int | float):
        return 3
    if isinstance(value, str):
        return 4
    return 5 if isinstance(value, list | tuple) else 6


def compare(a, b):
    if rank(a) != rank(b):
        return -1 if rank(a) < rank(b) else 1
    match rank(a):
        case 3:
            return (a > b) - (a < b)
        case 4:
            return compare_ascii(a, b)
        case 5:
            return compare_all(a, b)
        case 6:
            return compare_all([part for item in a.items() for part in item], [p for i in b.items() for p in i])
    return 0


def compare_all(a, b):
    for one, other in zip(a, b, strict=False):
        if order := compare(one, other):
            return order
    return (len(a) > len(b)) - (len(a) < len(b))


# ICU's root order of printable ASCII, case apart.
ICU_ASCII = " _-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$0123456789abcdefghijklmnopqrstuvwxyz"


def compare_ascii(a, b):
    by_letter = [[ICU_ASCII.index(letter) for letter in text.lower()] for text in (a, b)]
    by_case = [[letter.isupper() for letter in text] for text in (a, b)]
    for one, other in (by_letter, by_case):
        if one != other:
            return -1 if one < other else 1
    return 0


ascii_text = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=6)
numbers = (
    st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.integers(-3, 3)
    | st.sampled_from([2**53, 2**53 + 1, float(2**53), -(2**53) - 1, 2**63 - 1, float(2**63), 0.0, -0.0, 5e-324])
)
keys = st.recursive(
    st.none() | st.booleans() | numbers | ascii_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ascii_text, inner, max_size=3),
    max_leaves=8,
)


@given(keys, keys)
@example([1], [1, None])
@example({"a": 1}, {"a": 1, "b": None})
@example(2**53, float(2**53))
@example(2**53 + 1, float(2**53))
@example([], {})
@example("a", "A")
@example("aa", "A")
def test_bytes_compare_as_keys_do(a, b):
    one, other = encode(a), encode(b)
    assert ((one > other) - (one < other)) == compare(a, b)


@given(st.lists(keys, max_size=8))
def test_sorting_bytes_is_sorting_keys(some):
    by_bytes = sorted(some, key=encode)
    by_rule = sorted(some, key=cmp_to_key(compare))
    assert [encode(key) for key in by_bytes] == [encode(key) for key in by_rule]


@given(keys, keys)
def test_no_key_begins_with_another(a, b):
    one, other = encode(a), encode(b)
    assert one == other or not one.startswith(other)
    assert encode([a, b]).startswith(encode([a])[:-1])


@given(keys)
def test_every_key_lies_below_the_top(key):
    assert b"" < encode(key) < HIGH


# --- strings of all scripts: an order, and a fit one --------------------------------------------------------------

any_text = st.text(max_size=8)


@given(any_text, any_text)
@example("a\u0302", "a\u0302b")
@example("\x00", "")
@example("é", "e\u0301")
@example("e\u0302\u0302", "e\u0302")
def test_different_strings_are_different_keys_and_none_begins_with_another(a, b):
    one, other = encode_text(a), encode_text(b)
    assert (one == other) == (a == b)
    assert a == b or not one.startswith(other)


@given(any_text, st.text(st.characters(codec="utf-8", exclude_categories=("Cn", "Cs", "Co")), max_size=5))
def test_what_begins_with_a_text_lies_in_the_range_that_couchdb_users_write(beginning, rest):
    text = beginning + rest
    assert encode_text(beginning) <= encode_text(text) or _has_marks(rest)
    assert encode_text(text) <= encode_text(beginning + "\ufff0")


def _has_marks(text):
    """A mark changes the letter before it, which may be the last of the beginning."""
    return any(unicodedata.category(letter).startswith("M") for letter in unicodedata.normalize("NFKD", text))


@pytest.mark.parametrize(
    "ordered",
    [
        [None, False, True, -(2**63), -1.5, -1, 0, 0.5, 1, 2**63 - 1, 1e300, "", "a", [], ["a"], {}, {"a": 1}],
        list(ICU_ASCII),
        ["a", "A", "aa", "Aa", "b", "B", "ba", "bb", "Z"],
        ["resume", "Resume", "resumé", "résumé", "resumes"],
        ["a", "á", "ab", "ä" + "b", "b"],
        ["cote", "coté", "côte", "côté"],
        ["z", "ß", "ш", "日"],
        ["–", "+", "€", "0", "٣", "4"],
        ["!", "…", "^"],
        ["10", "9", "a1", "a10", "a9"],
        [[], [None], [None, None], [1], [1, 2], [2], ["a"], ["a", {}], ["b"], [[]]],
        [{}, {"a": 1}, {"a": 2}, {"b": 1}, {"b": 2}, {"b": 2, "a": 1}, {"b": 2, "c": 2}],
        ["a", "a\ufff0", "a\uffff", "b"],
    ],
)
def test_known_orders(ordered):
    encoded = [encode(key) for key in ordered]
    for (low, lower), (high, higher) in itertools.pairwise(zip(ordered, encoded, strict=True)):
        assert lower < higher, (low, high)


def test_numbers_that_are_equal_are_one_key():
    assert encode(1) == encode(1.0)
    assert encode(0.0) == encode(-0.0)
    assert encode(2**53) == encode(float(2**53))
    assert encode(2**53 + 1) != encode(2**53)


@pytest.mark.parametrize("key", [float("nan"), "\ud800", ["ok", "\udfff"], {"\ud800": 1}])
def test_what_has_no_place_in_the_order_is_refused(key):
    with pytest.raises(ValueError, match=r"NaN|surrogates"):
        encode(key)


@pytest.mark.parametrize("key", [b"bytes", {1, 2}, object()])
def test_what_is_not_json_is_refused(key):
    with pytest.raises(TypeError, match="cannot be a view key"):
        encode(key)
