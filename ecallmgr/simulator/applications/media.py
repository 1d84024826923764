"""Applications that play, say and record. What is heard is noted on the leg's phone; what is recorded has a length."""

from __future__ import annotations

from mirliton.ecallmgr.simulator.channel import Leg
from mirliton.ecallmgr.simulator.execution import Wake
from mirliton.ecallmgr.simulator.playing import Played, play
from mirliton.ecallmgr.simulator.recording import note_recording

RESPONSES = {
    Played.DONE: "FILE PLAYED",
    Played.BROKEN: "FILE PLAYED",
    Played.GONE: "FILE PLAYED",
    Played.MISSING: "FILE NOT FOUND",
}
SAY_SECONDS_PER_WORD = 0.4


class _Terminators:
    """Ends a playback when one of the leg's terminator digits comes; swallows the others."""

    def __init__(self, leg: Leg) -> None:
        self._leg = leg
        wished = leg.get("playback_terminators")
        self._digits = "" if wished == "none" else "0123456789*#" if wished == "any" else wished or "*"

    def pressed(self) -> bool:
        digits = self._leg.executor.digits
        while digits and self._digits:
            digit = digits.popleft()
            if digit in self._digits:
                self._leg.set("playback_terminator_used", digit)
                return True
        return False


async def playback(leg: Leg, data: str) -> str | None:
    """Play a file once."""
    leg.set("playback_terminator_used", None)
    return RESPONSES[await play(leg, data, _Terminators(leg).pressed)]


async def endless_playback(leg: Leg, data: str) -> str | None:
    """Play a file again and again (hold music), until it is broken off."""
    while (result := await play(leg, data)) is Played.DONE:
        pass
    return RESPONSES[result]


async def loop_playback(leg: Leg, data: str) -> str | None:
    """`[+times] file`: play a file several times, or without a number for ever."""
    first, _, rest = data.partition(" ")
    times = int(first[1:]) if first.startswith("+") and first[1:].isdigit() else -1
    path = rest if first.startswith("+") else data
    result = Played.DONE
    while times and result is Played.DONE:
        result = await play(leg, path, _Terminators(leg).pressed)
        times -= 1
    return RESPONSES[result]


async def say(leg: Leg, data: str) -> str | None:
    """`module type method text`: speak numbers, names, times … from sound files; heard as say:text."""
    words = data.split(maxsplit=3)
    if len(words) < 4:
        return None
    await _speak(leg, f"say:{words[3]}", words[3])
    return None


async def speak(leg: Leg, data: str) -> str | None:
    """`engine|voice|text`: text to speech; heard as tts:text."""
    text = data.split("|")[-1]
    await _speak(leg, f"tts:{text}", text)
    return None


async def _speak(leg: Leg, heard: str, text: str) -> None:
    if not leg.media:
        leg.mark_early_media()
    if leg.remote is not None:
        leg.remote.on_heard(heard)
    seconds = max(len(text.split()), 1) * SAY_SECONDS_PER_WORD
    await leg.executor.wait(seconds=seconds, until=_Terminators(leg).pressed, breakable=True, stretch=True)


async def record(leg: Leg, data: str) -> str | None:
    """`path [limit seconds [silence threshold [silence hits]]]`: record a message until a digit, the limit or the end.

    The simulated speaker never falls silent; silence detection therefore never ends it.
    """
    words = data.split()
    if not words:
        return None
    path = words[0]
    limit = float(words[1]) if len(words) > 1 and words[1].isdigit() and words[1] != "0" else None
    if not leg.media:
        leg.mark_early_media()
    codec, leg.codec = leg.codec, None
    leg.set("silence_hits_exhausted", "false")
    leg.start_media("L16", announce_write=False)
    leg.fire("RECORD_START", {"Record-File-Path": path})
    clock = leg.switch.clock
    started = clock.now()
    wake = await leg.executor.wait(seconds=limit, until=_Terminators(leg).pressed, breakable=True)
    if wake is not Wake.DONE:
        leg.set("playback_terminator_used", None)
    note_recording(leg, path, clock.now() - started)
    leg.fire("RECORD_STOP", {"Record-File-Path": path})
    leg.codec = None
    leg.start_media(codec or "PCMU", announce_write=False)
    return None


async def record_session(leg: Leg, data: str) -> str | None:
    """`path [+limit seconds]`: record the call from now on, beside whatever it does."""
    path, _, limit = data.partition(" ")
    wished = limit.strip().lstrip("+")
    leg.recordings.start(path, float(wished) if wished.isdigit() else None)
    return None


async def stop_record_session(leg: Leg, data: str) -> str | None:
    """End one recording, or all."""
    leg.recordings.stop(data.strip())
    return None
