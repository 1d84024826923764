"""Which processes of a node fit, and in what order they are drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from random import Random
from typing import Any, Final

from mirliton.runtime import Name, Node
from mirliton.supervisors.chaos.field import Target
from mirliton.supervisors.chaos.places import Labels, supervisor_of
from mirliton.supervisors.chaos.plan import Pick
from mirliton.supervisors.supervisor import Supervisor

ORDERED: Final = 5_000
"""So many are brought into the order of their labels before one is drawn, so that a draw means the same place each
time. Of more, which would take too long, those that are restarted change their places."""
SAMPLED: Final = 1_000
"""Draws from all processes of a larger node in search of one that fits, before all are looked at."""
_WILD: Final = frozenset("*?[")


class Picking:
    """The processes of one node."""

    def __init__(self, node: Node) -> None:
        self.node = node

    def find(self, pick: Pick) -> list[Target]:
        """Everything that fits, by label."""
        found = dict.fromkeys(self._fitting(pick))
        if pick.above:
            found = dict.fromkeys(above for cell in found if (above := supervisor_of(self.node, cell)) is not None)
        if len(found) <= ORDERED:
            called = Labels(self.node)
            found = dict.fromkeys(sorted(found, key=lambda cell: (called.of(cell), cell.pid.serial)))
        return [Target(cell.kind, cell.pid, cell) for cell in found]

    def offer(self, pick: Pick, chance: Random) -> Iterator[Target]:
        """What fits, drawn one after the other."""
        if not pick.names and len(self.node) > ORDERED:
            # To look at all of so many for each strike would hold the loop for a tenth of a second.
            cells = list(self.node.processes())
            fits = self._fits(pick)
            for cell in (chance.choice(cells) for _ in range(SAMPLED)):
                found = supervisor_of(self.node, cell) if pick.above else cell
                if found is not None and fits(cell):
                    yield Target(found.kind, found.pid, found)
        all_that_fit = self.find(pick)
        yield from chance.sample(all_that_fit, len(all_that_fit))

    def at(self, label: str) -> Target | None:
        """Who is there now."""
        kind, colon, key = label.partition(":")
        cell = self.node.find(Name(kind, key)) if colon else None
        if cell is None:
            called = Labels(self.node)
            nameless = (cell for cell in self.node.processes() if not cell.names)
            cell = next((cell for cell in nameless if called.of(cell) == label), None)
        return Target(cell.kind, cell.pid, cell) if cell is not None else None

    def _fitting(self, pick: Pick) -> Iterator[Any]:
        return filter(self._fits(pick), self._named(pick.names) if pick.names else self.node.processes())

    def _fits(self, pick: Pick) -> Callable[[Any], bool]:
        kinds = _Matching(pick.kinds)
        below = self._below(pick.below) if pick.below else None
        return lambda cell: (not pick.kinds or kinds(cell.kind)) and (below is None or below(cell))

    def _named(self, patterns: Sequence[str]) -> Iterator[Any]:
        for pattern in patterns:
            kind, _, key = pattern.partition(":")
            if _WILD.isdisjoint(pattern):
                cell = self.node.find(Name(kind, key))
                if cell is not None:
                    yield cell
                continue
            exact = _WILD.isdisjoint(kind)
            for name, cell in self.node.registry.held():
                if cell.alive and (not exact or name.kind == kind) and fnmatchcase(str(name), pattern):
                    yield cell

    def _below(self, pattern: str) -> Callable[[Any], bool]:
        tops = {cell for cell in self._named([pattern]) if isinstance(cell.actor, Supervisor)}
        known: dict[Any, bool] = dict.fromkeys(tops, False)  # a top is not below itself

        def is_below(cell: Any) -> bool:
            if cell not in known:
                above = supervisor_of(self.node, cell)
                known[cell] = above is not None and (above in tops or is_below(above))
            return known[cell]

        return is_below


class _Matching:
    """Whether one of the patterns fits, remembered by text: there are few classes and many processes."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._patterns = patterns
        self._known: dict[str, bool] = {}

    def __call__(self, text: str) -> bool:
        if text not in self._known:
            self._known[text] = any(fnmatchcase(text, pattern) for pattern in self._patterns)
        return self._known[text]
