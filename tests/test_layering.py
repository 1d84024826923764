"""The house's order: which folder may import which, and that what is imported from outside is declared."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

# From the bottom up; each imports only those before it.
ORDER = ("runtime", "supervisors", "actors", "ecallmgr", "whapps", "api")
# Reads nothing of ours, and is read from here on.
SETTINGS = "config"
MAY_READ_SETTINGS = ORDER[ORDER.index("actors") :]
FOLDERS = (*ORDER, SETTINGS)


@dataclass(frozen=True)
class Import:
    """One imported module, by its absolute dotted name; `level` counts the dots of a relative import."""

    file: Path
    line: int
    module: str
    level: int = 0


def imports_of(root: Path, file: Path) -> Iterator[Import]:
    """Every import statement, wherever it stands, and every import_module of a literal name."""
    relative = file.relative_to(root)
    for node in ast.walk(ast.parse(file.read_text(), str(file))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(relative, node.lineno, alias.name)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(relative, node)
            # `from mirliton import runtime` and `from .. import actors` name the module last.
            for alias in node.names:
                yield Import(relative, node.lineno, f"{base}.{alias.name}" if base else alias.name, node.level)
        elif isinstance(node, ast.Call) and _called(node) in ("import_module", "__import__") and node.args:
            name = node.args[0]
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                yield Import(relative, node.lineno, name.value)


def _absolute(file: Path, node: ast.ImportFrom) -> str:
    if node.level == 0:
        return node.module or ""
    package = ["mirliton", *file.parent.parts]
    parts = [*package[: len(package) - node.level + 1], *([node.module] if node.module else [])]
    return ".".join(parts)


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def sources(root: Path) -> list[Path]:
    """The product's Python files."""
    return [file for folder in FOLDERS for file in sorted((root / folder).rglob("*.py"))]


def layering_faults(root: Path) -> list[str]:
    """One line for each import of ours that the order forbids."""
    faults = []
    for file in sources(root):
        here = file.relative_to(root).parts[0]
        for found in imports_of(root, file):
            first, _, rest = found.module.partition(".")
            there = rest.partition(".")[0]
            where = f"{found.file}:{found.line}"
            if first in FOLDERS:
                faults.append(f"{where}: imports {found.module}; write mirliton.{found.module}")
            elif first == "mirliton" and there not in FOLDERS:
                faults.append(f"{where}: imports {found.module}, which is no folder of ours")
            elif first == "mirliton" and not _may_import(here, there):
                faults.append(f"{where}: {here} may not import {there}")
    return faults


def _may_import(here: str, there: str) -> bool:
    if here == there:
        return True
    if there == SETTINGS:
        return here in MAY_READ_SETTINGS
    return here != SETTINGS and ORDER.index(there) < ORDER.index(here)


def foreign_faults(root: Path, files: list[Path], declared: set[str]) -> list[str]:
    """One line for each third-party import whose distribution is not among `declared`."""
    providers = packages_distributions()
    faults = []
    for file in files:
        for found in imports_of(root, file):
            top = found.module.partition(".")[0]
            if found.level or top in sys.stdlib_module_names or top in ("mirliton", *FOLDERS, "tests"):
                continue
            # What is not installed (the bench extra, say) is taken to be called as it is imported.
            if declared.isdisjoint(map(_normal, providers.get(top, [top]))):
                faults.append(f"{found.file}:{found.line}: imports {top}, which pyproject.toml does not declare")
    return faults


