"""The way out of the hub: what the reading greenlet hands to the asyncio loop, in order and bounded.

Events are read as fast as they come, for FreeSWITCH drops them for slow readers and then drops the reader. So the
queue is here. It crosses in batches: `call_soon_threadsafe` is called once for as many items as there are when the
loop gets to it, and at most `BATCH` of them are taken per turn of the loop, so that timers stay punctual.

Each counter has one writer (`put` runs in the hub, `_take` in the loop), so no lock is needed; the flag that says
that a turn is due is looked at again after it was taken down.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, Generic, TypeVar

T = TypeVar("T")

BATCH: Final = 128
"""Items per turn of the loop: near the best rate, and timers stay within a few milliseconds."""


class Inbox(Generic[T]):
    """A queue from the hub thread to the loop. `deliver` gets every item, in the loop, and may not raise."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, deliver: Callable[[T], None], *, limit: int, limit_bytes: int
    ) -> None:
        self.limit = limit
        self.limit_bytes = limit_bytes
        self.high_water = 0
        """The most items that ever waited."""
        self._loop = loop
        self._deliver = deliver
        self._items: deque[tuple[T, int]] = deque()
        self._due = False
        self._bytes_in = 0
        self._bytes_out = 0

    def __len__(self) -> int:
        return len(self._items)

    @property
    def waiting_bytes(self) -> int:
        """The sizes of the waiting items."""
        return self._bytes_in - self._bytes_out

    def put(self, item: T, size: int = 0, *, always: bool = False) -> bool:
        """In the hub: queue an item. False when there is no room for it (`always`: there is), and when the loop has
        been closed, so that nobody will ever take it.

        An empty inbox takes an item of any size.
        """
        waiting = len(self._items)
        full = waiting >= self.limit or (waiting > 0 and self.waiting_bytes + size > self.limit_bytes)
        if full and not always:
            return False
        self._bytes_in += size
        self._items.append((item, size))
        self.high_water = max(self.high_water, waiting + 1)
        if self._due:
            return True
        self._due = True
        try:
            self._loop.call_soon_threadsafe(self._take)
        except RuntimeError:
            self._due = False
            return False
        return True

    def _take(self) -> None:
        for _ in range(BATCH):
            if not self._items:
                self._due = False
                # The hub may have put something in before it could see the flag go down.
                if not self._items or self._due:
                    return
                self._due = True
            item, size = self._items.popleft()
            self._bytes_out += size
            self._deliver(item)
        self._loop.call_soon(self._take)
