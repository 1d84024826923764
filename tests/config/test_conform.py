"""`conform` does to a request's data what Crossbar does."""

from typing import Any

import pytest

from mirliton.config import conform, is_private, public_fields

AN_ID = "0123456789abcdef0123456789abcdef"


def test_the_document_to_store_has_its_defaults_and_no_private_fields() -> None:
    given = {"_id": "x", "_rev": "1", "pvt_type": "menu", "name": "main"}
    result = conform("menus", given)
    assert result.ok
    assert result.document["retries"] == 3
    assert not any(map(is_private, result.document))
    assert given["pvt_type"] == "menu"


def test_a_default_satisfies_required() -> None:
    assert conform("media", {"name": "greeting"}).document["media_source"] == "upload"
    assert conform("callflows", {"flow": {"module": "hangup"}}).ok


def test_text_that_spells_a_value_is_taken_for_it_wherever_it_stands() -> None:
    flow = {"module": "user", "data": {"id": AN_ID, "timeout": "30", "can_call_self": "true"}}
    result = conform("callflows", {"flow": flow})
    assert result.ok
    data = result.document["flow"]["data"]
    assert (data["timeout"], data["can_call_self"]) == (30, True)
    assert flow["data"]["timeout"] == "30"


def test_items_of_a_list_are_mended() -> None:
    result = conform("notify.callback", {"schedule": ["1", 2, "3"]})
    assert result.document["schedule"] == [1, 2, 3]


def test_strict_mends_nothing() -> None:
    result = conform("menus", {"name": "m", "retries": "3"}, strict=True)
    assert [(error.field, error.rule) for error in result.errors] == [("retries", "type")]
    assert result.document["retries"] == "3"


def test_what_is_mended_is_still_judged() -> None:
    result = conform("menus", {"name": "m", "retries": "11"})
    assert [(error.field, error.rule) for error in result.errors] == [("retries", "maximum")]


@pytest.mark.parametrize(
    ("value", "mended"),
    [("7", 7), ("+7", 7), ("-0", 0), (7.0, 7), ("007", 7)],
)
def test_integers_that_are_mended(value: Any, mended: int) -> None:
    result = conform("limits", {"calls": value})
    assert result.ok
    assert result.document["calls"] == mended
    assert type(result.document["calls"]) is int


@pytest.mark.parametrize("value", ["3.7", 3.7, "seven", "", " 7", "7 ", "0x7", "٧", "9" * 30, "1e3", True, None, [7]])
def test_integers_that_are_not(value: Any) -> None:
    result = conform("limits", {"calls": value})
    assert [error.rule for error in result.errors] == ["type"]


@pytest.mark.parametrize(("value", "mended"), [("1.5", 1.5), ("2", 2), ("-1e2", -100.0)])
def test_numbers_that_are_mended(value: str, mended: float) -> None:
    assert conform("accounts", {"name": "a", "topup": {"threshold": value}}).document["topup"] == {"threshold": mended}


@pytest.mark.parametrize("value", ["nan", "inf", "1e999", "1,5", "--1"])
def test_numbers_that_are_not(value: str) -> None:
    assert not conform("accounts", {"name": "a", "topup": {"threshold": value}}).ok


@pytest.mark.parametrize("value", ["TRUE", "yes", "1", 1, 0, ""])
def test_booleans_that_are_not_mended(value: Any) -> None:
    assert not conform("accounts", {"name": "a", "enabled": value}).ok


def test_a_document_that_is_no_object_is_an_error() -> None:
    result = conform("accounts", ["x"])
    assert (result.ok, result.document) == (False, {})


def test_private_fields_are_told_by_their_name_alone() -> None:
    document = {"_id": 1, "pvt_created": 2, "pvt": 3, "name": 4, "x_": 5}
    assert public_fields(document) == {"pvt": 3, "name": 4, "x_": 5}
