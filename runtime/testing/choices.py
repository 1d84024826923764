"""The decisions of one run: which of several things that could happen next does.

A run that always takes the first is what a plain `virtual_node` does: first come, first served. With a seed some
decisions are drawn; with `decisions` they are given, so that a run can be had again. What is decided, never what is
promised: messages between one pair of processes keep their order, timers of one process theirs, and a turn is whole.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

BOLDNESS: Final = (0.05, 0.2, 0.5, 1.0)
"""How many decisions a seed draws, as a fraction: many races need just one or two surprises."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Decision `number` of a run took option `taken`, where `first` would have been next."""

    number: int
    kind: str
    first: str
    taken: str
    options: int

    def __str__(self) -> str:
        return f"decision {self.number}: {self.kind} {self.taken} before {self.first} (of {self.options})"


class Choices:
    """Draws, replays and notes the decisions of one run.

    >>> choices = Choices(decisions={1: 2})
    >>> [choices.choose("runs", ["a", "b", "c"], str) for _ in range(3)]
    [0, 2, 0]
    >>> print(choices.trace[0])
    decision 1: runs c before a (of 3)
    """

    def __init__(self, seed: int | None = None, decisions: Mapping[int, int] | None = None) -> None:
        """`decisions` says by number which option is taken; all others are the first, or drawn with `seed`."""
        self._given = dict(decisions or {})
        self._random = random.Random(seed) if seed is not None else None  # noqa: S311 - nothing secret
        self._boldness = BOLDNESS[seed % len(BOLDNESS)] if seed is not None else 0.0
        self.made = 0
        """Decisions so far."""
        self.trace: list[Decision] = []
        """Those in which it was not the first one's turn."""
        self.deviations: dict[int, int] = {}
        """The same as numbers: give them as `decisions` to have the run again."""

    def choose(self, kind: str, options: Sequence[Any], label: Callable[[Any], str]) -> int:
        """The index of the option that is taken."""
        count = len(options)
        if count < 2:
            return 0
        number = self.made
        self.made += 1
        index = self._given.get(number, 0)
        if not self._given and self._random is not None and self._random.random() < self._boldness:
            index = self._random.randrange(count)
        index = min(index, count - 1)
        if index:
            self.deviations[number] = index
            self.trace.append(Decision(number, kind, label(options[0]), label(options[index]), count))
        return index
