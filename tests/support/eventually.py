"""Waiting for what no event tells: real time passes, in threads or in the loop's own callbacks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable


async def until(condition: Callable[[], object], within: float = 20.0, every: float = 0.002) -> None:
    """Wait until the condition holds, looking `every` so many seconds (0: at each turn of the loop); raises
    TimeoutError after `within` real seconds."""
    ends = time.monotonic() + within
    while not condition():
        if time.monotonic() > ends:
            raise TimeoutError(f"not so within {within:g} s")
        await asyncio.sleep(every)
