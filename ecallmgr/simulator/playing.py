"""Playing a file to a leg: its two events, and what can end it early."""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import Enum, auto
from typing import TYPE_CHECKING

from mirliton.ecallmgr.simulator.events import Value
from mirliton.ecallmgr.simulator.execution import Wake
from mirliton.ecallmgr.simulator.sounds import SHORTEST

if TYPE_CHECKING:
    from mirliton.ecallmgr.simulator.channel import Leg


class Played(Enum):
    """How playing a file ended."""

    DONE = auto()
    BROKEN = auto()  # by uuid_break or by a digit
    GONE = auto()
    MISSING = auto()


async def play(leg: Leg, path: str, stop: Callable[[], bool] | None = None) -> Played:
    """Play `path` to its end, or until `stop` holds, uuid_break, or the leg is gone."""
    seconds = leg.switch.sounds.seconds(path)
    if seconds is None:
        return Played.MISSING
    if not leg.media:
        leg.mark_early_media()
    extra: dict[str, Value] = {}
    scheme, mark, _ = path.partition("://")
    if mark and scheme != "silence_stream":
        extra["Playback-File-Type"] = scheme
    extra["Playback-File-Path"] = path
    leg.fire("PLAYBACK_START", extra)
    if leg.remote is not None:
        leg.remote.on_heard(path)
    clock = leg.switch.clock
    started = clock.now()
    wake = await leg.executor.wait(
        seconds=None if math.isinf(seconds) else max(seconds, SHORTEST), until=stop, breakable=True, stretch=True
    )
    heard = seconds if wake is Wake.TIMEOUT else clock.now() - started
    samples = int(heard * 8000)
    leg.set("playback_last_offset_pos", str(samples))
    leg.set("playback_seconds", str(int(heard)))
    leg.set("playback_ms", str(int(heard * 1000)))
    leg.set("playback_samples", str(samples))
    status = "done" if wake in (Wake.TIMEOUT, Wake.GONE) else "break"
    leg.executor.played_through = wake is Wake.TIMEOUT
    leg.fire("PLAYBACK_STOP", {**extra, "Playback-Status": status})
    if wake is Wake.GONE:
        return Played.GONE
    return Played.DONE if wake is Wake.TIMEOUT else Played.BROKEN
