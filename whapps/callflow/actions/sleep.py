"""sleep: wait. Kazoo: cf_sleep."""

from __future__ import annotations

from typing import Final

from mirliton.actors.kapi.dialplan import Sleep
from mirliton.whapps.callflow.script import Data, Next, Outcome, Script

UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
LONGEST: Final = 86_400.0
"""Seconds."""


async def run(call: Script, data: Data) -> Outcome:
    """`duration` (0, at most a day), `unit` (ms, s, m, h; s). Child: `_`."""
    duration, unit = data.get("duration"), data.get("unit")
    if isinstance(duration, int | float) and not isinstance(duration, bool) and duration > 0:
        seconds = duration * UNITS.get(unit if isinstance(unit, str) else "s", 1.0)
        await call.execute(Sleep(call.id, min(LONGEST, seconds)))
    return Next()
