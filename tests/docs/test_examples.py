"""Every example of the documentation runs, and gives what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

import doc_examples

ROOT = Path(__file__).parents[2]
PAGES = sorted(str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md"))


@pytest.mark.parametrize("page", PAGES)
def test_the_examples_of_a_page_run(page: str) -> None:
    blocks = doc_examples.blocks_of_page((ROOT / "docs" / page).read_text())
    if blocks:
        assert doc_examples.run(blocks, page) > 0, "nothing on this page is checked"


def test_a_wrong_answer_is_found() -> None:
    page = "```python\n1 + 1  # 3\n```\n"
    with pytest.raises(AssertionError, match="says 3, but it is 2"):
        doc_examples.run(doc_examples.blocks_of_page(page), "page.md")


def test_an_exception_that_does_not_come_is_missed() -> None:
    page = "```python\nint('1')  # raises ValueError: it is no number\n```\n"
    with pytest.raises(AssertionError, match="raises nothing"):
        doc_examples.run(doc_examples.blocks_of_page(page), "page.md")


def test_an_error_tells_the_line_of_the_page() -> None:
    page = "# Title\n\n```python\nimport math\nmath.sqrt(-1)\n```\n"
    with pytest.raises(ValueError) as error:
        doc_examples.run(doc_examples.blocks_of_page(page), "page.md")
    assert any((str(frame.path), frame.lineno + 1) == ("page.md", 5) for frame in error.traceback)


def test_a_comment_that_promises_nothing_is_a_comment() -> None:
    page = "```python\nprint  # shows it\n```\n"
    assert doc_examples.run(doc_examples.blocks_of_page(page), "page.md") == 0
