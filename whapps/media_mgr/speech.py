"""Texts spoken by a program into files. Kazoo: kazoo_tts."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
from pathlib import Path
from typing import Final, Protocol

from mirliton.config.prompts import DEFAULT, prompt_languages, prompt_voice
from mirliton.whapps.media_mgr.spoken import Spoken

LONGEST: Final = 4000
"""Characters of a text."""
TIMEOUT: Final = 5.0
"""Seconds that a text may take."""
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(-[a-z]{2,4})?")
_VARIANTS: Final = {"male": "m3", "female": "f3"}


class CannotSpeak(Exception):
    """A text was not spoken, for `reason`."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"not spoken: {reason}")
        self.reason = reason


class Engine(Protocol):
    """Whatever speaks. `name` and what `voice_of` says tell its recordings apart."""

    name: str

    def voice_of(self, voice: str | None, language: str | None) -> str:
        """The engine's own voice for one of Kazoo's (`male`, `female`) and a language."""

    async def speak(self, text: str, voice: str, file: Path) -> None:
        """Write a WAV file. Raises CannotSpeak."""


class EspeakNg:
    """espeak-ng, or a program that takes the same arguments: `-v VOICE -w FILE --stdin`."""

    def __init__(self, command: str = "espeak-ng") -> None:
        self.name = command

    def voice_of(self, voice: str | None, language: str | None) -> str:
        wanted = (language or DEFAULT).lower().replace("_", "-")
        if wanted in prompt_languages():
            spoken = prompt_voice(wanted)
        else:
            spoken = wanted if _LANGUAGE.fullmatch(wanted) else prompt_voice(DEFAULT)
        return f"{spoken}+{_VARIANTS.get(voice or '', 'f3')}"

    async def speak(self, text: str, voice: str, file: Path) -> None:
        program = shutil.which(self.name)
        if program is None:
            raise CannotSpeak(f"{self.name} is not installed")
        arguments = ("-v", voice, "-w", str(file), "--stdin")
        pipe, nowhere = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
        process = await asyncio.create_subprocess_exec(program, *arguments, stdin=pipe, stdout=nowhere, stderr=pipe)
        try:
            async with asyncio.timeout(TIMEOUT):
                _, told = await process.communicate(text.encode())
        except TimeoutError:
            raise CannotSpeak(f"{self.name} took longer than {TIMEOUT:g} s") from None
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        if process.returncode != 0:
            raise CannotSpeak(f"{self.name}: {told.decode(errors='replace').strip()[:200]}")


class Speech:
    """An engine and what it has spoken already."""

    def __init__(self, engine: Engine, spoken: Spoken) -> None:
        self._engine = engine
        self._spoken = spoken

    async def speak(self, text: str, voice: str | None, language: str | None) -> str:
        """The key of the file with this text, spoken now or before. Raises CannotSpeak."""
        if not text.strip() or len(text) > LONGEST:
            raise CannotSpeak(f"a text has 1 to {LONGEST} characters")
        own = self._engine.voice_of(voice, language)
        key = self._spoken.key(self._engine.name, own, text)
        if not await asyncio.to_thread(self._spoken.has, key):
            try:
                with self._spoken.new(key) as file:
                    await self._engine.speak(text, own, file)
            except OSError as error:
                raise CannotSpeak(f"{error.filename}: {error.strerror}") from error
            await asyncio.to_thread(self._spoken.tidy)
        return key
