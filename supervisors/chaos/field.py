"""What an attack is made on: the processes of a node, the OS processes of a node supervisor, connections, services.

A Field finds targets, says why one may not be hit, strikes, and follows each hit until its fate is known. A run has
several Fields, one for each of what its plan attacks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Coroutine, Iterable, Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Literal, Protocol

from mirliton.supervisors.chaos.errors import PlanError, Problem
from mirliton.supervisors.chaos.plan import Attack, Guard, Pick, Plan, What

Fate = Literal["pending", "back", "lost", "gone", "unmoved"]
"""back: somebody is in its place, or it goes on. lost: nobody was in time, and somebody should. gone: nobody is to
start it again. unmoved: it bore the trouble, as who traps exits does."""


@dataclass(frozen=True, slots=True)
class Target:
    """What may be hit: its class, its process id, and what the field knows it by."""

    kind: str
    pid: Any
    handle: Any


@dataclass(slots=True)
class Hit:
    """One thing that was done. Times are seconds; `at` counts from the run's begin, `took` from the end of the trouble
    (of a kill: from the kill) until the target, or who takes its place, serves again."""

    at: float
    attack: int
    how: str
    group: str
    target: str
    kind: str
    pid: str
    planned: float = 0.0
    fate: Fate = "pending"
    took: float | None = None
    note: str = ""
    awaited: bool = True
    """Somebody is to start it again, or it is to go on: until it does, it counts as down."""

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        shown = {
            "at": round(self.at, 4),
            "planned": self.planned,
            "attack": self.attack,
            "how": self.how,
            "group": self.group,
            "target": self.target,
            "class": self.kind,
            "pid": self.pid,
            "fate": self.fate,
        }
        if self.took is not None:
            shown["took"] = round(self.took, 6)
        return shown | ({"note": self.note} if self.note else {})


class Field(Protocol):
    """See the module. Its clock is monotonic seconds."""

    @property
    def what(self) -> What:
        """What attacks it is for."""

    def now(self) -> float:
        """What time it is."""

    async def pause(self, seconds: float) -> None:
        """Let so much of its time pass."""

    async def rest(self, seconds: float) -> None:
        """As `pause`, but over at once when somebody hurries it."""

    def hurry(self) -> None:
        """End all rests, and those to come: what troubles for a while is to end now."""

    def begin(self) -> None:
        """A run begins: from now on it listens."""

    def end(self) -> None:
        """A run is over."""

    def find(self, pick: Pick) -> list[Target]:
        """Everything that fits now, in a stable order."""

    def offer(self, pick: Pick, chance: Random) -> Iterator[Target]:
        """What fits, drawn one after the other: the same draws give the same places."""

    def label(self, target: Target) -> str:
        """What `at` finds it, or its successor, by."""

    def at(self, label: str) -> Target | None:
        """Who is there now."""

    def refusal(self, target: Target, attack: Attack, pick: Pick, guard: Guard) -> str:
        """Why this one may not be hit; empty when it may."""

    def look_ahead(self, seconds: float) -> None:
        """In a dry run: so many seconds from now have gone by."""

    def suppose(self, target: Target, attack: Attack) -> None:
        """In a dry run: it was hit at the moment that was looked ahead to."""

    def strike(self, target: Target, attack: Attack, hit: Hit, within: float) -> Coroutine[Any, Any, None]:
        """Do it; what comes of it within so many seconds is entered in `hit` by the coroutine, which ends then."""

    def gave_up(self) -> list[str]:
        """Supervisors that gave up since the begin, by name, or by class where they have none."""

    def unsettled(self) -> Mapping[Any, str]:
        """What nobody at rest holds."""

    def census(self) -> Counter[str]:
        """How many there are of each kind."""


class Fields:
    """The fields of one run. Time is that of the first. Raises ValueError for none, or two of the same."""

    def __init__(self, fields: Field | Iterable[Field]) -> None:
        all_fields = list(fields) if isinstance(fields, Iterable) else [fields]
        self._by_what = {field.what: field for field in all_fields}
        if not all_fields or len(self._by_what) < len(all_fields):
            raise ValueError("a run needs a field, and not two of the same")
        self._first = all_fields[0]

    def check(self, plan: Plan) -> None:
        """Raise PlanError for an attack on what there is no field of."""
        here = ", ".join(sorted(self._by_what))
        wrong = [
            Problem(f"attack.{number}.what", f"must be what can be attacked here: {here}", attack.what)
            for number, attack in enumerate(plan.attacks)
            if attack.what not in self._by_what
        ]
        if wrong:
            raise PlanError(wrong)

    def of(self, attack: Attack) -> Field:
        """The one that an attack is on."""
        return self._by_what[attack.what]

    def now(self) -> float:
        return self._first.now()

    async def pause(self, seconds: float) -> None:
        await self._first.pause(seconds)

    async def rest(self, seconds: float) -> None:
        await self._first.rest(seconds)

    def hurry(self) -> None:
        for field in self._by_what.values():
            field.hurry()

    def begin(self) -> None:
        for field in self._by_what.values():
            field.begin()

    def end(self) -> None:
        for field in self._by_what.values():
            field.end()

    def look_ahead(self, seconds: float) -> None:
        for field in self._by_what.values():
            field.look_ahead(seconds)

    def gave_up(self) -> list[str]:
        return [one for field in self._by_what.values() for one in field.gave_up()]

    def unsettled(self) -> Mapping[Any, str]:
        return {key: said for field in self._by_what.values() for key, said in field.unsettled().items()}

    def census(self) -> Counter[str]:
        return sum((field.census() for field in self._by_what.values()), Counter())
