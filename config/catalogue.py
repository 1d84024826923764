"""The document schemas: Kazoo's, as JSON Schema draft 4, one file each in `schemas/`.

Names, types, defaults, limits and enumerations are Kazoo's; its prose is left out. A `$ref` names another file
of the folder and nothing else: no address is ever fetched. The files are read once, at the first use.

`kazoo-validation` is Kazoo's own keyword: at `module` and `data` of a callflow action or metaflow it says that
`data` must fit the schema of that module (`callflows.play` for `play`). `families` tells which schemas those are.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from mirliton.config.errors import UnknownSchema

Schema = Mapping[str, Any]

FOLDER = Path(__file__).resolve().parent / "schemas"

families: Mapping[str, str] = {"callflows.action": "callflows", "metaflow": "metaflows"}
"""Schemas whose `data` is described by the schema named by their `module`, with the prefix of its name."""

# POSIX classes are Perl's; ECMA 262 reads [[:alnum:]_] as something else, without an error.
_POSIX_CLASSES = {
    "[:alnum:]": "0-9A-Za-z",
    "[:alpha:]": "A-Za-z",
    "[:digit:]": "0-9",
    "[:lower:]": "a-z",
    "[:upper:]": "A-Z",
    "[:xdigit:]": "0-9A-Fa-f",
}


@cache
def schema_names() -> frozenset[str]:
    """The names of all shipped schemas."""
    return frozenset(path.stem for path in FOLDER.glob("*.json"))


@cache
def raw(name: str) -> Schema:
    """The schema as shipped. It is shared: do not change it. Raises `UnknownSchema`."""
    # Names can come out of documents ("callflows." + module), so only listed ones may reach the disk.
    if name not in schema_names():
        raise UnknownSchema(name, schema_names())
    document: Schema = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return document


def schema(name: str) -> dict[str, Any]:
    """A copy of the schema as shipped, to show or to change. Raises `UnknownSchema`."""
    return copy.deepcopy(dict(raw(name)))


def portable_pattern(pattern: str) -> str:
    """`pattern`, written for Perl's engine in Kazoo, so that an ECMA 262 engine reads it the same way."""
    for posix, portable in _POSIX_CLASSES.items():
        pattern = pattern.replace(posix, portable)
    return pattern


def target(node: Schema) -> Schema:
    """The schema that `node` stands for: the referenced file's where it has a `$ref` (draft 4: alone)."""
    while "$ref" in node:
        node = raw(node["$ref"])
    return node


@cache
def _key_pattern(pattern: str) -> re.Pattern[str]:
    # `$` also matches before a last newline in Python; JSON Schema's does not. \w is ASCII in Kazoo.
    portable = portable_pattern(pattern)
    if portable.endswith("$"):
        portable = portable[:-1] + r"\Z"
    return re.compile(portable, re.ASCII)


def subschemas(node: Schema, key: str) -> Iterator[Schema]:
    """The schemas which `node` (a resolved one) puts on the value at `key` of an object.

    Alternatives (`oneOf`, `anyOf`) are not entered: which one is meant is the validator's to say.
    """
    found = False
    if key in node.get("properties", {}):
        found = True
        yield node["properties"][key]
    for pattern, below in node.get("patternProperties", {}).items():
        if _key_pattern(pattern).search(key):
            found = True
            yield below
    extra = node.get("additionalProperties")
    if not found and isinstance(extra, Mapping):
        yield extra
