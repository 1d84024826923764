"""The site builds without a warning, and everything that users may import is in it."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from mirliton import runtime, supervisors


@pytest.fixture(scope="module")
def site(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("sphinx")
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-d", str(out / ".doctrees")]
    done = subprocess.run([*command, str(root / "docs"), str(out)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return out


@pytest.mark.timeout(150)
@pytest.mark.parametrize(("package", "page"), [(runtime, "runtime"), (supervisors, "supervisors")])
def test_everything_that_is_exported_is_in_the_reference(site: Path, package: object, page: str) -> None:
    shown = (site / "reference" / f"{page}.html").read_text()
    names = [name for name in package.__all__ if inspect.isclass(getattr(package, name))]  # type: ignore[attr-defined]
    assert [name for name in names if f"{name}</span>" not in shown] == []


def test_the_pages_of_the_folder_are_all_in_the_site(site: Path, root: Path) -> None:
    docs = root / "docs"
    pages = [page.relative_to(docs).with_suffix(".html") for page in docs.rglob("*.md")]
    assert [page for page in pages if not (site / page).is_file()] == []
