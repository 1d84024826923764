"""A node's time, for those who are no process of it: real, or a test's."""

from __future__ import annotations

import asyncio

from mirliton.runtime import Node


class NodeTime:
    """Waiting by the clock of a node. What rests, unlike what pauses, can be hurried."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._hurried = False
        self._resting: set[asyncio.Future[None]] = set()

    def now(self) -> float:
        """Monotonic seconds."""
        return self._node.clock.now()

    async def pause(self, seconds: float) -> None:
        """Let so much time pass."""
        await self._wait(seconds, self._node.loop.create_future())

    async def rest(self, seconds: float) -> None:
        """As `pause`, but over at once when somebody hurries it."""
        if self._hurried:
            return
        future: asyncio.Future[None] = self._node.loop.create_future()
        self._resting.add(future)
        try:
            await self._wait(seconds, future)
        finally:
            self._resting.discard(future)

    def hurry(self) -> None:
        """End all rests, and those to come."""
        self._hurried = True
        for future in self._resting:
            _settle(future)

    async def _wait(self, seconds: float, future: asyncio.Future[None]) -> None:
        timer = self._node.after(seconds, _settle, future)
        try:
            await future
        finally:
            self._node.timers.cancel(timer)


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
