"""Fixtures every test may use."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    """The root of the source tree."""
    return ROOT


@pytest.fixture(scope="session")
def reference() -> Path:
    """The folder of recorded facts about Kazoo, Erlang/OTP and FreeSWITCH; skips where it is not laid out."""
    folder = ROOT.parent / "shared" / "reference"
    if not folder.is_dir():
        pytest.skip("the reference recordings (../shared/reference) are not beside this checkout")
    return folder
