"""How long sounds last: a table of files, and arithmetic for tones and silence.

There is no media here. What is played has a duration, and what is recorded has one; that is all.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

ENDLESS = math.inf
SHORTEST = 0.02  # one frame; nothing plays for no time at all
MAX_RECORDED = 10_000  # recordings whose length is remembered; the oldest is forgotten first

_TONE = re.compile(r"%\((\d+),(\d+)")
_LOOPS = re.compile(r"loops=(-?\d+)", re.IGNORECASE)


class Sounds:
    """Durations in seconds by file name; None in the table means that the file does not exist."""

    def __init__(self, table: Mapping[str, float | None] | None = None, default: float = 1.0) -> None:
        self._table: dict[str, float | None] = dict(table or {})
        self._recorded: dict[str, float] = {}
        self.default = default

    def add(self, path: str, seconds: float | None) -> None:
        """Say how long a file lasts, or with None that there is none."""
        self._table[path] = seconds

    def record(self, path: str, seconds: float) -> None:
        """Remember how long a recording is, so that it can be played and fetched."""
        self._recorded.pop(path, None)
        if len(self._recorded) >= MAX_RECORDED:
            del self._recorded[next(iter(self._recorded))]
        self._recorded[path] = max(seconds, SHORTEST)

    def recorded(self, path: str) -> float | None:
        """The length of a recording made here, or None."""
        return self._recorded.get(path)

    def seconds(self, path: str) -> float | None:
        """How long `path` plays; ENDLESS for streams, None when it cannot be played."""
        bare = path
        while bare.startswith("{") and "}" in bare:
            bare = bare[bare.index("}") + 1 :]
        if bare in self._recorded:
            return self._recorded[bare]
        if bare in self._table:
            return self._table[bare]
        scheme, mark, rest = bare.partition("://")
        if not mark:
            return self.default
        if scheme == "tone_stream":
            return _tone_seconds(rest)
        if scheme == "silence_stream":
            return _silence_seconds(rest)
        if scheme in ("local_stream", "shout"):
            return ENDLESS
        if scheme == "file_string":
            parts = [self.seconds(part) for part in rest.split("!")]
            known = [part for part in parts if part is not None]
            return sum(known) if known else None
        return self.default


def _tone_seconds(text: str) -> float:
    once = sum(int(on) + int(off) for on, off in _TONE.findall(text)) / 1000
    loops = _LOOPS.search(text)
    times = int(loops[1]) if loops else 1
    return ENDLESS if times < 0 else max(once * max(times, 1), SHORTEST)


def _silence_seconds(text: str) -> float:
    milliseconds = text.partition(",")[0]
    try:
        value = int(milliseconds)
    except ValueError:
        return SHORTEST
    return ENDLESS if value <= 0 else max(value / 1000, SHORTEST)


def wave(seconds: float) -> bytes:
    """A WAV file of `seconds` of silence (8 kHz, 16 bit, mono): the content of every recording here."""
    samples = b"\0\0" * int(max(seconds, 0.0) * 8000)
    head = b"RIFF" + (36 + len(samples)).to_bytes(4, "little") + b"WAVEfmt " + (16).to_bytes(4, "little")
    head += b"\x01\0\x01\0" + (8000).to_bytes(4, "little") + (16000).to_bytes(4, "little") + b"\x02\0\x10\0"
    return head + b"data" + len(samples).to_bytes(4, "little") + samples
