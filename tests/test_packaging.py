"""The wheel: nothing but `mirliton` in it, and all of it."""

from __future__ import annotations

import fnmatch
import importlib.metadata
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest

SETUPTOOLS = tomllib.loads(Path(__file__).parents[1].joinpath("pyproject.toml").read_text())["tool"]["setuptools"]
FOLDERS: tuple[str, ...] = tuple(SETUPTOOLS["package-dir"].values())
PACKAGES: list[str] = SETUPTOOLS["packages"]
NOT_SHIPPED = ("__pycache__", "*.pyc")
BUILD_TIMEOUT = 300


@pytest.fixture(scope="module")
def wheel(root, tmp_path_factory) -> Path:
    """The wheel, built as pip builds it for a user, from a copy: a build writes into its source tree."""
    source = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(root / name, source / name)
    for folder in FOLDERS:
        shutil.copytree(root / folder, source / folder, ignore=shutil.ignore_patterns(*NOT_SHIPPED))
    target = tmp_path_factory.mktemp("wheel")
    built = _python("-m", "pip", "wheel", "--no-deps", "--wheel-dir", str(target), str(source))
    assert built.returncode == 0, built.stdout + built.stderr
    [path] = target.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def names(wheel) -> set[str]:
    """The files in the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """A folder into which the wheel alone is installed."""
    target = tmp_path_factory.mktemp("site")
    done = _python("-m", "pip", "install", "--no-deps", "--quiet", "--target", str(target), str(wheel))
    assert done.returncode == 0, done.stdout + done.stderr
    return target


def _python(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=BUILD_TIMEOUT, cwd=cwd, check=False
    )


def _in_wheel_only(installed: Path, code: str) -> subprocess.CompletedProcess[str]:
    """Run `code` where mirliton is the installed wheel; without site, so that the editable install is not seen."""
    paths = [str(installed), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    return _python("-I", "-S", "-c", f"import sys; sys.path += {paths!r}\n{code}", cwd=installed)


def _shipped(root: Path, pattern: str) -> set[str]:
    """The files below the folders that match, by their names in the wheel."""
    return {
        "mirliton/" + path.relative_to(root).as_posix()
        for folder in FOLDERS
        for path in (root / folder).rglob("*")
        if path.is_file() and fnmatch.fnmatch(path.name, pattern) and "__pycache__" not in path.parts
    }


@pytest.mark.timeout(BUILD_TIMEOUT)
def test_the_only_name_that_the_wheel_brings_is_mirliton(names):
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"mirliton"}
    assert len(tops) == 2


@pytest.mark.timeout(BUILD_TIMEOUT)
def test_every_source_file_is_in_the_wheel(root, names):
    assert {name for name in names if name.endswith(".py")} == _shipped(root, "*.py")


def test_every_folder_with_sources_is_in_the_list_of_packages(root):
    folders = {path.parent for folder in FOLDERS for path in (root / folder).rglob("*.py")}
    packages = {".".join(("mirliton", *folder.relative_to(root).parts)) for folder in folders}
    assert packages == set(PACKAGES)


def test_every_package_has_an_init_that_says_what_is_in_it(root):
    for package in PACKAGES:
        init = root.joinpath(*package.split(".")[1:], "__init__.py")
        assert init.is_file(), f"{init} is missing"
        assert init.read_text().startswith('"""'), f"{init} does not open with a map of its folder"


@pytest.mark.timeout(BUILD_TIMEOUT)
def test_the_wheel_has_what_operators_copy_and_what_validates_documents(root, names):
    for folder, pattern in (("config/schemas", "*.json"), ("config/freeswitch", "*")):
        files = {name for name in _shipped(root, pattern) if name.startswith(f"mirliton/{folder}/")}
        assert files, f"there is nothing in {folder}"
        assert files <= names


@pytest.mark.timeout(BUILD_TIMEOUT)
def test_each_folder_says_that_it_is_typed(names):
    assert {f"mirliton/{folder}/py.typed" for folder in FOLDERS} <= names


@pytest.mark.timeout(BUILD_TIMEOUT)
def test_every_package_can_be_imported_from_the_wheel(installed):
    code = f"import importlib\nfor name in {PACKAGES!r}:\n    print(importlib.import_module(name).__file__)\n"
    done = _in_wheel_only(installed, code)
    assert done.returncode == 0, done.stderr
    assert all(line.startswith(str(installed)) for line in done.stdout.splitlines())
    assert len(done.stdout.splitlines()) == len(PACKAGES)


@pytest.mark.timeout(BUILD_TIMEOUT)
def test_the_wheel_installs_the_command(installed):
    assert (installed / "bin" / "mirliton").is_file()
    [entry] = importlib.metadata.Distribution.at(next(installed.glob("*.dist-info"))).entry_points
    assert (entry.group, entry.name) == ("console_scripts", "mirliton")
    done = _in_wheel_only(installed, f"from {entry.module} import {entry.attr}; print(callable({entry.attr}))")
    assert done.stdout == "True\n", done.stderr


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_bare_name_is_refused_with_the_right_one(root, folder):
    done = _python("-c", f"import {folder}", cwd=root)
    assert done.returncode == 1
    assert f"ImportError: import mirliton.{folder}, not {folder}: " in done.stderr
