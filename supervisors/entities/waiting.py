"""Waiting on a node's own time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

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
