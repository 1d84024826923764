"""The platform's announcements: a table of texts for each language, one file each, by Kazoo's ids of prompts.

`mirliton prompts build` speaks them into files for the switches. A language that lacks a prompt, or that is not there
at all, is spoken in its nearest relative, and at last in DEFAULT.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).resolve().parent
DEFAULT: Final = "en-us"


@cache
def prompt_languages() -> tuple[str, ...]:
    """The languages that there are, as `de-de`."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))


def prompt_texts(language: str) -> Mapping[str, str]:
    """The texts of a language by prompt; none for a language that is not there."""
    found: dict[str, str] = _table(language)["prompts"] if language in prompt_languages() else {}
    return found


def prompt_voice(language: str) -> str:
    """The voice of espeak-ng that speaks a language. Raises KeyError for one that is not there."""
    return str(_table(language)["voice"])


@lru_cache(maxsize=4096)
def spoken_language(prompt_id: str, language: str) -> str | None:
    """The language in which a prompt is heard that is wanted in another; None for a prompt that there is not."""
    wanted = language.lower()
    root = wanted.partition("-")[0]
    relatives = (one for one in prompt_languages() if one.partition("-")[0] == root)
    return next((one for one in (wanted, *relatives, DEFAULT) if prompt_id in prompt_texts(one)), None)


@cache
def _table(language: str) -> dict[str, Any]:
    return tomllib.loads((FOLDER / f"{language}.toml").read_text(encoding="utf-8"))
