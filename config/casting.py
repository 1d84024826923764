"""Mending values of a nearly right type, as Crossbar does unless told to be strict.

Web forms send `"20"` where 20 is meant. Where the schema asks for an integer, a number or a boolean and nothing
else, text that spells one becomes one. Kazoo also rounds 3.7 to 4 for an integer; that would change what was
asked for, so here it stays an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from math import isfinite
from typing import Any, Final

from mirliton.config.errors import Step, ValidationError

_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]{1,18})?([eE][+-]?[0-9]{1,3})?", re.ASCII)
_BOOLEANS: Final = {"true": True, "false": False}


def mend(document: dict[str, Any], errors: Iterable[ValidationError]) -> bool:
    """Replace in `document`, in place, the values of the `type` errors that can be; whether any was."""
    mended = False
    for error in errors:
        cast = _CASTS.get(str(error.details.get("target"))) if error.rule == "type" else None
        if cast is None or not error.path:
            continue
        container = _container(document, error.path)
        value = cast(container[error.path[-1]])
        if value is not None:
            container[error.path[-1]] = value
            mended = True
    return mended


def _container(document: Any, path: tuple[Step, ...]) -> Any:
    for step in path[:-1]:
        document = document[step]
    return document


def _integer(value: object) -> int | None:
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        return int(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return None


def _number(value: object) -> int | float | None:
    if not isinstance(value, str) or not _NUMBER.fullmatch(value):
        return None
    whole = _integer(value)
    if whole is not None:
        return whole
    number = float(value)
    return number if isfinite(number) else None


def _boolean(value: object) -> bool | None:
    return _BOOLEANS.get(value) if isinstance(value, str) else None


_CASTS: Mapping[str, Callable[[object], int | float | bool | None]] = {
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
}
