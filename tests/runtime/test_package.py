"""The public face of mirliton.runtime."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import mirliton.runtime
import mirliton.runtime.testing


@pytest.mark.parametrize("module", [mirliton.runtime, mirliton.runtime.testing])
def test_everything_exported_is_there_and_sorted(module: object) -> None:
    names = list(module.__all__)
    assert len(set(names)) == len(names)
    for name in names:
        assert hasattr(module, name)


@pytest.mark.skipif(mirliton.runtime.COMPILED, reason="mypyc leaves the docstrings of classes out")
def test_every_exported_class_and_function_is_documented() -> None:
    bare = []
    for name in mirliton.runtime.__all__:
        value = getattr(mirliton.runtime, name)
        if (inspect.isclass(value) or inspect.isfunction(value)) and not inspect.getdoc(value):
            bare.append(name)
    assert bare == []


def test_every_public_method_of_a_process_is_documented() -> None:
    bare = []
    for cls in (mirliton.runtime.Process, mirliton.runtime.GenServer, mirliton.runtime.CoroutineProcess):
        for name, value in vars(cls).items():
            if not name.startswith("_") and inspect.isfunction(value) and not value.__doc__:
                bare.append(f"{cls.__name__}.{name}")
    assert [name for name in bare if not name.endswith("receiveMessage")] == []


def test_the_bare_name_is_refused(root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import runtime"], cwd=root, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode != 0
    assert "import mirliton.runtime, not runtime" in done.stderr


def test_the_runtime_knows_nothing_of_what_stands_on_it(root: Path) -> None:
    for file in (root / "runtime").rglob("*.py"):
        for line in file.read_text().splitlines():
            if line.lstrip().startswith(("import mirliton", "from mirliton")):
                assert "mirliton.runtime" in line, f"{file}: {line}"


def test_every_module_imports_on_its_own(root: Path) -> None:
    modules = [path.stem for path in (root / "runtime").glob("*.py") if path.stem != "__init__"]
    for module in modules:
        importlib.import_module(f"mirliton.runtime.{module}")
