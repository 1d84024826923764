"""The first look at a document from outside: is it JSON at all, and of a size that can be handled?

Everything after this look may recurse and copy, because the limits here bound how deep and how much.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite
from typing import Any, Final

from mirliton.config.errors import Step, ValidationError

MAX_DEPTH: Final = 100
"""Objects and arrays inside one another. A callflow takes two per action, so 49 actions in a row fit."""

MAX_VALUES: Final = 10_000
"""Values in one document, containers included. A callflow takes about ten per action."""

MAX_TEXT: Final = 1024 * 1024
"""Characters of all keys and strings of one document together."""

MAX_REPORTED: Final = 20
"""Problems reported before the look is broken off."""

_INTEGERS: Final = range(-(2**63), 2**64)

# A path as a chain from the value up to the document, so that walking costs no tuple per value.
_Link = tuple["_Link", Step] | None


def _path(link: _Link) -> tuple[Step, ...]:
    steps: list[Step] = []
    while link is not None:
        link, step = link
        steps.append(step)
    return tuple(reversed(steps))


def _error(link: _Link, rule: str, message: str, **details: Any) -> ValidationError:
    return ValidationError(_path(link), rule, message, details)


def unusable(document: object) -> tuple[ValidationError, ...]:
    """What keeps `document` from being handled as JSON; empty when nothing does.

    Rule `maxSize` for what is too deep or too large, `invalid` for what JSON cannot hold: other types, keys that
    are no strings, NaN and infinities, integers beyond 64 bits, text that is not Unicode.
    """
    errors: list[ValidationError] = []
    for error in _problems(document):
        errors.append(error)
        if len(errors) == MAX_REPORTED:
            break
    return tuple(errors)


def _problems(document: object) -> Iterator[ValidationError]:
    values = text = 0
    todo: list[tuple[object, int, _Link]] = [(document, 0, None)]
    while todo:
        value, depth, link = todo.pop()
        if isinstance(value, dict | list):
            # Counted before they are queued: the queue itself must not grow with the document.
            values += len(value)
            if values > MAX_VALUES:
                yield _error(None, "maxSize", f"must hold at most {MAX_VALUES} values", target=MAX_VALUES)
                return
            if depth == MAX_DEPTH:
                message = f"must not be nested deeper than {MAX_DEPTH} levels"
                yield _error(None, "maxSize", message, target=MAX_DEPTH)
                return
            if isinstance(value, list):
                todo.extend((item, depth + 1, (link, index)) for index, item in enumerate(value))
                continue
            for key, item in value.items():
                if not isinstance(key, str):
                    yield _error(link, "invalid", f"keys must be strings, not {type(key).__name__}")
                    continue
                text += len(key)
                if not _is_unicode(key):
                    yield _error(link, "invalid", f"the key {key[:40]!a} is not valid Unicode text")
                    continue
                todo.append((item, depth + 1, (link, key)))
        elif isinstance(value, str):
            text += len(value)
            if not _is_unicode(value):
                yield _error(link, "invalid", "must be valid Unicode text; it holds half of a surrogate pair")
        else:
            yield from _number_problem(value, link)
        if text > MAX_TEXT:
            yield _error(None, "maxSize", f"must hold at most {MAX_TEXT} characters", target=MAX_TEXT)
            return


def _number_problem(value: object, link: _Link) -> Iterator[ValidationError]:
    if value is None or isinstance(value, bool):
        return
    if isinstance(value, int):
        if value not in _INTEGERS:
            yield _error(link, "invalid", "must be an integer of at most 64 bits")
    elif isinstance(value, float):
        if not isfinite(value):
            yield _error(link, "invalid", f"must be a finite number, not {value}")
    else:
        yield _error(link, "invalid", f"must be a JSON value, not {type(value).__name__}")


def _is_unicode(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
