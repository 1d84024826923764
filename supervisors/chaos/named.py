"""A field of what is known by its name and troubled by itself: connections (through their proxy), services."""

from __future__ import annotations

from collections import Counter
from collections.abc import Coroutine, Iterator, Mapping
from fnmatch import fnmatchcase
from random import Random
from typing import Any, Protocol

from mirliton.supervisors.chaos.field import Hit, Target
from mirliton.supervisors.chaos.plan import Attack, Guard, Pick, What
from mirliton.supervisors.chaos.real_time import RealTime


class Member(Protocol):
    """One of them."""

    @property
    def kind(self) -> str:
        """What it is, in a word."""

    @property
    def place(self) -> str:
        """Where it is."""

    async def troubled(self, attack: Attack, hit: Hit, within: float, time: RealTime) -> None:
        """Do it, follow it until its fate is known and enter that in `hit`. However this ends, the trouble does."""


class NamedField:
    """Members by name. One is troubled by one attack at a time."""

    def __init__(self, what: What, members: Mapping[str, Member]) -> None:
        self.what = what
        self._members = dict(members)
        self._troubled: set[str] = set()
        self._time = RealTime()

    def now(self) -> float:
        return self._time.now()

    async def pause(self, seconds: float) -> None:
        await self._time.pause(seconds)

    async def rest(self, seconds: float) -> None:
        await self._time.rest(seconds)

    def hurry(self) -> None:
        self._time.hurry()

    def begin(self) -> None:
        """Nothing tells of them; they are asked."""

    def end(self) -> None:
        """See begin."""

    def find(self, pick: Pick) -> list[Target]:
        patterns = pick.names or ("*",)
        fitting = [name for name in self._members if any(fnmatchcase(name, pattern) for pattern in patterns)]
        return [self._target(name) for name in sorted(fitting)]

    def offer(self, pick: Pick, chance: Random) -> Iterator[Target]:
        found = self.find(pick)
        return iter(chance.sample(found, len(found)))

    def label(self, target: Target) -> str:
        return str(target.handle)

    def at(self, label: str) -> Target | None:
        return self._target(label) if label in self._members else None

    def _target(self, name: str) -> Target:
        member = self._members[name]
        return Target(member.kind, member.place, name)

    def refusal(self, target: Target, attack: Attack, pick: Pick, guard: Guard) -> str:
        if any(fnmatchcase(target.handle, pattern) for pattern in guard.never):
            return "the guard spares it by name"
        return "it is being troubled" if target.handle in self._troubled else ""

    def look_ahead(self, seconds: float) -> None:
        """They bear any number of troubles."""

    def suppose(self, target: Target, attack: Attack) -> None:
        """See look_ahead."""

    def strike(self, target: Target, attack: Attack, hit: Hit, within: float) -> Coroutine[Any, Any, None]:
        self._troubled.add(target.handle)
        return self._troubling(self._members[target.handle], target.handle, attack, hit, within)

    async def _troubling(self, member: Member, name: str, attack: Attack, hit: Hit, within: float) -> None:
        try:
            await member.troubled(attack, hit, within, self._time)
        finally:
            self._troubled.discard(name)

    def gave_up(self) -> list[str]:
        return []

    def unsettled(self) -> Mapping[Any, str]:
        return {}

    def census(self) -> Counter[str]:
        return Counter()
