"""Texts are spoken once, kept within a bound, and heard by the switch over HTTP."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from mirliton.actors.kapi.media import MediaError, MediaReq, MediaResp
from mirliton.actors.switching import MEDIA
from mirliton.ecallmgr.switch_http import SWITCH_HTTP, Media, SwitchHttp, SwitchHttpAddress
from mirliton.runtime import Node
from mirliton.supervisors import Supervisor
from mirliton.whapps.media_mgr import app, speech
from mirliton.whapps.media_mgr.speech import CannotSpeak, EspeakNg, Speech
from mirliton.whapps.media_mgr.spoken import Spoken
from one_switch import until

MOST = 10_000


class Parrot:
    """Speaks by writing down what it is told."""

    name = "parrot"

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.fails = False

    def voice_of(self, voice: str | None, language: str | None) -> str:
        return f"{language}/{voice}"

    async def speak(self, text: str, voice: str, file: Path) -> None:
        self.told.append((text, voice))
        await asyncio.to_thread(file.write_bytes, text.encode())
        if self.fails:
            raise CannotSpeak("it has a cold")


@pytest.fixture
def parrot() -> Parrot:
    return Parrot()


@pytest.fixture
def spoken(tmp_path: Path) -> Spoken:
    return Spoken(tmp_path / "spoken", MOST)


@pytest.fixture
def speaking(parrot: Parrot, spoken: Spoken) -> Speech:
    return Speech(parrot, spoken)


async def test_a_text_is_spoken_once(speaking: Speech, parrot: Parrot, spoken: Spoken, tmp_path: Path) -> None:
    first = await speaking.speak("hello", "male", "en-us")
    assert await speaking.speak("hello", "male", "en-us") == first
    assert await Speech(parrot, spoken).speak("hello", "male", "en-us") == first
    assert parrot.told == [("hello", "en-us/male")]
    assert (tmp_path / "spoken" / f"{first}.wav").read_bytes() == b"hello"


async def test_another_voice_language_or_text_is_another_file(speaking: Speech) -> None:
    wishes = [("a", "male", "en"), ("a", "female", "en"), ("a", "male", "de"), ("b", "male", "en"), ("a", None, None)]
    assert len({await speaking.speak(*wish) for wish in wishes}) == len(wishes)


async def test_what_was_not_spoken_leaves_nothing(speaking: Speech, parrot: Parrot, tmp_path: Path) -> None:
    parrot.fails = True
    with pytest.raises(CannotSpeak, match="it has a cold"):
        await speaking.speak("hello", None, None)
    assert list((tmp_path / "spoken").iterdir()) == []
    parrot.fails = False
    assert await speaking.speak("hello", None, None)


@pytest.mark.parametrize("text", ["", "  ", "x" * 4001])
async def test_not_every_text_is_spoken(speaking: Speech, parrot: Parrot, text: str) -> None:
    with pytest.raises(CannotSpeak):
        await speaking.speak(text, None, None)
    assert parrot.told == []


async def test_what_was_not_wanted_for_longest_makes_room(speaking: Speech, spoken: Spoken, tmp_path: Path) -> None:
    keys = [await speaking.speak(f"{number}" * 3000, None, None) for number in range(3)]
    for age, key in enumerate(keys):
        os.utime(tmp_path / "spoken" / f"{key}.wav", (1000 + age, 1000 + age))
    assert spoken.has(keys[0]), "it is wanted now"
    keys.append(await speaking.speak("9" * 3000, None, None))
    assert [spoken.has(key) for key in keys] == [True, False, True, True]


async def test_the_newest_stays_whatever_its_size(parrot: Parrot, tmp_path: Path) -> None:
    small = Spoken(tmp_path, 10)
    key = await Speech(parrot, small).speak("x" * 100, None, None)
    assert small.has(key)


# espeak-ng


def test_a_voice_goes_by_language_and_sex() -> None:
    engine = EspeakNg()
    assert engine.voice_of("male", "fr-fr") == "fr-fr+m3"
    assert engine.voice_of("female", "xx_yy") == "xx-yy+f3"
    assert engine.voice_of(None, "../../etc") == engine.voice_of(None, None)
    assert engine.voice_of(None, "-v") == engine.voice_of(None, None)


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
async def test_espeak_ng_speaks(spoken: Spoken, tmp_path: Path) -> None:
    key = await Speech(EspeakNg(), spoken).speak("Good morning, -- $(id) `x` <b>", "male", "en-us")
    with wave.open(str(tmp_path / "spoken" / f"{key}.wav")) as sound:
        assert sound.getnframes() / sound.getframerate() > 0.5


async def test_a_program_that_is_not_there_is_named(spoken: Spoken) -> None:
    with pytest.raises(CannotSpeak, match="no-such-speaker is not installed"):
        await Speech(EspeakNg("no-such-speaker"), spoken).speak("x", None, None)


def a_program(folder: Path, script: str) -> str:
    file = folder / "speaker"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return str(file)


async def test_a_program_that_fails_says_why(spoken: Spoken, tmp_path: Path) -> None:
    engine = EspeakNg(a_program(tmp_path, "cat >/dev/null; echo no such voice >&2; exit 3"))
    with pytest.raises(CannotSpeak, match="no such voice"):
        await Speech(engine, spoken).speak("x", None, None)


async def test_a_program_that_hangs_is_ended(spoken: Spoken, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speech, "TIMEOUT", 0.1)
    engine = EspeakNg(a_program(tmp_path, f"echo $$ >{tmp_path}/pid; exec sleep 100"))
    with pytest.raises(CannotSpeak, match="took longer"):
        await Speech(engine, spoken).speak("x", None, None)
    # `communicate` has been given up, so nobody but the kernel tells that it is gone.
    await until(lambda: not is_running(tmp_path / "pid"), "it has ended")


def is_running(told: Path) -> bool:
    number = told.read_text().strip() if told.exists() else ""
    return bool(number) and Path(f"/proc/{number}/exe").exists()


# Over HTTP


@pytest.fixture
async def heard(parrot: Parrot, tmp_path: Path) -> AsyncIterator[Node]:
    async with Node("test@localhost", strict=True) as node:
        folder = tmp_path / "spoken"
        address = SwitchHttpAddress("127.0.0.1", 0, "/x", "u", "", b"secret", spoken=folder)
        await node.start(SwitchHttp, address, name=SWITCH_HTTP)
        cell = node.find(SWITCH_HTTP)
        assert cell is not None
        assert isinstance(cell.actor, SwitchHttp)
        media = Media(f"http://127.0.0.1:{cell.actor.port}", b"secret")
        await node.start(Supervisor, app.tree(media, Speech(parrot, Spoken(folder, MOST))))
        yield node


async def test_a_text_is_heard_by_whoever_has_its_address(heard: Node, tmp_path: Path) -> None:
    answer = await heard.call(MEDIA, MediaReq("tts://1", text="hello", voice="male", language="en-us"))
    assert isinstance(answer, MediaResp)
    async with aiohttp.ClientSession() as http:
        async with http.get(answer.stream_url, headers={"Range": "bytes=1-3"}) as response:
            assert (response.status, await response.read()) == (206, b"ell")
            assert "immutable" in response.headers["Cache-Control"]
            assert response.headers["Content-Type"] == "audio/x-wav"
        other = answer.stream_url.replace("/spoken/", "/spoken/x")
        async with http.get(other) as response:
            assert response.status == 403
        for file in (tmp_path / "spoken").iterdir():
            file.unlink()
        async with http.get(answer.stream_url) as response:
            assert response.status == 404


async def test_a_text_that_cannot_be_spoken_is_told(heard: Node, parrot: Parrot) -> None:
    parrot.fails = True
    answer = await heard.call(MEDIA, MediaReq("tts://1", text="hello"))
    assert isinstance(answer, MediaError)
    assert answer.error_msg == "it has a cold"
