"""Kazoo's own tables, to hold ours against."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def kazoo_kapi(reference: Path) -> dict[str, list[dict[str, Any]]]:
    """Kazoo's definitions by module."""
    found: dict[str, list[dict[str, Any]]] = json.loads((reference / "kazoo-kapi.json").read_text())["modules"]
    return found


@pytest.fixture(scope="session")
def kazoo_schema(reference: Path) -> Callable[[str], dict[str, Any]]:
    """Kazoo's JSON schema of this name."""

    def load(name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((reference / "kazoo-schemas" / f"{name}.json").read_text())
        return found

    return load
