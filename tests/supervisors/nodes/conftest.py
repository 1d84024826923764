"""A node supervisor in a process of its own: world.py."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import supervised

WORLD = Path(__file__).parent / "world.py"


@pytest.fixture
def watching_end() -> Callable[[int], contextlib.AbstractContextManager[Callable[[], bool]]]:
    """`with watching_end(pid) as ended:` then `ended()` waits until that very process has ended."""
    return supervised.watching_end


@pytest.fixture
def supervise() -> Iterator[Callable[..., supervised.Supervised]]:
    """Start world.py: `supervise({"name": "a", "main": "world:node"}, intensity=3)`; it is ended with the test.

    `environment` is added to its own.
    """
    with contextlib.ExitStack() as stack:

        def start(
            *programs: dict[str, Any],
            stdin: int = subprocess.DEVNULL,
            environment: Mapping[str, str] | None = None,
            **settings: Any,
        ) -> supervised.Supervised:
            command = [sys.executable, str(WORLD), json.dumps({"programs": programs, **settings})]
            parent = supervised.Supervised(command, stdin=stdin, env={**os.environ, **(environment or {})})
            stack.callback(parent.close)
            return parent

        yield start
