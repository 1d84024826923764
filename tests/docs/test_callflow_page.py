"""docs/callflow.md tells of every action that there is, and of no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mirliton.config import schema_names
from mirliton.whapps.callflow.actions import ACTIONS

_ROW = re.compile(r"^\| `(\w+)` \|([^|]*)\|([^|]*)\|([^|]*)\|$", re.MULTILINE)


@pytest.fixture(scope="module")
def rows(root: Path) -> dict[str, tuple[str, ...]]:
    page = (root / "docs" / "callflow.md").read_text(encoding="utf-8")
    return {name: tuple(cell.strip() for cell in cells) for name, *cells in _ROW.findall(page)}


def test_the_table_has_every_action_and_no_other(rows: dict[str, tuple[str, ...]]) -> None:
    assert list(rows) == sorted(ACTIONS)


@pytest.mark.parametrize("name", sorted(ACTIONS))
def test_it_says_what_a_kill_costs(rows: dict[str, tuple[str, ...]], name: str) -> None:
    assert rows[name][1]


@pytest.mark.parametrize("name", sorted(ACTIONS))
def test_children_in_the_table_are_those_that_the_action_tells_of(rows: dict[str, tuple[str, ...]], name: str) -> None:
    """A key in the table stands in the docstring of the action, or is that of the action that it refers to."""
    children = rows[name][0]
    told = " ".join((ACTIONS[name].__doc__ or "").split())
    assert [key for key in re.findall(r"`(\w+)`", children) if f"`{key}`" not in told] == []


@pytest.mark.parametrize("name", sorted(ACTIONS))
def test_every_action_has_its_schema(name: str) -> None:
    assert f"callflows.{name}" in schema_names()
