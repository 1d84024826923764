"""The versions as they come to a machine: wheels that pip has installed, in place or into a folder of their own."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from mirliton.supervisors import UpgradeFailed
from shop import ONE, PACKAGE, THREE, TWO, changed, write

PIP_TIMEOUT = 120

METADATA = "Metadata-Version: 2.1\nName: example-shop\nVersion: {version}\n"
WHEEL = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def pip_install(folder: Path, version: dict[str, str], number: str, target: Path) -> None:
    """Let pip install a wheel of a version, which is a zip file with a few words about itself."""
    source = write(folder / "source", version)
    wheel = folder / f"example_shop-{number}-py3-none-any.whl"
    about = f"example_shop-{number}.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path in sorted(source.rglob("*.py")):
            archive.write(path, path.relative_to(source))
        archive.writestr(f"{about}/METADATA", METADATA.format(version=number))
        archive.writestr(f"{about}/WHEEL", WHEEL)
        archive.writestr(f"{about}/RECORD", "".join(f"{name},,\n" for name in [*archive.namelist(), f"{about}/RECORD"]))
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--no-index", "--no-deps", "--upgrade", "--target", target, wheel],
        capture_output=True,
        text=True,
        timeout=PIP_TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.timeout(2 * PIP_TIMEOUT)
async def test_a_version_that_pip_has_put_in_the_place_of_the_running_one(shop: Any, tmp_path: Path) -> None:
    pip_install(tmp_path / "source1", ONE, "1", shop.folder)
    shop.install = lambda version: None  # pip does
    await shop.open(ONE)
    pip_install(tmp_path / "source2", TWO, "2", shop.folder)
    report = await shop.upgrade()
    assert report.to_version == "2"
    assert shop.actor(shop.stocks[0]).version == "2"


async def test_a_version_in_a_folder_of_its_own(shop: Any, tmp_path: Path) -> None:
    await shop.open(ONE)
    elsewhere = write(tmp_path / "elsewhere", TWO)
    (elsewhere / PACKAGE / "late.py").write_text("WHERE = 'elsewhere'\n")
    await shop.upgrade(path=elsewhere)
    assert shop.actor(shop.stocks[0]).version == "2"
    # What it imports later comes from there, too.
    assert shop.module("late").WHERE == "elsewhere"


async def test_a_folder_without_the_package_is_refused(shop: Any, tmp_path: Path) -> None:
    await shop.open(ONE)
    failed = await shop.fails(TWO, path=tmp_path / "nowhere")
    assert failed.stage == "load"
    assert "there is no example_shop in" in str(failed.reason)


async def test_versions_written_within_one_second_are_told_apart(shop: Any) -> None:
    await shop.open(ONE)
    for letter in "abc":  # same size, same second: the bytecode cache would not notice
        shop.install({**THREE, "mark": f"MARK = '{letter}'\n", "app": "    import example_shop.mark\n" + THREE["app"]})
        await shop.upgrade()
        assert letter == shop.module("mark").MARK


@pytest.fixture
def extension() -> Path:
    """An extension module of this Python, as a file."""
    for name in ("_struct", "_json", "_bisect"):
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.has_location and spec.origin is not None:
            return Path(spec.origin)
    pytest.skip("this Python has no extension module as a file to try with")


async def test_an_extension_module_is_refused(shop: Any, extension: Path) -> None:
    await shop.open(ONE)
    importing = f"    import example_shop.{extension.name.partition('.')[0]}\n    from mirliton.runtime"
    shop.install(changed(TWO, "app", ("    from mirliton.runtime", importing)))
    shutil.copy(extension, shop.folder / PACKAGE)
    with pytest.raises(UpgradeFailed, match="can load only once"):
        await shop.upgrade()


async def test_the_runtime_itself_is_refused(shop: Any) -> None:
    await shop.open(
        {**ONE, "app": ONE["app"].replace('source="', 'modules=["example_shop", "mirliton.runtime"], source="')}
    )
    failed = await shop.fails(TWO)
    assert "cannot be upgraded in a running node" in str(failed)
