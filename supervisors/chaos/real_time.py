"""Waiting by the machine's own clock, for fields that are outside of any node."""

from __future__ import annotations

import asyncio
import contextlib
import time


class RealTime:
    """Real seconds. What rests, unlike what pauses, can be hurried."""

    def __init__(self) -> None:
        self._hurried = asyncio.Event()

    def now(self) -> float:
        """Monotonic seconds."""
        return time.monotonic()

    async def pause(self, seconds: float) -> None:
        """Let so much time pass."""
        await asyncio.sleep(seconds)

    async def rest(self, seconds: float) -> None:
        """As `pause`, but over at once when somebody hurries it."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._hurried.wait(), seconds)

    @property
    def is_hurried(self) -> bool:
        """Whether rests are over at once."""
        return self._hurried.is_set()

    def hurry(self) -> None:
        """End all rests, and those to come."""
        self._hurried.set()
