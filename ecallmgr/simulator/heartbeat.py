"""The HEARTBEAT event, at its interval."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mirliton.ecallmgr.simulator.clock import Timer
from mirliton.ecallmgr.simulator.commands.core import MAX_SESSIONS, VERSION, uptime
from mirliton.ecallmgr.simulator.events import Value

if TYPE_CHECKING:
    from mirliton.ecallmgr.simulator.switch import SimulatedSwitch


class Heartbeat:
    """Beats every `interval` simulated seconds, unless it is 0."""

    def __init__(self, switch: SimulatedSwitch, interval: float) -> None:
        self._switch = switch
        self._interval = interval
        self._timer: Timer | None = None

    def start(self) -> None:
        """Begin to beat; the first one comes after the interval."""
        if self._interval > 0:
            self._timer = self._switch.clock.call_later(self._interval, self._beat)

    def stop(self) -> None:
        """Stop beating."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _beat(self) -> None:
        switch = self._switch
        up = int((switch.clock.now() - switch.started_at) * 1_000_000)
        peak = str(switch.counts.peak)
        headers: dict[str, Value] = {
            "Event-Info": "System Ready",
            "Up-Time": uptime(up),
            "FreeSWITCH-Version": VERSION,
            "Uptime-msec": str(up // 1000),
            "Session-Count": str(len(switch.legs)),
            "Max-Sessions": str(MAX_SESSIONS),
            "Session-Per-Sec": "5000",
            "Session-Per-Sec-Last": "0",
            "Session-Per-Sec-Max": peak,
            "Session-Per-Sec-FiveMin": peak,
            "Session-Since-Startup": str(switch.counts.total),
            "Session-Peak-Max": peak,
            "Session-Peak-FiveMin": peak,
            "Idle-CPU": "100.000000",
        }
        switch.bus.fire("HEARTBEAT", headers)
        self.start()
