"""A killer: kills processes of every kind at random moments, by a seed, within or beyond what supervisors bear.

The same seed makes the same choices; what they hit depends on what lives at that moment, so a run is much alike another
with the same seed, not equal to it.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Sequence

from mirliton.runtime import Name, Node, Pid
from targets import TARGETS, Target

BORNE = 5
PERIOD = 10.0
"""Every supervisor of the house bears so many restarts in so many seconds."""
_NEW = 0.1
"""How often a kind that has not been killed yet comes first."""
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
        targets = self._chance.sample(self.targets, len(self.targets))
        if self._chance.random() < _NEW:
            targets.sort(key=lambda target: target.name in self.killed)
        for target in targets:
            pids = target.of(self.node, self._some_call())
            if not pids:
                continue
            pid = self._chance.choice(pids)
            charged = self._charged(target, pid)
            if all(self._bears(name) for name in charged):
                self.node.exit(pid, "kill")
                self.killed[target.name] += 1
                for name in charged:
                    self._lately[name].append(self.node.clock.now())
                return target.name
        return None

    def _charged(self, target: Target, pid: Pid) -> list[Name]:
        """Whose restart intensity the kill is taken from. While a supervisor starts, an end of one of its children ends
        it as well, and is its own supervisor's to bear."""
        if target.under is None:
            return []
        charged = [target.under]
        cell = self.node.find(pid)
        while cell is not None and (above := self.node.find(cell.parent)) is not None and above.starter:
            cell = above
            outer = self.node.find(above.parent)
            if outer is not None and outer.names:
                charged.append(outer.names[0])
        return charged

    def _bears(self, name: Name) -> bool:
        lately = self._lately[name]
        while lately and lately[0] < self.node.clock.now() - PERIOD - _MARGIN:
            lately.popleft()
        return len(lately) < self.borne

    def _some_call(self) -> str:
        calls = self.calls()
        return self._chance.choice(calls) if calls else ""
