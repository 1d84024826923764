"""Defaults fill gaps, and nothing else."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mirliton.config import InvalidDocument, UnknownSchema, defaults, schema_names, validate, with_defaults


def test_a_missing_field_takes_its_default() -> None:
    menu = with_defaults("menus", {"name": "main", "retries": 5})
    assert menu == {
        "name": "main",
        "retries": 5,
        "allow_record_from_offnet": False,
        "hunt": True,
        "max_extension_length": 4,
        "media": {},
        "suppress_media": False,
    }


def test_an_object_with_a_default_comes_to_be_and_is_filled() -> None:
    assert defaults("devices")["sip"] == {
        "expire_seconds": 300,
        "invite_format": "contact",
        "method": "password",
    }


def test_an_object_without_a_default_stays_away_but_is_filled_when_given() -> None:
    assert "call_forward" not in defaults("users")
    filled = with_defaults("users", {"call_forward": {"number": "1"}})["call_forward"]
    assert filled == {
        "number": "1",
        "direct_calls_only": False,
        "enabled": False,
        "failover": False,
        "ignore_early_media": True,
        "keep_caller_id": True,
        "require_keypress": True,
        "substitute": True,
    }


def test_items_of_a_list_are_filled() -> None:
    group = with_defaults("callflows.ring_group", {"endpoints": [{"id": "a", "endpoint_type": "user"}]})
    assert group["endpoints"] == [{"id": "a", "endpoint_type": "user", "delay": 0, "timeout": 20}]


def test_fields_behind_a_reference_are_filled() -> None:
    user = with_defaults("users", {"media": {"encryption": {}}, "metaflows": {}})
    assert user["media"]["encryption"] == {"enforce_security": False, "methods": []}
    assert user["metaflows"] == {"binding_digit": "*"}


def test_the_data_of_an_action_takes_its_modules_defaults() -> None:
    flow = {"module": "menu", "children": {"1": {"module": "user", "data": {"id": "u"}}, "2": {"module": "?"}}}
    filled = with_defaults("callflows", {"flow": flow})["flow"]
    assert filled["data"] == {}
    assert filled["children"]["1"]["data"] == {
        "id": "u",
        "delay": 0,
        "strategy": "simultaneous",
        "timeout": 20,
    }
    assert filled["children"]["2"] == {"module": "?", "data": {}}


def test_metaflows_take_the_defaults_of_their_actions() -> None:
    filled = with_defaults("metaflows", {"numbers": {"1": {"module": "transfer", "data": {}}}})
    assert filled["numbers"]["1"]["data"] == {"captures": ["no_match"], "transfer_type": "blind"}


def test_a_null_is_not_a_gap() -> None:
    assert with_defaults("menus", {"hunt": None})["hunt"] is None


def test_neither_the_document_nor_the_schema_is_touched() -> None:
    document: dict[str, Any] = {"name": "d", "sip": {"username": "u"}, "unknown": {"kept": [1]}}
    before = copy.deepcopy(document)
    filled = with_defaults("devices", document)
    filled["sip"]["route"] = "changed"
    filled["unknown"]["kept"].append(2)
    filled["music_on_hold"]["media_id"] = "changed"
    assert document == before
    assert defaults("devices")["music_on_hold"] == {}


def test_wrong_types_are_left_as_they_are() -> None:
    assert with_defaults("devices", {"sip": "text", "flags": {}})["sip"] == "text"


@pytest.mark.parametrize("name", sorted(schema_names()))
def test_defaults_break_no_rule_but_required(name: str) -> None:
    # Kazoo's own default for the macros of an audio_macro is none, of which it wants at least one.
    allowed = {"required", "not_one_schema_valid"} | ({"minItems"} if name == "callflows.audio_macro" else set())
    assert {error.rule for error in validate(name, defaults(name))} <= allowed


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(["users", "devices", "menus", "vmboxes", "callflows", "media"]),
    document=st.dictionaries(st.text(max_size=8), st.integers(0, 9) | st.text(max_size=4), max_size=4),
)
def test_filling_twice_changes_nothing_more(name: str, document: dict[str, Any]) -> None:
    once = with_defaults(name, document)
    assert with_defaults(name, once) == once
    assert once.items() >= document.items()


def test_only_objects_are_filled() -> None:
    with pytest.raises(InvalidDocument, match="must be of type object"):
        with_defaults("users", [])  # type: ignore[arg-type]  # what a caller without types may do
    with pytest.raises(UnknownSchema):
        with_defaults("nope", {})
