"""A killer: kills processes of every kind at random moments, by a seed, within or beyond what supervisors bear.

The same seed makes the same choices; what they hit depends on what lives at that moment, so a run is much alike another
with the same seed, not equal to it.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Sequence

from mirliton.runtime import Name, Node
from targets import TARGETS, Target

BORNE = 5
PERIOD = 10.0
"""Every supervisor of the house bears so many restarts in so many seconds."""
_MARGIN = 0.5
"""Seconds: a restart is counted when it is made, a little after the kill."""


class Killer:
    """Kills `kills` times, about `rate` times a second, in `node`; `calls` tells the ids of the calls that are up.

    Within intensity a kind under a supervisor that all share is left alone while that supervisor would give up.
    """

    def __init__(
        self,
        node: Node,
        calls: Callable[[], Sequence[str]],
        *,
        kills: int,
        rate: float,
        seed: int,
        targets: Sequence[Target] = TARGETS,
        borne: int = BORNE,
    ) -> None:
        self.node = node
        self.calls = calls
        self.kills = kills
        self.rate = rate
        self.targets = tuple(targets)
        self.borne = borne
        self.killed: Counter[str] = Counter()
        self._chance = random.Random(seed)
        self._lately: defaultdict[Name, deque[float]] = defaultdict(deque)

    async def run(self) -> None:
        """Until all kills are made, or no call is up any more."""
        while self.killed.total() < self.kills:
            await asyncio.sleep(self._chance.expovariate(self.rate))
            if not self.calls() and self.killed:
                return
            self.strike()

    def strike(self) -> str | None:
        """One kill, of a kind that is there and may be killed: its name."""
        for target in self._chance.sample(self.targets, len(self.targets)):
            if not self._may(target):
                continue
            call_id = self._some_call()
            pids = target.of(self.node, call_id)
            if not pids:
                continue
            self.node.exit(self._chance.choice(pids), "kill")
            self.killed[target.name] += 1
            if target.under is not None:
                self._lately[target.under].append(self.node.clock.now())
            return target.name
        return None

    def _may(self, target: Target) -> bool:
        if target.under is None:
            return True
        lately = self._lately[target.under]
        while lately and lately[0] < self.node.clock.now() - PERIOD - _MARGIN:
            lately.popleft()
        return len(lately) < self.borne

    def _some_call(self) -> str:
        calls = self.calls()
        return self._chance.choice(calls) if calls else ""
