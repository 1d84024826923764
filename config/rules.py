"""From the validator's errors to Crossbar's: its rule names, and the facts it shows for each.

The names are those of Kazoo (reference 5.4); for what has no name of its own in Crossbar, Kazoo shows the one of
its validator (`not_one_schema_valid` …), and where that has none either the JSON Schema keyword stands.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import jsonschema_rs
from jsonschema_rs import ValidationErrorKind as Kind

from mirliton.config.errors import Step, ValidationError

MAX_SHOWN: Final = 256
"""Characters of a value that are repeated in its error."""

SECRETS: Final = frozenset(
    {"password", "pin", "record_pin", "api_key", "credentials", "auth_password", "multi_factor_response"}
)
"""Fields whose values are never repeated in an error: errors are logged and shown on screens."""


def in_crossbar_terms(error: jsonschema_rs.ValidationError, prefix: tuple[Step, ...]) -> Iterator[ValidationError]:
    """`error`, found in a part of the document that `prefix` leads to. One per field where Kazoo has one."""
    path = (*prefix, *error.instance_path)
    kind = error.kind
    if isinstance(kind, Kind.Required):
        yield ValidationError((*path, kind.property), "required", "is required", {"value": kind.property[:MAX_SHOWN]})
    elif isinstance(kind, Kind.AdditionalProperties):
        for key in kind.unexpected:
            yield ValidationError((*path, key), "additionalProperties", "is not a field of this object")
    else:
        rule, message, facts = _rule(kind)
        shown = _shown(path, error.instance)
        cause = {"cause": shown["value"]} if rule in ("minLength", "maxLength") and shown else {}
        yield ValidationError(path, rule, message, {**facts, **cause, **shown})


def _rule(kind: Kind) -> tuple[str, str, dict[str, Any]]:
    match kind:
        case Kind.Type(types):
            names = ", ".join(types)
            return "type", f"must be of type {names}", {"target": names}
        case Kind.Enum(options):
            return "enum", "must be one of the listed values", {"target": options}
        case Kind.MinLength(limit):
            return "minLength", f"must have at least {_count(limit, 'character')}", {"target": limit}
        case Kind.MaxLength(limit):
            return "maxLength", f"must have at most {_count(limit, 'character')}", {"target": limit}
        case Kind.Minimum(limit) | Kind.ExclusiveMinimum(limit):
            return "minimum", f"must be at least {limit}", {"target": limit}
        case Kind.Maximum(limit) | Kind.ExclusiveMaximum(limit):
            return "maximum", f"must be at most {limit}", {"target": limit}
        case Kind.MinItems(limit):
            return "minItems", f"must have at least {_count(limit, 'item')}", {"target": limit}
        case Kind.MaxItems(limit):
            return "maxItems", f"must have at most {_count(limit, 'item')}", {"target": limit}
        case Kind.UniqueItems():
            return "uniqueItems", "must not hold the same item twice", {}
        case Kind.Pattern(pattern):
            return "pattern", f"must match {pattern}", {"target": pattern}
        case Kind.Format(name):
            return "wrong_format", f"must be a valid {name}", {"format": name}
        case Kind.OneOfNotValid(context):
            return "not_one_schema_valid", "fits none of the allowed forms", {"target": _forms(context)}
        case Kind.OneOfMultipleValid():
            return "more_than_one_schema_valid", "fits more than one of the allowed forms", {}
        case Kind.AnyOf(context):
            return "any_schemas_not_valid", "fits none of the allowed forms", {"target": _forms(context)}
    return kind.name, f"breaks the rule {kind.name}", {}


def _forms(context: Sequence[Sequence[jsonschema_rs.ValidationError]]) -> list[str]:
    """What each of the alternatives asks for, by the first rule of it that is broken."""
    return [text for errors in context for text in _first(errors)]


def _first(errors: Sequence[jsonschema_rs.ValidationError]) -> Iterator[str]:
    for error in errors[:1]:
        for found in in_crossbar_terms(error, ()):
            yield f"{found.field} {found.message}".strip()
            return


def _shown(path: tuple[Step, ...], value: Any) -> dict[str, Any]:
    if isinstance(value, dict | list) or not SECRETS.isdisjoint(path):
        return {}
    if isinstance(value, str) and len(value) > MAX_SHOWN:
        return {"value": value[:MAX_SHOWN] + "…"}
    return {"value": value}


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
