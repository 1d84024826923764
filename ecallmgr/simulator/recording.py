"""Recordings that run beside a call (`uuid_record`, `record_session`), with their limits and events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mirliton.ecallmgr.simulator.clock import Timer

if TYPE_CHECKING:
    from mirliton.ecallmgr.simulator.channel import Leg

MAX_RECORDINGS = 32  # running at once on one leg


class Recordings:
    """The recordings that run on one leg now, by path; hanging up ends them."""

    def __init__(self, leg: Leg) -> None:
        self._leg = leg
        self._running: dict[str, tuple[float, Timer | None]] = {}

    def start(self, path: str, limit: float | None) -> bool:
        """Begin to record; False when that cannot be."""
        leg = self._leg
        if not leg.alive or not path or path in self._running or len(self._running) >= MAX_RECORDINGS:
            return False
        clock = leg.switch.clock
        timer = clock.call_later(limit, lambda: self.stop(path)) if limit else None
        self._running[path] = (clock.now(), timer)
        leg.fire("RECORD_START", {"Record-File-Path": path})
        leg.fire("MEDIA_BUG_START", {"Media-Bug-Function": "session_record", "Media-Bug-Target": path})
        return True

    def running(self, path: str) -> bool:
        """Whether `path` is being recorded."""
        return path in self._running

    def stop(self, path: str) -> bool:
        """End one recording, or `all`; False when none ran."""
        if path == "all":
            running = list(self._running)
            for one in running:
                self.stop(one)
            return bool(running)
        found = self._running.pop(path, None)
        if found is None:
            return False
        started, timer = found
        if timer is not None:
            timer.cancel()
        leg = self._leg
        seconds = leg.switch.clock.now() - started
        note_recording(leg, path, seconds, "success-maxtime")
        leg.fire("RECORD_STOP", {"Record-File-Path": path, "Record-Completion-Cause": "success-maxtime"})
        leg.fire("MEDIA_BUG_STOP", {"Media-Bug-Function": "session_record", "Media-Bug-Target": path})
        return True

    def forget(self) -> None:
        """The switch died: nothing is recorded any more, and nobody hears of it."""
        for _, timer in self._running.values():
            if timer is not None:
                timer.cancel()
        self._running.clear()


def note_recording(leg: Leg, path: str, seconds: float, cause: str | None = None) -> None:
    """Note in variables, and in the switch's files, what was recorded."""
    samples = int(seconds * 8000)
    leg.set("record_file_size", str(samples * 2 + 44))
    leg.set("record_samples", str(samples))
    leg.set("record_seconds", str(int(seconds)))
    leg.set("record_ms", str(int(seconds * 1000)))
    if cause:
        leg.set("record_completion_cause", cause)
    leg.switch.sounds.record(path, seconds)
