"""`mirliton prompts`: speaks the platform's announcements into files for the switches, and tells which are missing.

The files are `FOLDER/LANGUAGE/PROMPT.wav`, with 8,000 samples a second as telephones have it. FOLDER is `mirliton`
below the switch's folder of sounds. A file that is there stays: it may be a recording of somebody's.
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import subprocess
import wave
from array import array
from pathlib import Path
from typing import Any, Final

from mirliton.api.cli.errors import CommandError
from mirliton.api.cli.show import say
from mirliton.config import Settings
from mirliton.config.prompts import prompt_languages, prompt_texts, prompt_voice

RATE: Final = 8000
SPEAKER: Final = "espeak-ng"
WORDS_A_MINUTE: Final = 150
TIMEOUT: Final = 60.0
"""Seconds that one prompt may take to be spoken."""
MAX_NAMED: Final = 20


def add(commands: Any) -> None:
    """The `prompts` command and its own commands."""
    prompts = commands.add_parser("prompts", help="announcements: speak them into files (build), see what is missing")
    own = prompts.add_subparsers(required=True, metavar="COMMAND")
    build = own.add_parser("build", help="speak all prompts that are not there yet, with espeak-ng")
    build.add_argument("--force", action="store_true", help="speak those again that are there")
    check = own.add_parser("check", help="list the prompts that are not there")
    for command, do in ((build, _build), (check, _check)):
        command.add_argument("folder", type=Path, help="such as /usr/share/freeswitch/sounds/mirliton")
        command.add_argument(
            "--language",
            action="append",
            choices=prompt_languages(),
            metavar="LANGUAGE",
            help=f"only this one (may be repeated): {', '.join(prompt_languages())}",
        )
        command.set_defaults(do=do)


def _build(options: argparse.Namespace, _: Settings) -> int:
    speaker = shutil.which(SPEAKER)
    if speaker is None:
        raise CommandError(f"{SPEAKER} is not installed: prompts cannot be spoken (Debian: apt install {SPEAKER})")
    made = 0
    for language in options.language or prompt_languages():
        folder = options.folder / language
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for prompt_id, text in sorted(prompt_texts(language).items()):
                file = folder / f"{prompt_id}.wav"
                if options.force or not file.exists():
                    _put(file, spoken(speaker, prompt_voice(language), text))
                    made += 1
        except OSError as error:
            raise CommandError(f"{error.filename or folder}: {error.strerror or error}") from error
    say(f"{made} prompts spoken")
    return os.EX_OK


def _check(options: argparse.Namespace, _: Settings) -> int:
    missing = [
        f"{language}/{prompt_id}.wav"
        for language in options.language or prompt_languages()
        for prompt_id in sorted(prompt_texts(language))
        if not (options.folder / language / f"{prompt_id}.wav").is_file()
    ]
    for file in missing[:MAX_NAMED]:
        say(f"missing: {file}")
    say(f"{len(missing)} prompts are missing" if missing else "all prompts are there")
    return os.EX_UNAVAILABLE if missing else os.EX_OK


def spoken(speaker: str, voice: str, text: str) -> bytes:
    """A text as a WAV file of RATE samples a second. Raises CommandError when it cannot be spoken."""
    try:
        done = subprocess.run(  # noqa: S603 - the program is espeak-ng, the text comes by its standard input
            [speaker, "-v", voice, "-s", str(WORDS_A_MINUTE), "--stdin", "--stdout"],
            input=text.encode(),
            capture_output=True,
            timeout=TIMEOUT,
            check=True,
        )
        with wave.open(io.BytesIO(done.stdout)) as sound:
            if sound.getnchannels() != 1 or sound.getsampwidth() != 2:
                raise CommandError(f"{SPEAKER} speaks in a format that is not known here")
            # What comes by a pipe says no length in its header.
            samples = array("h", done.stdout[_HEADER : _HEADER + (len(done.stdout) - _HEADER) // 2 * 2])
            return as_wave(resampled(samples, sound.getframerate(), RATE))
    except subprocess.CalledProcessError as error:
        raise CommandError(f"{SPEAKER}: {error.stderr.decode(errors='replace').strip()[:200]}") from error
    except subprocess.TimeoutExpired as error:
        raise CommandError(f"{SPEAKER} took longer than {TIMEOUT:g} s") from error
    except (wave.Error, EOFError) as error:
        raise CommandError(f"{SPEAKER} told no sound: {error}") from error


_HEADER: Final = 44


def resampled(samples: array[int], rate: int, wanted: int) -> array[int]:
    """The same sound with fewer samples a second: each new one is the mean of those it stands for, so that what is too
    high for the new rate does not turn into noise."""
    if rate <= wanted or not samples:
        return samples
    sums = [0]
    for sample in samples:
        sums.append(sums[-1] + sample)
    step = rate / wanted
    found = array("h")
    for position in range(int(len(samples) / step)):
        first, last = int(position * step), min(len(samples), int((position + 1) * step) + 1)
        found.append((sums[last] - sums[first]) // (last - first))
    return found


def as_wave(samples: array[int]) -> bytes:
    """A WAV file of one channel with RATE samples a second."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(RATE)
        sound.writeframes(samples.tobytes())
    return file.getvalue()


def _put(file: Path, content: bytes) -> None:
    """Write a file whole, or not at all."""
    beside = file.with_suffix(".new")
    beside.write_bytes(content)
    beside.replace(file)
