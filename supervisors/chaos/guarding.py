"""Whom the guard spares: what would end with a blow, and what supervisors still bear."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any

from mirliton.runtime import Address, Node, Pid
from mirliton.supervisors.chaos.places import child_of, restarts, supervisor_of
from mirliton.supervisors.chaos.plan import Attack, Guard, Pick
from mirliton.supervisors.strategies import STRATEGIES
from mirliton.supervisors.supervisor import Supervisor


class Guarding:
    """The guard over one node. `spared`, what ends with them, and all above them are never hit."""

    def __init__(self, node: Node, now: Callable[[], float], spared: Sequence[Address]) -> None:
        self._node = node
        self._now = now
        self._spared = tuple(spared)
        self._owed: Counter[Pid] = Counter()
        """Restarts that supervisors owe for what was hit and is not back."""
        self._supposed: defaultdict[Pid, list[float]] = defaultdict(list)
        self._ahead = 0.0

    def refusal(self, cell: Any, attack: Attack, pick: Pick, guard: Guard) -> str:
        """Why this one may not be hit; empty when it may."""
        if not cell.alive:
            return "it has ended"
        if spared := self._spares(cell, attack, guard):
            return spared
        if cell.suspended and attack.how != "kill":
            return "it is suspended"
        if attack.how == "suspend":
            return ""
        if supervisor_of(self._node, cell) is None:
            return "" if guard.unsupervised else "nobody supervises it"
        if pick.beyond_intensity:
            return ""
        for supervisor in self.charged(cell, attack):
            if not self._bears(supervisor):
                return f"{supervisor.label} would give up over it"
        return ""

    def owes(self, supervisors: Sequence[Pid]) -> None:
        """They have to make a restart each."""
        self._owed.update(supervisors)

    def owes_no_more(self, supervisors: Sequence[Pid]) -> None:
        """They have made it, or will not."""
        self._owed.subtract(supervisors)
        self._owed += Counter()  # none that is zero is kept

    def look_ahead(self, seconds: float) -> None:
        """In a dry run: so many seconds from now have gone by."""
        self._ahead = seconds

    def suppose(self, cell: Any, attack: Attack) -> None:
        """In a dry run: it was hit at the moment that was looked ahead to."""
        for supervisor in self.charged(cell, attack):
            self._supposed[supervisor.pid].append(self._ahead)

    def charged(self, cell: Any, attack: Attack) -> list[Any]:
        """The supervisors whose restart intensity a blow is taken from. While one starts, an end of its child ends it
        as well, and is for its own supervisor to bear."""
        above = supervisor_of(self._node, cell)
        if above is None or attack.how == "suspend":
            return []
        child = child_of(above, cell)
        charged = [above] if child is None or restarts(child, _reason(attack)) else []
        while above.starter and (outer := supervisor_of(self._node, above)) is not None:
            charged.append(outer)
            above = outer
        return charged

    def _spares(self, cell: Any, attack: Attack, guard: Guard) -> str:
        if _fits(cell, guard.never):
            return "the guard spares it by name"
        steering = {found for address in self._spared if (found := self._node.find(address)) is not None}
        if cell in steering:
            return "the run is steered by it"
        if attack.how == "suspend" or not (guard.never or steering):
            return ""
        for other in self._ends_with(cell, attack):
            if other in steering:
                return f"{other.label}, by which the run is steered, would end with it"
            if _fits(other, guard.never):
                return f"{other.label}, which the guard spares, would end with it"
        return ""

    def _ends_with(self, cell: Any, attack: Attack) -> Iterator[Any]:
        """What stands below it; and what its supervisor restarts together with it, with what stands below that."""
        yield from self._below(cell)
        above = supervisor_of(self._node, cell)
        child = child_of(above, cell) if above is not None else None
        if above is None or child is None or above.actor.simple or not restarts(child, _reason(attack)):
            return
        for sibling in STRATEGIES[above.actor.tree.strategy](above.actor.children, child).stop:
            other = self._node.find(sibling.process) if sibling.process is not None else None
            if other is not None:
                yield other
                yield from self._below(other)

    def _below(self, cell: Any) -> Iterator[Any]:
        if not isinstance(cell.actor, Supervisor):
            return
        for child in getattr(cell.actor, "children", ()):
            below = self._node.find(child.process) if child.process is not None else None
            if below is not None:
                yield below
                yield from self._below(below)

    def _bears(self, supervisor: Any) -> bool:
        window = getattr(supervisor.actor, "window", None)
        if window is None:
            return False  # it has not come to have one: whatever ends it now is too much
        supposed = sum(self._ahead - when <= window.period for when in self._supposed[supervisor.pid])
        used = window.still_used(self._now() + self._ahead) + supposed
        return bool(used + self._owed[supervisor.pid] < window.intensity)


def _reason(attack: Attack) -> str:
    return attack.reason if attack.how == "exit" else "killed"


def _fits(cell: Any, patterns: Sequence[str]) -> bool:
    if not patterns:
        return False
    names = [cell.kind, *map(str, cell.names or ())]
    return any(fnmatchcase(name, pattern) for name in names for pattern in patterns)
