"""Query-string filters (Kazoo reference 5.3): all of them must hold.

    filter_{path}=v      the value at the dotted path is v; a list has it among its values
    filter_{path}=[v,w]  is one of these, given as JSON
    filter_not_{path}=v  the opposite
    has_key, key_missing, has_value, value_missing={path}
    created_from, created_to, modified_from, modified_to={gregorian seconds}

Private fields cannot be asked about: a filter would tell, guess by guess, what is never shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import orjson

from mirliton.actors.store import Document
from mirliton.api.errors import InvalidData
from mirliton.config import is_private

MAX_FILTERS: Final = 20
MAX_VALUES: Final = 50
"""Of one filter's list."""

Test = Callable[[Document], bool]

_ABSENT: Final = object()
_TIMES: Final = {
    "created_from": ("pvt_created", False),
    "created_to": ("pvt_created", True),
    "modified_from": ("pvt_modified", False),
    "modified_to": ("pvt_modified", True),
}
_PRESENCE: Final[Mapping[str, Callable[[Any], bool]]] = {
    "has_key": lambda value: value is not _ABSENT,
    "key_missing": lambda value: value is _ABSENT,
    "has_value": lambda value: not _is_empty(value),
    "value_missing": lambda value: _is_empty(value),
    "missing_value": lambda value: _is_empty(value),
}


def filters_of(query: Iterable[tuple[str, str]], *, skip: frozenset[str] = frozenset()) -> tuple[Test, ...]:
    """The tests that a query's parameters ask for; `skip` names those that mean something else here.

    Raises InvalidData for a filter that cannot be.
    """
    tests: list[Test] = []
    for name, value in query:
        test = None if name in skip else _test(name, value)
        if test is not None:
            tests.append(test)
    if len(tests) > MAX_FILTERS:
        raise InvalidData.of("filter", "maxItems", f"at most {MAX_FILTERS} filters", target=MAX_FILTERS)
    return tuple(tests)


def gregorian_seconds(name: str, text: str) -> int:
    """A moment from the query. Raises InvalidData."""
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise InvalidData.of(name, "type", "must be a number of gregorian seconds", target="integer", value=text[:32])
    return int(text)


def _test(name: str, value: str) -> Test | None:
    if name in _TIMES:
        field, upper = _TIMES[name]
        return _time_test(field, gregorian_seconds(name, value), upper)
    if name in _PRESENCE:
        path = _path(name, value)
        holds = _PRESENCE[name]
        return lambda doc: holds(_at(doc, path))
    if name.startswith("filter_not_"):
        path, values = _path(name, name.removeprefix("filter_not_")), _values(name, value)
        return lambda doc: not any(_is(_at(doc, path), each) for each in values)
    if name.startswith("filter_"):
        path, values = _path(name, name.removeprefix("filter_")), _values(name, value)
        return lambda doc: any(_is(_at(doc, path), each) for each in values)
    return None


def _values(name: str, text: str) -> list[str]:
    """What is asked for: the text, or each item of a JSON list of scalars."""
    if not (text.startswith("[") and text.endswith("]")):
        return [text]
    try:
        items = orjson.loads(text)
    except orjson.JSONDecodeError:
        return [text]
    if any(isinstance(item, list | dict) for item in items):
        return [text]
    if len(items) > MAX_VALUES:
        raise InvalidData.of(name[:64], "maxItems", f"at most {MAX_VALUES} values", target=MAX_VALUES)
    return [_text(item) for item in items]


def _time_test(field: str, moment: int, upper: bool) -> Test:
    def test(doc: Document) -> bool:
        when = doc.get(field)
        if not isinstance(when, int | float):
            return False
        return when <= moment if upper else when >= moment

    return test


def _path(name: str, dotted: str) -> list[str]:
    path = dotted.split(".")
    if not dotted or len(path) > 16 or is_private(path[0]):
        raise InvalidData.of(name[:64], "invalid", "no field that can be filtered by")
    # The API shows a document's id as `id`.
    return ["_id"] if path == ["id"] else path


def _at(doc: Document, path: list[str]) -> Any:
    value: Any = doc
    for step in path:
        if not isinstance(value, dict) or step not in value:
            return _ABSENT
        value = value[step]
    return value


def _is(value: Any, wanted: str) -> bool:
    if isinstance(value, list):
        return any(_is(item, wanted) for item in value if not isinstance(item, list))
    return value is not _ABSENT and _text(value) == wanted


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "null" if value is None else str(value)


def _is_empty(value: Any) -> bool:
    return value is _ABSENT or value is None or value in ("", [], {})
