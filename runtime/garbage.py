"""Keeping the pauses of Python's garbage collector short, for nodes of many processes: `Node(…, short_pauses=True)`.

While the collector looks at an object nothing else runs, and by its own rules it looks again and again at all there
are: a node of 100,000 processes stands still for 50 to 400 ms each time. It hardly ever finds anything. What a process
was made of is freed by reference counts when it ends, since the runtime leaves no cycle behind; there is work for the
collector only where a program makes cycles of its own, and most of these die young.

So here it looks at what is new twenty times a second (when anything has run), a few times more at what is left of that,
and what is still there after a second counts as old and is not looked at again (`gc.freeze`). Where so much is new that
another look at it would take longer than 5 ms it counts as old at once. So no pause depends on how many processes live.
(The collector's own rule counts what was made less what was freed, of whatever age. In a steady coming and going it is
never due, and when it is after all there is much to look at.)

Old objects are freed by their reference counts as before; only a cycle that dies old stays. Therefore everything is
looked at after all, in a pause that is logged, when the memory in use has doubled since the last time in a program that
makes cycles, as the looks at what is new tell, and when it has grown eightfold in any; never before there are a million
blocks of memory (about 100 MB). Memory that grows where no cycles are found is not the collector's business: processes
were started, or have learned something. A program that can tell when nobody minds, at the end of its boot say, calls
`collect_all`.

It is the collector of the OS process that is changed, not only the node's. The last node that ends changes it back.
"""

from __future__ import annotations

import gc
import math
import sys
import time
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import asyncio

    from mirliton.runtime.node import Node

EVERY: Final = 0.05
"""Seconds between two looks at what is new; every fourth looks at what is left of the last four, every sixteenth at
what is left of those."""
LONGEST: Final = 0.005
"""Seconds that looking once more at what is not old yet may take."""
NEW: Final = 1_000
"""What is new is looked at earlier when there are so many objects more than before."""
BLOCKS: Final = 1_000_000
"""Blocks of memory in use below which no look at everything is worth its pause."""
GROWTH: Final = 2.0
"""A look at everything is due when there are so many times the blocks that the last one left, and cycles were found."""
CYCLES: Final = 10_000
"""Objects found in cycles since the last look at everything that make it likely that there are old ones."""
MOST_GROWTH: Final = 8.0
"""The same as GROWTH where no cycles were found."""

_NEVER: Final = 1_000_000
_OLDEST: Final = 2


class ShortPauses:
    """The rule at work in this OS process; `begin` and `end` are called by the nodes, each on its own loop."""

    def __init__(self) -> None:
        self._nodes: list[Node] = []
        self._before = (0, 0, 0)
        self._timer: asyncio.TimerHandle | None = None
        self._looks = 0
        self._turns = 0
        self._began = 0.0
        self._spent = 0.0
        """Seconds that the last looks at what is not old yet took: about what the next one takes."""
        self._due_at = self._overdue_at = math.inf
        """Blocks in use at which a look at everything is due, if cycles were found, and if not."""
        self._found = 0
        """Objects in cycles that looks at what is new have found since the last look at everything."""
        self._called = False
        self.whole_collections = 0
        self.longest = 0.0
        """Seconds that the longest look at everything took."""

    def begin(self, node: Node) -> None:
        """Keep to the rule from now on; what is there now is old."""
        self._nodes.append(node)
        if len(self._nodes) == 1:
            self._before = gc.get_threshold()
            gc.set_threshold(NEW, _NEVER, _NEVER)
            gc.callbacks.append(self._watch)
            self._wait()
        self.collect_all()

    def end(self, node: Node) -> None:
        """This node does not need it any more."""
        if node not in self._nodes:
            return
        first = node is self._nodes[0]
        self._nodes.remove(node)
        if first and self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._nodes:
            gc.callbacks.remove(self._watch)
            gc.set_threshold(*self._before)
            gc.unfreeze()
        elif first:
            self._nodes[0].loop.call_soon_threadsafe(self._wait)

    def collect_all(self) -> int:
        """Collect everything, the old too, in one pause. Returns how many objects nobody could reach."""
        began = time.perf_counter()
        self._due_at = self._overdue_at = math.inf
        gc.unfreeze()
        found = gc.collect()
        gc.freeze()
        took = time.perf_counter() - began
        self.whole_collections += 1
        self.longest = max(self.longest, took)
        blocks = sys.getallocatedblocks()
        self._due_at, self._overdue_at = max(BLOCKS, blocks * GROWTH), max(BLOCKS, blocks * MOST_GROWTH)
        self._found = 0
        if self._nodes:
            self._nodes[0].log.info("garbage_collected", seconds=round(took, 4), found=found)
        return found

    def _wait(self) -> None:
        if self._nodes:
            self._timer = self._nodes[0].loop.call_later(EVERY, self._look)

    def _look(self) -> None:
        self._wait()
        turns = sum(node.scheduler.turns for node in self._nodes)
        if turns == self._turns:
            return
        self._turns = turns
        self._looks += 1
        gc.collect(_OLDEST if self._looks % 16 == 0 else 1 if self._looks % 4 == 0 else 0)

    def _watch(self, phase: str, info: dict[str, Any]) -> None:
        """What the collector calls before and after a look, in whatever code has just made an object."""
        if phase == "start":
            self._began = time.perf_counter()
            return
        self._spent += time.perf_counter() - self._began
        self._found += info["collected"]
        if info["generation"] != _OLDEST and self._spent < LONGEST:
            return
        gc.freeze()
        self._spent = 0.0
        due_at = self._due_at if self._found >= CYCLES else self._overdue_at
        if sys.getallocatedblocks() >= due_at and not self._called:
            # Not now: the collector does not collect while it calls.
            self._called = True
            self._nodes[0].loop.call_soon_threadsafe(self._catch_up)

    def _catch_up(self) -> None:
        self._called = False
        if self._nodes:
            self.collect_all()


short_pauses: Final = ShortPauses()
"""There is one collector in an OS process."""


def collect_all() -> int:
    """Collect everything now, the old too, and let what is left count as old. Stops all for up to 0.4 s per 100,000
    processes. Returns how many objects nobody could reach.
    """
    return short_pauses.collect_all()
