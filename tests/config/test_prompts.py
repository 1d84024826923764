"""The table of announcements: every prompt that is named anywhere is there, in every language."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from mirliton.config.prompts import DEFAULT, prompt_languages, prompt_texts, prompt_voice, spoken_language
from mirliton.ecallmgr.media import media
from mirliton.ecallmgr.plan import Surroundings

_ID = re.compile(
    r"(agent|call_waiting|cf|conf|dir|disa|dnd|dynamic-cid|fault|hotdesk|ivr|menu|park|pickup|queue|stepswitch|temporal|vm)"
    r"-[a-z][a-z0-9_-]*"
)
_MADE = ("dnd", "call_waiting")
"""Of whose prompts the endings are named, not the whole."""


def _named(root: Path) -> set[str]:
    """Every text in the applications that looks like a prompt's id."""
    found = {f"{what}-{end}" for what in _MADE for end in ("activated", "deactivated", "not_available")}
    for file in (root / "whapps").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and _ID.fullmatch(node.value):
                found.add(node.value)
    return found


def test_every_prompt_that_is_named_is_in_the_table(root: Path) -> None:
    named = _named(root)
    assert len(named) > 60
    assert named - prompt_texts(DEFAULT).keys() == set()


@pytest.mark.parametrize("language", prompt_languages())
def test_every_language_has_every_prompt_and_a_voice(language: str) -> None:
    texts = prompt_texts(language)
    assert texts.keys() == prompt_texts(DEFAULT).keys()
    assert all(text.strip() == text and text for text in texts.values())
    assert re.fullmatch(r"[a-z-]+", prompt_voice(language))


@pytest.mark.parametrize(
    ("wanted", "spoken"),
    [
        ("en-us", "en-us"),
        ("EN-US", "en-us"),
        ("en-gb", "en-us"),
        ("de", "de-de"),
        ("de-at", "de-de"),
        ("fr", "en-us"),
        ("", "en-us"),
    ],
)
def test_a_language_that_is_not_there_has_relatives(wanted: str, spoken: str) -> None:
    assert spoken_language("vm-goodbye", wanted) == spoken
    around = Surroundings(sounds="/snd/mirliton/en-us")
    assert media(f"prompt://x/vm-goodbye/{wanted}", around) == f"/snd/mirliton/{spoken}/vm-goodbye.wav"


def test_a_prompt_that_is_not_there_has_no_language() -> None:
    assert spoken_language("no-such-prompt", "de-de") is None
    assert prompt_texts("../en-us") == {}