def _normal(distribution: str) -> str:
    """PEP 503's normal form of a distribution's name."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def _declared(root: Path, *extras: str) -> set[str]:
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    lists = [project["dependencies"], *(project["optional-dependencies"][extra] for extra in extras)]
    names = (re.match(r"[\w.-]+", requirement) for requirements in lists for requirement in requirements)
    return {_normal(name[0]) for name in names if name}


def test_the_order_has_every_folder_that_ships(root):
    mapping = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["setuptools"]["package-dir"]
    assert mapping == {f"mirliton.{folder}": folder for folder in FOLDERS}


def test_each_folder_imports_only_those_before_it(root):
    assert layering_faults(root) == []


def test_what_is_imported_from_outside_is_declared(root):
    extras = {"observe": root / "api" / "cli" / "observe", "testing": root / "supervisors" / "testing" / "plugin.py"}
    optional = {
        file: extra for extra, place in extras.items() for file in sources(root) if place in (file, *file.parents)
    }
    assert foreign_faults(root, [file for file in sources(root) if file not in optional], _declared(root)) == []
    for extra in extras:
        files = [file for file, needs in optional.items() if needs == extra]
        assert files
        assert foreign_faults(root, files, _declared(root, extra)) == []


def test_what_the_tests_import_from_outside_is_declared(root):
    files = sorted((root / "tests").rglob("*.py"))
    # A program that a test runs as a process imports its neighbours by their own names.
    neighbours = {file.parent.name if file.name == "__init__.py" else file.stem for file in files}
    faults = foreign_faults(root, files, _declared(root, "dev", "bench"))
    assert [fault for fault in faults if fault.split("imports ")[1].split(",")[0] not in neighbours] == []


def test_no_test_imports_a_folder_by_its_bare_name(root):
    faults = [
        f"{found.file}:{found.line}: imports {found.module}"
        for file in sorted((root / "tests").rglob("*.py"))
        for found in imports_of(root, file)
        if found.level == 0 and found.module.partition(".")[0] in FOLDERS
    ]
    assert faults == []


@pytest.mark.parametrize(
    ("file", "statement", "fault"),
    [
        ("runtime/a.py", "import mirliton.supervisors", "runtime may not import supervisors"),
        ("runtime/a.py", "def f():\n    from mirliton.actors import x", "runtime may not import actors"),
        ("runtime/a.py", "from mirliton import config", "runtime may not import config"),
        ("runtime/sub/a.py", "from ... import api", "runtime may not import api"),
        ("supervisors/a.py", "import mirliton.config.settings", "supervisors may not import config"),
        ("supervisors/a.py", "import_module('mirliton.actors')", "supervisors may not import actors"),
        ("ecallmgr/a.py", "from ..whapps import x", "ecallmgr may not import whapps"),
        ("config/a.py", "import mirliton.runtime", "config may not import runtime"),
        ("api/a.py", "import runtime.node", "imports runtime.node; write mirliton.runtime.node"),
        ("api/a.py", "from config import x", "imports config.x; write mirliton.config.x"),
        ("api/a.py", "import mirliton.tests", "imports mirliton.tests, which is no folder of ours"),
    ],
)
def test_the_guard_sees_a_wrong_import(tmp_path, file, statement, fault):
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    path.write_text(statement + "\n")
    [found] = layering_faults(tmp_path)
    assert found.endswith(fault)


@pytest.mark.parametrize(
    ("file", "statement"),
    [
        ("runtime/a.py", "from .b import c"),
        ("runtime/testing/a.py", "from .. import node"),
        ("supervisors/a.py", "from mirliton.runtime import Pid"),
        ("actors/a.py", "from mirliton.config import x"),
        ("api/cli/a.py", "from mirliton import whapps, config, runtime"),
        ("config/a.py", "from mirliton.config import b"),
    ],
)
def test_the_guard_lets_a_right_import_pass(tmp_path, file, statement):
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    path.write_text(statement + "\n")
    assert layering_faults(tmp_path) == []


def test_the_guard_sees_an_undeclared_package(tmp_path):
    file = tmp_path / "runtime" / "a.py"
    file.parent.mkdir()
    file.write_text("import os\nimport pytest\nfrom . import b\n")
    [fault] = foreign_faults(tmp_path, [file], {"aiohttp"})
    assert fault == "runtime/a.py:2: imports pytest, which pyproject.toml does not declare"
    assert foreign_faults(tmp_path, [file], {"pytest"}) == []
