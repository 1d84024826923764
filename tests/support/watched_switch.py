"""A simulated switch that remembers every leg it has had, and tells tests what happens as it happens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from mirliton.ecallmgr.simulator import SimulatedSwitch
from mirliton.ecallmgr.simulator.events import Event, Value

TOLD: Final = frozenset(
    {
        "API",
        "CHANNEL_ANSWER",
        "CHANNEL_BRIDGE",
        "CHANNEL_CREATE",
        "CHANNEL_DESTROY",
        "CHANNEL_EXECUTE",
        "CHANNEL_EXECUTE_COMPLETE",
        "CHANNEL_HANGUP",
        "CHANNEL_PARK",
        "CHANNEL_PROGRESS",
        "RECORD_START",
    }
)
"""Events that are made even while no controller listens, so that a test sees them all."""

Headers = dict[str, Value]


@dataclass(frozen=True)
class Ended:
    """A leg that is gone, as the switch knew it. `of` is the leg that called it, or its own id."""

    uuid: str
    of: str
    direction: str
    cause: str


class WatchedSwitch(SimulatedSwitch):
    """What has ended is in `ended`; whoever is in `watchers` is called with each event of TOLD, before anybody else."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self.ended: dict[str, Ended] = {}
        self.watchers: list[Callable[[str, Headers], None]] = []
        super().__init__(*args, **options)

    async def happened(self, match: Callable[[str, Headers], bool], within: float = 10.0) -> None:
        """Wait for an event that matches, of those that come from now on. Raises TimeoutError."""
        seen = asyncio.get_running_loop().create_future()

        def look(name: str, headers: Headers) -> None:
            if not seen.done() and match(name, headers):
                seen.set_result(None)

        self.watchers.append(look)
        try:
            await asyncio.wait_for(seen, within)
        finally:
            self.watchers.remove(look)

    def _wanted(self, name: str, subclass: str | None) -> bool:
        return name in TOLD or super()._wanted(name, subclass)

    def _deliver(self, event: Event) -> None:
        if event.name == "CHANNEL_DESTROY":
            self._note_end(event.headers)
        for watcher in list(self.watchers):
            watcher(event.name, event.headers)
        super()._deliver(event)

    def _note_end(self, headers: Headers) -> None:
        uuid, direction = str(headers["Unique-ID"]), str(headers["Call-Direction"])
        caller = headers.get("Other-Leg-Unique-ID") if direction == "outbound" else None
        self.ended[uuid] = Ended(uuid, str(caller or uuid), direction, str(headers["Hangup-Cause"]))
