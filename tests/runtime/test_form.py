"""The two forms of the runtime: which one is under test, and that it is made of the sources beside it."""

from __future__ import annotations

import ast
import importlib
import os
from pathlib import Path

import pytest

from mirliton.runtime import COMPILED, scheduler


def _compiled_modules(root: Path) -> tuple[str, ...]:
    for node in ast.parse((root / "setup.py").read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "MODULES":
            modules: tuple[str, ...] = ast.literal_eval(node.value)
            return modules
    raise AssertionError("setup.py says no MODULES")


def test_the_form_under_test_is_the_one_that_was_asked_for() -> None:
    assert COMPILED is (os.environ.get("MIRLITON_FORM", "pure") == "compiled")


def test_all_of_the_message_path_is_compiled_or_nothing(root: Path) -> None:
    modules = _compiled_modules(root)
    assert len(modules) > 5
    for name in modules:
        module = importlib.import_module(f"mirliton.runtime.{name}")
        assert str(module.__file__).endswith(".py") is not COMPILED, name


@pytest.mark.skipif(not COMPILED, reason="the pure form runs the sources themselves; make test-compiled compares")
def test_what_is_compiled_is_what_stands_in_the_sources(root: Path) -> None:
    built = Path(str(scheduler.__file__)).parent
    for source in (root / "runtime").rglob("*.py"):
        copy = built / source.relative_to(root / "runtime")
        assert copy.read_bytes() == source.read_bytes(), f"{source.name} has changed: make compiled"


def test_the_sources_hold_no_extension_modules(root: Path) -> None:
    assert not list((root / "runtime").rglob("*.so"))
