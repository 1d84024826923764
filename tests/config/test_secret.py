"""A secret shows itself to nobody who did not ask by name."""

import copy
import json
import logging
import pickle
from dataclasses import asdict, dataclass

import orjson
import pytest

from mirliton.config import Secret, Settings, SwitchSettings, describe

TEXT = "hunter2-ü"


def test_only_reveal_gives_the_text() -> None:
    assert Secret(TEXT).reveal() == TEXT


def test_no_way_of_printing_shows_it(caplog: pytest.LogCaptureFixture) -> None:
    secret = Secret(TEXT)
    logging.getLogger("test").warning("password %s %r", secret, secret)
    shown = [str(secret), repr(secret), f"{secret}", f"{secret!r:>30}", f"{secret:>30}", f"{[secret]}", caplog.text]
    shown.append(repr(SwitchSettings("fs1", password=secret)))
    shown.append(str(asdict(SwitchSettings("fs1", password=secret))))
    shown.append(str(describe(Settings(switches=(SwitchSettings("fs1", password=secret),)))))
    assert not any("hunter2" in text for text in shown)
    assert shown[:2] == ["(hidden)", "Secret(hidden)"]


def test_it_is_not_serialised() -> None:
    secret = Secret(TEXT)
    for serialise in (pickle.dumps, json.dumps, orjson.dumps):
        with pytest.raises(TypeError):
            serialise(secret)


def test_it_cannot_be_changed_or_looked_into() -> None:
    secret = Secret(TEXT)
    with pytest.raises(AttributeError):
        secret.text = "other"  # type: ignore[attr-defined]  # what the test is about
    assert not hasattr(secret, "__dict__")


def test_secrets_are_equal_by_text_and_only_to_secrets() -> None:
    assert Secret(TEXT) == Secret(TEXT)
    assert Secret(TEXT) != Secret(TEXT + "x")
    assert Secret(TEXT) != TEXT
    assert len({Secret(TEXT), Secret(TEXT)}) == 1
    assert Secret(TEXT)
    assert not Secret("")


def test_copies_are_the_same_secret() -> None:
    @dataclass
    class Holder:
        secret: Secret

    secret = Secret(TEXT)
    assert copy.copy(secret) is secret
    assert copy.deepcopy(Holder(secret)).secret is secret


def test_an_empty_secret_shows_as_empty() -> None:
    assert describe(SwitchSettings("fs1"))["password"] == ""
    assert describe(SwitchSettings("fs1", password=Secret("x")))["password"] == "(hidden)"
