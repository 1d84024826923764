"""Numbers: what is meant by what somebody dials, and of what kind it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirliton.whapps.numbers.rules import DEFAULT_CLASSIFIERS, DEFAULT_CONVERTERS, formatted, rules_of, with_dial_plan

RULES = rules_of({})


@pytest.mark.parametrize(
    ("dialled", "meant"),
    [
        ("4155550100", "+14155550100"),
        ("14155550100", "+14155550100"),
        ("+14155550100", "+14155550100"),
        ("+1 (415) 555-0100", "+14155550100"),
        ("(415) 555.0100", "+14155550100"),
        ("011442079460000", "+442079460000"),
        ("00442079460000", "+442079460000"),
        ("442079460000", "+442079460000"),
        ("+44 20 7946 0000", "+442079460000"),
        ("911", "911"),
        ("2001", "2001"),
        ("*97", "*97"),
        ("sales.team", "sales.team"),
        ("", ""),
        ("1" * 500, "1" * 500),
    ],
)
def test_what_is_dialled_is_brought_to_e164(dialled: str, meant: str) -> None:
    assert RULES.e164(dialled) == meant


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        ("+18005550100", "tollfree_us"),
        ("+18885550100", "tollfree_us"),
        ("+19005550100", "toll_us"),
        ("911", "emergency"),
        ("+12425550100", "caribbean"),
        ("+14155550100", "did_us"),
        ("4155550100", "did_us"),
        ("+442079460000", "international"),
        ("2001", "unknown"),
        ("*97", "unknown"),
        ("", "unknown"),
        ("x" * 1000, "unknown"),
    ],
)
def test_numbers_are_of_kinds(number: str, kind: str) -> None:
    classifier = RULES.classify(number)
    assert (classifier.name, classifier.emergency) == (kind, kind == "emergency")


def test_the_defaults_are_kazoos(reference: Path) -> None:
    schema = json.loads((reference / "kazoo-schemas" / "system_config.number_manager.json").read_text())
    theirs = {name: spec["default"] for name, spec in schema["properties"].items() if "default" in spec}
    assert {name: spec["regex"] for name, spec in theirs["classifiers"].items()} == {
        name: spec["regex"] for name, spec in DEFAULT_CLASSIFIERS.items()
    }
    assert theirs["e164_converters"] == DEFAULT_CONVERTERS


def test_an_operators_kinds_come_before_ours() -> None:
    written = {
        "unknown": {"regex": "^(.*)$"},
        "international": {"regex": r"^\+([2-9]\d{7,})$"},
        "mobile_uk": {"regex": r"^\+447\d{9}$", "friendly_name": "UK mobile"},
        "broken": {"regex": "("},
        "wrong": 5,
    }
    rules = rules_of({"classifiers": written})
    assert rules.classify("+447700900000").name == "mobile_uk"
    assert rules.classify("+442079460000").name == "international"
    assert rules.classify("5").name == "unknown"


def test_an_operators_region_reads_national_numbers() -> None:
    rules = rules_of({"default_region": "DE", "e164_converters": {r"^00(\d{5,})$": {"prefix": "+"}}})
    assert rules.e164("030 901820") == "+4930901820"
    assert rules.e164("0049 30 901820") == "+4930901820"
    assert rules.e164("110") == "110"
    assert rules_of({"default_region": "nowhere"}).default_region is None


def test_an_account_may_have_converters_of_its_own() -> None:
    rules = rules_of({}, {r"^0(\d+)$": {"prefix": "+49"}, "(a+)+b": {"prefix": "+"}, "x": 5})
    assert rules.e164("030901820") == "+4930901820"
    assert rules.e164("a" * 60) == "a" * 60, "a pattern of a tenant's that may take long is not run"


@pytest.mark.parametrize(
    ("plan", "made"),
    [
        ({r"^9(\d+)$": {}}, "4155550100"),
        ({r"^9(\d+)$": {"prefix": "1", "suffix": "#"}}, "14155550100#"),
        ({r"^8": {"prefix": "+"}, r"^9\d": {"prefix": "+"}}, "+94"),
        ({r"^8": {"prefix": "+"}}, "94155550100"),
        ({"(": {"prefix": "x"}, r"^9(\d+)$": "x"}, "94155550100"),
    ],
    ids=str,
)
def test_a_dial_plan_comes_first(plan: Any, made: str) -> None:
    assert with_dial_plan("94155550100", plan) == made


@pytest.mark.parametrize(
    ("form", "sent"),
    [
        ("e164", "+14155550100"),
        ("npan", "4155550100"),
        ("1npan", "14155550100"),
        ("strip_plus", "14155550100"),
        ("route", "+14155550100"),
    ],
)
def test_gateways_have_forms_of_their_own(form: str, sent: str) -> None:
    assert formatted("+14155550100", form) == sent


@given(st.sampled_from(sorted(phonenumbers.SUPPORTED_REGIONS)))
def test_every_countrys_numbers_stay_what_they_are_in_e164(region: str) -> None:
    example = phonenumbers.example_number(region)
    if example is not None:
        number = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
        assert RULES.e164(number) == number
        assert RULES.e164(phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.INTERNATIONAL)) == number


@given(st.text(max_size=80))
def test_no_text_is_too_strange(text: str) -> None:
    assert isinstance(RULES.e164(text), str)
    assert RULES.classify(text).name in DEFAULT_CLASSIFIERS
