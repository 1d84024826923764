"""The package and the papers beside it."""

import subprocess
import sys
from pathlib import Path

import mirliton.config
from mirliton.config import ConfigError, InvalidDocument, SettingsError, UnknownSchema


def test_every_export_exists_and_is_documented() -> None:
    for name in mirliton.config.__all__:
        assert getattr(mirliton.config, name).__doc__, name
    assert sorted(mirliton.config.__all__) == mirliton.config.__all__


def test_the_errors_are_one_tree() -> None:
    for error in (SettingsError, UnknownSchema, InvalidDocument):
        assert issubclass(error, ConfigError)


def test_the_bare_name_is_refused(root: Path) -> None:
    run = subprocess.run([sys.executable, "-c", "import config"], cwd=root, capture_output=True, text=True, timeout=30)
    assert run.returncode != 0
    assert "import mirliton.config, not config" in run.stderr


def test_it_imports_nothing_else_of_ours(root: Path) -> None:
    code = "import sys, mirliton.config; print([m for m in sys.modules if m.startswith('mirliton.')])"
    run = subprocess.run([sys.executable, "-c", code], cwd="/", capture_output=True, text=True, timeout=30, check=True)
    loaded = eval(run.stdout)
    assert {name.split(".")[1] for name in loaded} == {"config"}


def test_the_licence_is_the_mpl_2_0_in_full(root: Path) -> None:
    text = (root / "LICENSE").read_text(encoding="utf-8")
    assert text.startswith("Mozilla Public License Version 2.0\n")
    assert 'Exhibit B - "Incompatible With Secondary Licenses" Notice' in text


def test_the_security_policy_answers_the_usual_questions(root: Path) -> None:
    text = (root / "SECURITY.md").read_text(encoding="utf-8")
    for heading in ("Reporting", "Supported versions", "Who is trusted with what", "In scope", "Out of scope"):
        assert f"## {heading}\n" in text
