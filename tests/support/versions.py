"""Two versions of Mirliton beside each other: wheels of this tree under other version numbers, each installed in a
virtual environment of its own, which finds everything else where the tests do. No network is needed.

A wheel differs from the tree in its number alone: there is one version of the wire and of what is stored so far.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
TIMEOUT: Final = 300.0
NOT_SHIPPED: Final = ("__pycache__", "*.pyc")


@dataclass(frozen=True)
class Installed:
    """A version, and the interpreter that runs it."""

    version: str
    python: Path

    def command(self, *words: str) -> list[str]:
        """`mirliton` and these words."""
        return [str(self.python), "-c", "import sys; from mirliton.api.cli import main; sys.exit(main())", *words]


def this_version() -> str:
    """What pyproject.toml says."""
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"])


def version_before() -> str:
    """One that is lower."""
    major, minor, _ = map(int, this_version().split("."))
    return f"{major}.{minor - 1}.9" if minor else f"{major - 1}.9.9"


def install(version: str, folder: Path) -> Installed:
    """Build the tree as this version, and install it below `folder`. Raises AssertionError with what pip says."""
    source, wheels, home = folder / "source", folder / "wheels", folder / "venv"
    pyproject = (ROOT / "pyproject.toml").read_text()
    source.mkdir(parents=True)
    for name in ("README.md", "LICENSE", "setup.py"):
        shutil.copy(ROOT / name, source / name)
    for each in tomllib.loads(pyproject)["tool"]["setuptools"]["package-dir"].values():
        shutil.copytree(ROOT / each, source / each, ignore=shutil.ignore_patterns(*NOT_SHIPPED))
    (source / "pyproject.toml").write_text(
        re.sub(r'(?m)^version = ".*"$', f'version = "{version}"', pyproject, count=1)
    )
    _run(sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-w", str(wheels), str(source))
    _run(sys.executable, "-m", "venv", "--without-pip", str(home))
    site = home / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    (wheel,) = wheels.glob("*.whl")
    _run(sys.executable, "-m", "pip", "install", "--no-deps", "--target", str(site), str(wheel))
    # A path in a .pth file adds that folder and reads no .pth file there, so the editable install stays out of it.
    (site / "of_the_tests.pth").write_text("".join(f"{sysconfig.get_path(each)}\n" for each in ("purelib", "platlib")))
    return Installed(version, home / "bin" / "python")


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert done.returncode == 0, f"{' '.join(command)}:\n{done.stdout}{done.stderr}"
