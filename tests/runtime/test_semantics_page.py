"""docs/semantics.md: what it names as its proof exists."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest


@pytest.fixture
def page(root: Path) -> str:
    return (root / "docs" / "semantics.md").read_text()


def test_every_test_module_that_the_page_names_is_there(root: Path, page: str) -> None:
    named = set(re.findall(r"[\w/.]*test_\w+\.py", page))
    assert len(named) > 10
    assert [name for name in named if not (root / "tests" / "runtime" / name).is_file()] == []


def test_every_section_names_the_tests_that_hold_it(page: str) -> None:
    sections = page.split("\n## ")[1:-1]
    assert sections
    assert [section.partition("\n")[0] for section in sections if "test_" not in section] == []


def test_the_page_counts_the_replayed_scenarios_right(reference: Path, page: str) -> None:
    claimed = re.search(r"(\d+) recorded scenarios", page)
    assert claimed is not None
    index = json.loads((reference / "otp-traces" / "index.json").read_text())["scenarios"]
    assert int(claimed[1]) == len(index)
