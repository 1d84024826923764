"""A checkpoint is what survives on the channel: it comes back as it went, and nothing else is taken for one."""

from __future__ import annotations

import base64
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirliton.actors.switching import CommandResult
from mirliton.whapps.callflow.checkpoint import MAX_SIZE, Checkpoint, decode
from mirliton.whapps.callflow.errors import InvalidCheckpoint

CALL = "a0b1c2d3-0000-4000-8000-000000000001"
_TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
_PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=10,
)
_RESULT = st.tuples(st.sampled_from(["done", "refused", "gone"]), _TEXT, st.dictionaries(_TEXT, _TEXT, max_size=3))


@given(
    _TEXT, st.lists(_TEXT, max_size=5), st.integers(0, 50), st.integers(0, 50), _PLAIN, st.lists(_RESULT, max_size=4)
)
def test_it_comes_back_as_it_went(
    flow: str, path: list[str], step: int, mark: int, state: Any, results: list[Any]
) -> None:
    there = Checkpoint(flow, path, step, mark, state)
    there.results = [CommandResult(there.command_id(CALL, index), *result) for index, result in enumerate(results)]
    assert decode(there.encode(), CALL) == there


@given(_TEXT, _PLAIN)
def test_its_text_holds_nothing_that_a_switch_takes_for_syntax(flow: str, state: Any) -> None:
    text = Checkpoint(flow, state=state).encode()
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def test_what_is_kept_goes_on_with_the_call() -> None:
    kept = {"language": "fr", "caller_id": ["Ada", "1"]}
    here = Checkpoint("f", ["_"], 3, kept=kept)
    for there in (here, here.next(["_", "1"]), here.jump("g")):
        assert decode(there.encode(), CALL).kept == kept


def test_a_checkpoint_that_keeps_nothing_is_one_that_an_older_node_reads() -> None:
    packed = Checkpoint("f", ["_"], 3).encode()
    plain = orjson.loads(base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)))
    assert plain == [1, "f", ["_"], 3, 0, None, []]


def test_every_command_of_a_call_has_an_id_of_its_own() -> None:
    ids = {
        Checkpoint("f", step=step, mark=mark).command_id(call, index)
        for call in (CALL, "other")
        for step in range(4)
        for mark in range(4)
        for index in range(4)
    }
    assert len(ids) == 128


def _packed(plain: Any) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(plain)).decode().rstrip("=")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "=",
        "not base64 ☎",
        "A",
        _packed(None),
        _packed({"flow": 1}),
        _packed([99, "f", [], 0, 0, None, []]),
        _packed([1, "f", [], 0, 0, None]),
        _packed([1, "f", [], 0, 0, None, [], {}]),
        _packed([2, "f", [], 0, 0, None, []]),
        _packed([2, "f", [], 0, 0, None, [], ["a"]]),
        _packed([2, "f", [], 0, 0, None, [], {}, 1]),
        _packed([1, 7, [], 0, 0, None, []]),
        _packed([1, "f", "path", 0, 0, None, []]),
        _packed([1, "f", [], "0", 0, None, []]),
        _packed([1, "f", [], 0, 0, None, 5]),
        _packed([1, "f", [], 0, 0, None, [["done"]]]),
        _packed([1, "f", [], 0, 0, None, [["done", "", 5]]]),
        _packed([1, "f", [], 0, 0, None, [["perhaps", "", {}]]]),
        _packed([1, "f", [], True, 0, None, []]),
        "A" * (MAX_SIZE + 1),
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(InvalidCheckpoint):
        decode(text, CALL)


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda data: base64.urlsafe_b64encode(data).decode()))
def test_junk_is_refused_and_nothing_worse(text: str) -> None:
    with pytest.raises(InvalidCheckpoint):
        decode(text, CALL)
