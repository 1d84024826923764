"""How calls end. Kazoo: hangups_maintenance."""

from __future__ import annotations

import math

from mirliton.api.sup.commands import Answer, Sup, SupError, command
from mirliton.api.sup.configuration import set_default
from mirliton.whapps.hangups.meter import SPANS
from mirliton.whapps.hangups.monitor import HANGUPS, ListHangups


@command("hangups_maintenance")
async def hangup_summary(sup: Sup, cause: str = "") -> Answer:
    """How often calls end, by cause; or with one cause."""
    meters = await sup.node.call(HANGUPS, ListHangups())
    return [{"hangup_cause": name, **meter} for name, meter in sorted(meters.items()) if cause.upper() in ("", name)]


@command("hangups_maintenance", changes=True)
async def activate_monitors(sup: Sup, one_minute_rate: str) -> Answer:
    """Raise an alert when a watched cause is seen more often, per second over a minute (or so long, over longer)."""
    try:
        rate = float(one_minute_rate)
    except ValueError:
        rate = math.nan
    if not 0 < rate < 1e6:
        raise SupError(f"ONE_MINUTE_RATE is a number of calls per second above 0, not {one_minute_rate[:40]!r}")
    for span in SPANS:
        await set_default(sup, "hangups", f"thresholds.{span}", str(rate))
    return f"alerts above {rate:g} a second; every node has it within a minute"
