"""Documents against their schemas, with every error at once and in Crossbar's terms.

    >>> errors = validate("users", {"first_name": "Ada"})
    >>> crossbar_body(errors)
    {'last_name': {'required': {'message': 'is required', 'value': 'last_name'}}}

`validate` judges the document as it stands. `conform` does what Crossbar does with the data of a request: drops
private fields, fills in defaults, mends values of a nearly right type unless asked to be strict, then judges.

What is stricter here than in Kazoo: `uri` and `regex` formats are checked (Kazoo accepts any text), and `$` in a
pattern does not match before a last newline, so that no SIP realm or user name can end in one.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Any, Final

from jsonschema_rs import Draft4, Draft4Validator, EmailOptions, RegexOptions, Registry

from mirliton.config.casting import mend
from mirliton.config.catalogue import Schema, families, portable_pattern, raw, schema_names, subschemas, target
from mirliton.config.errors import Step, ValidationError
from mirliton.config.filling import with_defaults
from mirliton.config.guard import unusable
from mirliton.config.rules import in_crossbar_terms

MAX_ERRORS: Final = 200
"""Errors reported for one document; the last then says that there are more."""

MAX_MENDINGS: Final = 3
"""Rounds of mending: one mends what one validation reports, which for a sane document is everything."""

MAX_REGEX: Final = 2048
"""Characters of a regular expression in a document (format `regex`)."""

_PATTERN_MAPS = frozenset({"patternProperties"})
_NAME_MAPS = frozenset({"properties", "patternProperties"})
_BASE = "mirliton:///schemas/"


def validate(name: str, document: object) -> tuple[ValidationError, ...]:
    """All the ways in which `document` breaks the schema `name`; empty when it fits.

    Takes any value and never raises for it: what is no JSON, or too large to judge, is an error like others.
    Raises `UnknownSchema` for a name that is not shipped.
    """
    validator = _validator(name)
    problems = unusable(document)
    if problems:
        return problems
    errors = list(islice(_errors(name, validator, document), MAX_ERRORS + 1))
    if len(errors) > MAX_ERRORS:
        message = f"has more than {MAX_ERRORS} errors; the rest is left out"
        errors[MAX_ERRORS] = ValidationError((), "invalid", message, {"target": MAX_ERRORS})
    return tuple(errors)


@dataclass(frozen=True, slots=True)
class Conformed:
    """What became of a request's data: the document to store, or the errors that forbid it."""

    document: dict[str, Any]
    errors: tuple[ValidationError, ...]

    @property
    def ok(self) -> bool:
        return not self.errors


def conform(name: str, document: object, *, strict: bool = False) -> Conformed:
    """`document` as Crossbar would store it (without private fields), and what is wrong with it.

    Defaults come before the judgement, so a required field with a default may be left out. Unless `strict`
    (Kazoo's `schema_strict_validation`), text that spells a number or boolean is taken for one where the schema
    asks for it. The given document is not changed. Raises `UnknownSchema`.
    """
    if not isinstance(document, dict) or unusable(document):
        return Conformed({}, validate(name, document))
    filled = with_defaults(name, public_fields(document))
    errors = validate(name, filled)
    for _ in range(0 if strict else MAX_MENDINGS):
        if not mend(filled, errors):
            break
        errors = validate(name, filled)
    return Conformed(filled, errors)


def is_private(key: str) -> bool:
    """Whether a document's key belongs to the platform and never to a request (Kazoo reference 7.2)."""
    return key.startswith(("_", "pvt_"))


def public_fields(document: Mapping[str, Any]) -> dict[str, Any]:
    """`document` without its private fields (not a deep copy)."""
    return {key: value for key, value in document.items() if not is_private(key)}


def _errors(name: str, validator: Draft4Validator, document: object) -> Iterator[ValidationError]:
    for error in validator.iter_errors(document):
        yield from in_crossbar_terms(error, ())
    for family, path, action in _actions(raw(name), document, ()):
        yield from _action_errors(family, path, action)


def _actions(
    node: Schema, value: object, path: tuple[Step, ...]
) -> Iterator[tuple[str, tuple[Step, ...], dict[str, Any]]]:
    node = target(node)
    if isinstance(value, list):
        items = node.get("items")
        if isinstance(items, Mapping):
            for index, item in enumerate(value):
                yield from _actions(items, item, (*path, index))
    elif isinstance(value, dict):
        family = families.get(node.get("_id", ""))
        if family:
            yield family, path, value
        for key, item in value.items():
            if isinstance(item, dict | list):
                for below in subschemas(node, key):
                    yield from _actions(below, item, (*path, key))


def _action_errors(family: str, path: tuple[Step, ...], action: dict[str, Any]) -> Iterator[ValidationError]:
    module = action.get("module")
    if not isinstance(module, str):
        return
    name = f"{family}.{module}"
    if name not in schema_names() or name in families:
        message = f"there is no {'callflow action' if family == 'callflows' else 'metaflow'} of this name"
        yield ValidationError((*path, "module"), "error", message, {"value": module[:64]})
    elif "data" in action:
        for error in _validator(name).iter_errors(action["data"]):
            yield from in_crossbar_terms(error, (*path, "data"))


@cache
def _registry() -> Registry:
    return Registry([(_BASE + name, _compilable(raw(name))) for name in sorted(schema_names())], draft=Draft4)


@cache
def _validator(name: str) -> Draft4Validator:
    # RegexOptions is the engine that takes linear time; offline makes sure that nothing is ever fetched.
    return Draft4Validator(
        _compilable(raw(name)),
        registry=_registry(),
        base_uri=_BASE + name,
        pattern_options=RegexOptions(),
        validate_formats=True,
        formats={"regex": is_regex},
        email_options=EmailOptions(allow_display_text=False),
        offline=True,
    )


def is_regex(text: str) -> bool:
    """Whether `text` is a regular expression that can be compiled (format `regex`), and not a monstrous one."""
    if len(text) > MAX_REGEX:
        return False
    try:
        # Python warns of what may change its meaning one day; that is nobody's fault here.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(text)
    except (re.error, OverflowError, RecursionError):
        return False
    return True


def _compilable(node: Any, names: bool = False, patterns: bool = False) -> Any:
    """The schema with its patterns written for the engine that runs them."""
    if isinstance(node, Sequence) and not isinstance(node, str):
        return [_compilable(item) for item in node]
    if not isinstance(node, Mapping):
        return node
    compilable = {}
    for key, value in node.items():
        if names:
            compilable[portable_pattern(key) if patterns else key] = _compilable(value)
        elif key == "pattern" and isinstance(value, str):
            compilable[key] = portable_pattern(value)
        else:
            compilable[key] = _compilable(value, key in _NAME_MAPS, key in _PATTERN_MAPS)
    return compilable
