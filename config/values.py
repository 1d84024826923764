"""One value of one setting: from the environment's text, to its type, within its bounds."""

from __future__ import annotations

import re
from math import isfinite
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_origin

from mirliton.config.secret import Secret
from mirliton.config.settings import Bounds

MAX_TEXT: Final = 4096
MAX_SHOWN: Final = 80

_TRUE: Final = frozenset({"true", "yes", "on", "1"})
_FALSE: Final = frozenset({"false", "no", "off", "0"})


class Unusable(Exception):
    """A value that a setting cannot take; `expectation` says what it must be."""

    def __init__(self, expectation: str, secret: bool = False) -> None:
        self.expectation = expectation
        self.secret = secret
        super().__init__(expectation)


def shown(value: object) -> str:
    """The value as an error shows it: one short line."""
    text = repr(value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"


def parse(text: str, hint: Any) -> Any:
    """What an environment variable's `text` stands for, as TOML would have given it. Raises `Unusable`."""
    if hint is bool:
        word = text.strip().lower()
        if word in _TRUE:
            return True
        if word in _FALSE:
            return False
        raise Unusable("must be true or false")
    if hint in (int, float):
        try:
            return hint(text.strip().replace("_", "")) if len(text) <= 32 else text
        except ValueError:
            return text
    return text


def coerce(value: Any, hint: Any, bounds: Bounds) -> Any:
    """`value` as the type `hint`, or `Unusable` where it is another type or outside its bounds."""
    if get_origin(hint) is Literal:
        choices = get_args(hint)
        if value not in choices or isinstance(value, bool):
            raise Unusable("must be one of " + ", ".join(map(repr, choices)))
        return value
    if hint is bool:
        if not isinstance(value, bool):
            raise Unusable("must be true or false")
        return value
    if hint in (int, float):
        return _number(value, hint, bounds)
    if not isinstance(value, str):
        raise Unusable("must be text in quotes", secret=hint is Secret)
    return _text(value, hint, bounds)


def _number(value: Any, hint: Any, bounds: Bounds) -> int | float:
    kind = "a whole number" if hint is int else "a number"
    right = isinstance(value, int) or (hint is float and isinstance(value, float))
    if not right or isinstance(value, bool) or not isfinite(value):
        raise Unusable(f"must be {kind}{_range(bounds)}")
    if (bounds.low is not None and value < bounds.low) or (bounds.high is not None and value > bounds.high):
        raise Unusable(f"must be {kind}{_range(bounds)}")
    number: int | float = hint(value)
    return number


def _range(bounds: Bounds) -> str:
    unit = f" ({bounds.unit})" if bounds.unit else ""
    if bounds.low is None or bounds.high is None:
        return unit
    return f" from {_plain(bounds.low)} to {_plain(bounds.high)}{unit}"


def _plain(number: float) -> str:
    return str(int(number)) if number == int(number) else f"{number:g}"


def _text(value: str, hint: Any, bounds: Bounds) -> Any:
    secret = hint is Secret
    if len(value) > MAX_TEXT:
        raise Unusable(f"must be at most {MAX_TEXT} characters", secret)
    # A line break in a password or a name would end a line of the event socket's protocol.
    if any(ord(character) < 32 or ord(character) == 127 for character in value):
        raise Unusable("must not hold control characters", secret)
    if bounds.pattern is not None and not re.fullmatch(bounds.pattern, value):
        raise Unusable(bounds.wording, secret)
    if secret:
        return Secret(value)
    if hint is Path:
        if not value:
            raise Unusable("must be a path")
        return Path(value)
    return value
