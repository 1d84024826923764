"""`mirliton prompts`: announcements become files, and what is there stays."""

from __future__ import annotations

import math
import shutil
import wave
from array import array
from pathlib import Path
from typing import Any

import pytest

from mirliton.api.cli import main, prompts
from mirliton.api.cli.prompts import RATE, resampled

speaks = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed (apt)")


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two prompts of each language."""
    monkeypatch.setattr(prompts, "prompt_texts", lambda language: {"vm-goodbye": "Bye", "vm-saved": "Grüße; rm -rf --"})


@speaks
def test_all_prompts_are_spoken_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prompts", "build", str(tmp_path), "--language", "en-us", "--language", "de-de"]) == 0
    files = sorted(tmp_path.glob("*/*"))
    assert [f"{file.parent.name}/{file.name}" for file in files] == [
        f"{language}/{name}.wav" for language in ("de-de", "en-us") for name in ("vm-goodbye", "vm-saved")
    ]
    for file in files:
        with wave.open(str(file)) as sound:
            assert (sound.getnchannels(), sound.getsampwidth(), sound.getframerate()) == (1, 2, RATE)
            assert 0.2 < sound.getnframes() / RATE < 10
            assert max(map(abs, array("h", sound.readframes(100_000)))) > 1000, "somebody is heard"
    assert "4 prompts spoken" in capsys.readouterr().out


@speaks
def test_a_recording_of_somebodys_stays(tmp_path: Path) -> None:
    own = tmp_path / "en-us" / "vm-goodbye.wav"
    own.parent.mkdir()
    own.write_bytes(b"mine")
    assert main(["prompts", "build", str(tmp_path), "--language", "en-us"]) == 0
    assert own.read_bytes() == b"mine"
    assert main(["prompts", "build", str(tmp_path), "--language", "en-us", "--force"]) == 0
    assert own.read_bytes() != b"mine"


def test_what_is_missing_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "en-us").mkdir()
    (tmp_path / "en-us" / "vm-saved.wav").write_bytes(b"x")
    assert main(["prompts", "check", str(tmp_path), "--language", "en-us"]) != 0
    told = capsys.readouterr().out
    assert "missing: en-us/vm-goodbye.wav" in told
    assert "vm-saved" not in told


def test_without_a_speaker_it_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["prompts", "build", str(tmp_path)]) != 0
    assert "apt install espeak-ng" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("script", "why"), [("exit 3", "espeak-ng: "), ("cat > /dev/null; echo no sound", "espeak-ng told no sound")]
)
def test_a_speaker_that_fails_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], script: str, why: str
) -> None:
    speaker = tmp_path / "espeak-ng"
    speaker.write_text(f"#!/bin/sh\n{script}\n")
    speaker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert main(["prompts", "build", str(tmp_path / "out"), "--language", "en-us"]) != 0
    assert why in capsys.readouterr().err
    assert not list((tmp_path / "out").rglob("*.wav"))


def test_a_folder_that_cannot_be_written_is_told_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if shutil.which("espeak-ng") is None:
        pytest.skip("espeak-ng is not installed (apt)")
    (tmp_path / "file").write_text("")
    assert main(["prompts", "build", str(tmp_path / "file"), "--language", "en-us"]) != 0
    assert str(tmp_path / "file") in capsys.readouterr().err


@pytest.mark.parametrize(("hertz", "heard"), [(300, True), (1000, True), (10_500, False)])
def test_a_voice_stays_and_what_is_too_high_goes(hertz: int, heard: bool) -> None:
    tone = array("h", (int(10_000 * math.sin(2 * math.pi * hertz * at / 22_050)) for at in range(22_050)))
    made = resampled(tone, 22_050, RATE)
    assert abs(len(made) - RATE) <= 1
    assert (max(made) > 6000) is heard


def test_nothing_is_nothing() -> None:
    assert resampled(array("h"), 22_050, RATE) == array("h")
    same: Any = array("h", [1, 2])
    assert resampled(same, RATE, RATE) is same
