"""Loads the replay harness beside this file: with pytest's importlib mode a test folder is no package."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

NAME = "mirliton_otp_replay"


@pytest.fixture(scope="session")
def difference() -> Callable[..., Any]:
    """`await difference(scenario, results)`: where ours goes another way than real Erlang went, in words."""
    if NAME not in sys.modules:
        folder = Path(__file__).parent / "replay"
        spec = importlib.util.spec_from_file_location(
            NAME, folder / "__init__.py", submodule_search_locations=[str(folder)]
        )
        assert spec is not None and spec.loader is not None
        package = sys.modules[NAME] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(package)
    return sys.modules[NAME].difference
