"""Erlang/OTP, where `erl` is installed: our own small sources in erlang/, compiled into a temporary folder.

One scheduler without busy waiting is what compares with one Python process: ratios are to that. What the same work
does on all cores stands beside it.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

from tests.bench.measuring import Figures

SOURCES: Final = Path(__file__).parent / "erlang"
ONE_SCHEDULER: Final = ("+S", "1:1", "+sbwt", "none", "+sbwtdcpu", "none", "+sbwtdio", "none")
ALL_SCHEDULERS: Final = ()


def missing() -> str | None:
    """What keeps Erlang from being measured here; None when nothing does."""
    absent = [program for program in ("erl", "erlc") if shutil.which(program) is None]
    return f"no {' and no '.join(absent)} on the PATH (Debian: apt-get install erlang-base)" if absent else None


def build(folder: Path) -> None:
    """Compile the sources into a folder."""
    sources = sorted(map(str, SOURCES.glob("*.erl")))
    done = subprocess.run(
        ["erlc", "-o", str(folder), *sources], capture_output=True, text=True, timeout=60, check=False
    )
    if done.returncode != 0:
        raise SystemExit(f"the Erlang side does not compile:\n{done.stdout}{done.stderr}")


def command(folder: Path, schedulers: tuple[str, ...], work: str, count: int) -> list[str]:
    """What to run for one measurement."""
    quiet = ("-noinput", "-kernel", "logger_level", "critical")
    return ["erl", *schedulers, *quiet, "-pa", str(folder), "-run", "bench", "main", work, str(count)]


def figures(output: str) -> Figures:
    """The figures that a measurement has printed, by name."""
    return {name: float(value) for name, value in map(str.split, output.splitlines())}
