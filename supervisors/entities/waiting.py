"""Waiting on a node's own time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from mirliton.runtime import Node

T = TypeVar("T")


def settle(future: asyncio.Future[T], value: T) -> None:
    """Give a future its result, unless it has one, or nobody waits any more."""
    if not future.done():
        future.set_result(value)


async def pause(node: Node, seconds: float) -> None:
    """Let so much of the node's time pass."""
    passed: asyncio.Future[None] = node.loop.create_future()
    timer = node.after(seconds, lambda _: settle(passed, None))
    try:
        await passed
    finally:
        node.timers.cancel(timer)


class Every:
    """Tells when it is time for something that is done every so many seconds; the first time after as many."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._next: float | None = None

    def due(self, now: float) -> bool:
        """Whether it is; then the next time is so many seconds from now."""
        if self._next is None:
            self._next = now + self._seconds
        if now < self._next:
            return False
        self._next = now + self._seconds
        return True


class Watch:
    """Calls back once, with the reason, when the process that is watched has ended."""

    def __init__(self, tell: Callable[[Any], object]) -> None:
        self._tell = tell
        self._done = False

    def done(self) -> bool:
        return self._done

    def set_result(self, result: Any, /) -> None:
        self._done = True
        self._tell(result)
