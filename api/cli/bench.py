"""`mirliton bench`: measure this machine. The benchmark comes with the source tree, not with the installed package."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from mirliton.api.cli.errors import CommandError


class NoCheckout(CommandError):
    """This is an installed package without the source tree around it."""

    def __init__(self, root: Path) -> None:
        super().__init__(
            f"the benchmark comes with the source tree, and {root} is none: "
            "get a checkout and run `make bench` (or `python -m tests.bench`) there"
        )


def run_bench(arguments: Sequence[str], root: Path | None = None) -> int:
    """Run the checkout's benchmark with these arguments; its exit status. Raises NoCheckout."""
    root = root or Path(__file__).resolve().parents[2]
    if not (root / "tests" / "bench" / "__main__.py").is_file():
        raise NoCheckout(root)
    return subprocess.call([sys.executable, "-m", "tests.bench", *arguments], cwd=root)  # noqa: S603 - our own program
