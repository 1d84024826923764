"""Applications that only tell: custom events, logs."""

from __future__ import annotations

from mirliton.ecallmgr.simulator.channel import Leg
from mirliton.ecallmgr.simulator.dialstring import parse_variables
from mirliton.ecallmgr.simulator.events import Value
from mirliton.ecallmgr.simulator.names import EVENT_NAMES


async def nothing(_leg: Leg, _data: str) -> str | None:
    """Lines for the switch's own console."""
    return None


async def event(leg: Leg, data: str) -> str | None:
    """`Event-Name=CUSTOM,Event-Subclass=x::y,Name=value`: send an event about this leg."""
    headers = parse_variables(data)
    name = headers.pop("Event-Name", "CHANNEL_APPLICATION")
    subclass = headers.pop("Event-Subclass", None)
    if name not in EVENT_NAMES or name == "ALL":
        return None
    extra: dict[str, Value] = dict(headers)
    leg.fire(name, extra, subclass=subclass, bare=False)
    return None
