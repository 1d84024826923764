"""What must hold while a plan is carried out, and when all has come to rest."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from fnmatch import fnmatchcase
from typing import Final

from mirliton.supervisors.chaos.errors import PlanError, Problem
from mirliton.supervisors.chaos.field import Fields, Hit
from mirliton.supervisors.chaos.plan import Plan
from mirliton.supervisors.chaos.report import Checked

Check = Callable[[], Awaitable[None]]
"""An invariant of the caller's: it raises, with words, when it does not hold. What may be away for a moment, it waits
for."""

LOOK_EVERY: Final = 0.05
SHOWN: Final = 10
"""Lines of a complaint."""


class Watchman:
    """Looks at the invariants of a plan. Raises PlanError where the plan names a check that nobody has given."""

    def __init__(self, field: Fields, plan: Plan, checks: Mapping[str, Check]) -> None:
        self._field = field
        self._wanted = wanted = plan.invariants
        if unknown := [name for name in wanted.checks if name not in checks]:
            said = f"must be checks that are there: {', '.join(sorted(checks)) or 'there is none'}"
            raise PlanError([Problem("invariants.checks", said, unknown)])
        self._checks = {name: checks[name] for name in wanted.checks}
        self._before: Counter[str] = Counter()
        self._began = 0.0
        self.returned = Checked(f"back within {wanted.returned_within:g} s") if wanted.returned else None
        self.gave_up = Checked("no supervisor gave up") if wanted.no_supervisor_gave_up else None
        self.leaks = Checked("no leaks") if wanted.no_leaks else None
        self.processes = Checked("as many processes as before") if wanted.same_processes else None
        self.named = {name: Checked(name) for name in wanted.checks}

    @property
    def all(self) -> list[Checked]:
        """The invariants that the plan wants."""
        own = (self.returned, self.gave_up, self.leaks, self.processes)
        return [*(one for one in own if one is not None), *self.named.values()]

    @property
    def failed(self) -> str:
        """The first that did not hold; empty while all do."""
        return next((one.name for one in self.all if one.failed), "")

    def begin(self) -> None:
        """Remember how it was before."""
        self._began = self._field.now()
        if self.processes is not None:
            self._before = self._field.census()

    def saw(self, hit: Hit) -> None:
        """What came of a hit is known."""
        if self.returned is not None:
            late = f"{hit.target} ({hit.kind} {hit.pid}): {hit.note or 'nobody came'}"
            self._note(self.returned, [late] if hit.fate == "lost" else [])

    async def look(self) -> None:
        """What has to hold at any moment."""
        if self.gave_up is not None:
            borne = self._wanted.may_give_up
            gone = [one for one in self._field.gave_up() if not any(fnmatchcase(one, pattern) for pattern in borne)]
            self._note(self.gave_up, gone)
        for name, check in self._checks.items():
            try:
                async with asyncio.timeout(self._wanted.check_timeout):
                    await check()
            except TimeoutError as error:
                said = str(error) or f"it took more than {self._wanted.check_timeout:g} s"
                self._note(self.named[name], [said])
            except Exception as error:  # noqa: BLE001 - whatever a check raises says that it does not hold
                self._note(self.named[name], [f"{type(error).__name__}: {error}" if str(error) else repr(error)])
            else:
                self._note(self.named[name], [])

    async def look_at_the_end(self) -> None:
        """What has to hold when nothing is hit any more."""
        await self.look()
        if self.returned is not None and not self.returned.looks:
            self._note(self.returned, [])  # nobody was hit
        if self.leaks is not None:
            self._note(self.leaks, await self._held_for_good())
        if self.processes is not None:
            self._note(self.processes, await self._other_processes())

    async def _held_for_good(self) -> list[str]:
        """What nobody at rest holds, and is held at every look until the time to settle is over."""
        ends_at = self._field.now() + self._wanted.settle
        stuck = dict(self._field.unsettled())
        pause = LOOK_EVERY
        while stuck and self._field.now() < ends_at:
            await self._field.pause(min(pause, ends_at - self._field.now()))
            pause *= 2  # a look at a large node takes its time
            now = self._field.unsettled()
            stuck = {key: now[key] for key in stuck if key in now}
        return list(stuck.values())

    async def _other_processes(self) -> list[str]:
        ends_at = self._field.now() + self._wanted.settle
        while (now := self._field.census()) != self._before and self._field.now() < ends_at:
            await self._field.pause(LOOK_EVERY)
        return [
            f"{now[kind]} {kind}, there were {self._before[kind]}"
            for kind in sorted(now.keys() | self._before.keys())
            if now[kind] != self._before[kind]
        ]

    def _note(self, one: Checked, complaints: list[str]) -> None:
        one.looks += 1
        if complaints and not one.failed:
            more = f" … and {len(complaints) - SHOWN} more" if len(complaints) > SHOWN else ""
            one.failed = "; ".join(complaints[:SHOWN]) + more
            one.failed_at = round(self._field.now() - self._began, 3)
