"""When a plan strikes: the same plan and seed give the same moments and the same draws."""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mirliton.supervisors.chaos.plan import Attack, Plan


@dataclass(frozen=True, slots=True, order=True)
class Strike:
    """One moment, in seconds from the begin, at which an attack of the plan strikes (by its number).

    `draw` decides what is hit. `targets`, in a run that repeats another, says it instead.
    """

    at: float
    attack: int
    draw: int = 0
    targets: tuple[str, ...] = ()


def schedule(plan: Plan, seed: int) -> Iterator[Strike]:
    """The strikes of a plan in the order of time. How many of them hit is known only when they are made."""
    return heapq.merge(*(_of(attack, number, plan.duration, seed) for number, attack in enumerate(plan.attacks)))


def _of(attack: Attack, number: int, duration: float, seed: int) -> Iterator[Strike]:
    # Each attack draws for itself: a change of one does not change the others.
    chance = random.Random(f"{seed}/{number}")  # noqa: S311 - repeatable is what it must be
    for moment in _moments(attack, chance):
        if moment > duration:
            return
        yield Strike(moment, number, chance.getrandbits(64))


def _moments(attack: Attack, chance: random.Random) -> Iterator[float]:
    if attack.at:
        yield from sorted(attack.at)
        return
    now = 0.0
    while True:
        now += attack.every if attack.every is not None else chance.expovariate(attack.rate or 1.0)
        yield now


def repeated(hits: Sequence[tuple[float, int, str]], attacks: int) -> list[Strike]:
    """The strikes that hit, in a run before, these targets: (moment, number of the attack, target).

    Raises ValueError where the plan has no such attack.
    """
    by_moment: dict[tuple[float, int], list[str]] = {}
    for at, attack, target in hits:
        if not 0 <= attack < attacks:
            raise ValueError(f"the report is of another plan: it has an attack number {attack}")
        by_moment.setdefault((at, attack), []).append(target)
    return sorted(Strike(at, attack, 0, tuple(targets)) for (at, attack), targets in by_moment.items())
