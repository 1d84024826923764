"""What is done to a process, and how it is followed until its fate is known.

Who is back is asked of the supervisor: it handles the end of a child before any request that comes after it, and
answers none while it starts one. So its next answer is the moment at which the successor serves.
"""

from __future__ import annotations

import time
from typing import Any, Final

from mirliton.runtime import CallError, Node
from mirliton.runtime.introspect import resume
from mirliton.runtime.protocol import From, SystemRequest
from mirliton.supervisors.chaos.field import Hit
from mirliton.supervisors.chaos.node_time import NodeTime
from mirliton.supervisors.chaos.places import Place
from mirliton.supervisors.requests import GetChildSpec

FIRST_LOOK: Final = 0.001
LAST_LOOK: Final = 0.05
"""Seconds between two looks for a successor whose start cannot be awaited (after a backoff, say); they double."""
ANSWER: Final = 5.0
"""Seconds a process has to be suspended, or to show that it lives."""
_NOBODY: Final = ("chaos", "nobody")


class Blows:
    """Each method goes on until the fate of its hit is known; `within` is how long that may take, in seconds."""

    def __init__(self, node: Node, clock: NodeTime) -> None:
        self._node = node
        self._time = clock

    async def until_back(self, place: Place, hit: Hit, within: float, began: float) -> None:
        """It was ended, at the time `began`: until somebody is in its place."""
        pause = FIRST_LOOK
        while True:
            left = began + within - self._time.now()
            await self._fence(place.keeper(), left)
            if place.holder() is not None:
                hit.fate, hit.took = "back", self._time.now() - began
                return
            hit.awaited = place.is_awaited()
            left = began + within - self._time.now()
            if left <= 0 or not (hit.awaited or place.named):
                hit.fate = "lost" if hit.awaited else "gone"
                hit.note = "" if hit.awaited else "nobody is to start it again"
                return
            await self._time.pause(min(pause, left))
            pause = min(2 * pause, LAST_LOOK)

    async def _fence(self, supervisor: Any, left: float) -> None:
        """Wait until a supervisor has dealt with what it has heard so far, or it, or the time, has ended."""
        if supervisor is None or left <= 0:
            return
        try:
            await self._node.call(supervisor.pid, GetChildSpec(_NOBODY), timeout=left)
        except CallError:
            return

    async def until_gone_or_back(self, place: Place, hit: Hit, within: float, began: float) -> None:
        """It was told to end, at the time `began`, which it may not do."""
        if place.victim.alive and await self._answers(place.victim):
            hit.fate, hit.note = "unmoved", "it traps exits and goes on"
            return
        await self.until_back(place, hit, within, began)

    async def _answers(self, cell: Any, timeout: float = ANSWER) -> bool:
        """Whether it takes its mail; who hangs is alive, too, but does not answer."""
        try:
            await self._node.sys.status(cell.pid, timeout=timeout)
        except CallError:
            return bool(cell.alive)
        return True

    async def suspended(self, place: Place, hit: Hit, seconds: float, within: float) -> None:
        """Have it take no mail for a while. However this ends, it goes on."""
        cell = place.victim
        try:
            await self._node.sys.suspend(cell.pid, timeout=ANSWER)
            await self._time.rest(seconds)
        except CallError as error:
            hit.note = str(error)
            if cell.alive:
                hit.fate = "unmoved"
                return
        finally:
            # Also when the run is cut off: nobody else would let it go on.
            if cell.suspended and cell.alive:
                resume(cell)
            elif cell.alive:
                # The request to suspend may wait in its mail still; this one then waits behind it.
                nobody = From(self._node.name, 0, None)
                self._node.deliver(cell, SystemRequest("resume", None, nobody), None)
        await self._until_serving(place, hit, within)

    async def stalled(self, place: Place, hit: Hit, seconds: float, within: float) -> None:
        """Have it hold the loop for a while."""
        stall = _Stall(seconds)
        try:
            await self._node.sys.run(place.victim.pid, stall, timeout=seconds + ANSWER)
        except CallError as error:
            hit.note = str(error)
            if place.victim.alive:
                hit.fate = "unmoved"
                return
        finally:
            stall.is_over = True  # who comes to it later than this is not held any more
        await self._until_serving(place, hit, within)

    async def _until_serving(self, place: Place, hit: Hit, within: float) -> None:
        """The trouble has ended: until it answers, or whoever came after it is there."""
        began = self._time.now()
        cell = place.victim
        if cell.alive:
            try:
                await self._node.sys.status(cell.pid, timeout=within)
            except CallError:
                if cell.alive:
                    hit.fate, hit.note = "lost", "it lives and does not answer"
                    return
        if cell.alive:
            hit.fate, hit.took = "back", self._time.now() - began
            return
        await self.until_back(place, hit, within, began)


class _Stall:
    """Holds the loop when it is called, which is to be in the process's own turn.

    It stands in this module for the watchdog's sake, which never raises in the middle of the runtime's own code.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.is_over = False

    def __call__(self) -> None:
        if not self.is_over:
            time.sleep(self._seconds)
