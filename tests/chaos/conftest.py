"""What a chaos run says on the terminal: one line per run, whatever else is captured."""

from __future__ import annotations

from collections.abc import Callable

import pytest


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Print a line past pytest's capture."""

    def write(line: str) -> None:
        with capsys.disabled():
            print(f"\n{line}")

    return write
