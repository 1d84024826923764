"""The shipped schemas say what Kazoo's say, less the prose."""

import json
from pathlib import Path
from typing import Any

import pytest

from mirliton.config import schema, schema_names

PROSE = {"description", "title", "support_level"}
NAMED = {"properties", "patternProperties"}


def without_prose(node: Any, names: bool = False) -> Any:
    if isinstance(node, dict):
        return {
            key: without_prose(value, not names and key in NAMED)
            for key, value in node.items()
            if names or key not in PROSE
        }
    return [without_prose(item) for item in node] if isinstance(node, list) else node


@pytest.mark.parametrize("name", sorted(schema_names()))
def test_a_schema_equals_kazoos(name: str, reference: Path) -> None:
    kazoo = json.loads((reference / "kazoo-schemas" / f"{name}.json").read_text(encoding="utf-8"))
    assert schema(name) == without_prose(kazoo)


def test_fields_that_are_called_like_prose_are_kept() -> None:
    assert "title" in schema("profile")["properties"]
    assert "description" in schema("media")["properties"]


@pytest.mark.parametrize("name", sorted(schema_names()))
def test_no_prose_is_shipped(name: str) -> None:
    assert schema(name) == without_prose(schema(name))


def test_all_metaflow_actions_of_kazoo_are_shipped(reference: Path) -> None:
    kazoo = {path.stem for path in (reference / "kazoo-schemas").glob("metaflows*.json")}
    assert kazoo <= schema_names()
