"""Defaults, applied as Kazoo's validator applies them.

A missing property takes its schema's `default` where that has one of the type the schema asks for. So an object
whose default is `{}` comes to be and takes the defaults inside it, and one without a default stays away:

    >>> with_defaults("menus", {"name": "main"})["max_extension_length"]
    4

An explicit null is a value, not a gap. In a callflow the `data` of each action takes the defaults of its module.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from mirliton.config.catalogue import Schema, families, raw, schema_names, subschemas, target
from mirliton.config.errors import InvalidDocument, ValidationError
from mirliton.config.guard import unusable

_TYPES: dict[str, type | tuple[type, ...]] = {
    "array": list,
    "boolean": bool,
    "integer": int,
    "null": type(None),
    "number": (int, float),
    "object": dict,
    "string": str,
}


def with_defaults(name: str, document: Mapping[str, Any]) -> dict[str, Any]:
    """A deep copy of `document` with what it lacks filled in from the schema `name`.

    Only fills gaps: an invalid document comes back filled and as invalid as before. Raises `UnknownSchema`, and
    `InvalidDocument` for what is no JSON object or is too large to be handled (see `guard`).
    """
    schema = raw(name)
    problems = unusable(document)
    if problems:
        raise InvalidDocument(name, problems)
    filled = _fill(schema, document)
    if not isinstance(filled, dict):
        raise InvalidDocument(name, [ValidationError((), "type", "must be of type object", {"target": "object"})])
    return filled


def defaults(name: str) -> dict[str, Any]:
    """The document that has nothing but the defaults of the schema `name`. Raises `UnknownSchema`."""
    return with_defaults(name, {})


def _fill(node: Schema, value: Any) -> Any:
    node = target(node)
    if isinstance(value, dict):
        filled = {key: _fill_all(node, key, item) for key, item in value.items()}
        for key, below in node.get("properties", {}).items():
            if key not in filled and _applies(below):
                filled[key] = _fill(below, copy.deepcopy(below["default"]))
        return _fill_data(node, filled)
    if isinstance(value, list):
        items = node.get("items")
        return [_fill(items, item) if isinstance(items, Mapping) else copy.deepcopy(item) for item in value]
    return value


def _fill_all(node: Schema, key: str, item: Any) -> Any:
    below = list(subschemas(node, key))
    if not below:
        return copy.deepcopy(item)
    for schema in below:
        item = _fill(schema, item)
    return item


def _fill_data(node: Schema, action: dict[str, Any]) -> dict[str, Any]:
    family = families.get(node.get("_id", ""))
    name = f"{family}.{action.get('module')}"
    if family and name in schema_names() and name not in families and "data" in action:
        action["data"] = _fill(raw(name), action["data"])
    return action


def _applies(node: Schema) -> bool:
    # As in Kazoo's validator: a default without a stated type, or of another one, is not applied.
    if "default" not in node or "type" not in node:
        return False
    default = node["default"]
    types = node["type"] if isinstance(node["type"], list) else [node["type"]]
    if isinstance(default, bool):
        return "boolean" in types
    return any(isinstance(default, _TYPES[name]) for name in types)
