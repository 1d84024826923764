"""What the README says is true."""

import re
from pathlib import Path

import pytest

import doc_examples
from doc_examples import Block


@pytest.fixture(scope="module")
def readme(root: Path) -> str:
    return (root / "README.md").read_text()


def test_its_example_of_the_runtime_runs(readme: str) -> None:
    run_it = Block("await main()\n", 1)
    assert doc_examples.run([*doc_examples.blocks_of_page(readme), run_it], "README.md") == 2


def test_every_make_target_and_file_it_names_exists(readme: str, root: Path) -> None:
    targets = set(re.findall(r"`?make (\w+)`?", readme))
    makefile = (root / "Makefile").read_text()
    assert {target for target in targets if not re.search(rf"^{target}:", makefile, re.M)} == set()
    links = re.findall(r"\]\(([A-Za-z][\w./-]*)\)", readme)
    assert [link for link in links if not (root / link).exists()] == []


def test_every_command_it_shows_is_one(readme: str) -> None:
    from mirliton.api.cli.command import command_names

    shown = set(re.findall(r"\.venv/bin/mirliton (\w+)", readme))
    assert shown <= set(command_names())
