"""Carries a plan out: strikes at its moments, follows every hit, watches the invariants, and reports.

    run = ChaosRun(ProcessField(node), plan, seed=7)
    report = await run.carry_out()

It is no process of the node, so that nothing it hits can end it. `stop` may be called at any time: no more strikes are
made, what was suspended goes on, and the report is made of what was. When the Task it runs in is cancelled, everything
that is suspended goes on, too.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import secrets
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from typing import Any, Final

from mirliton.supervisors.chaos.counters import totals
from mirliton.supervisors.chaos.errors import ChaosRefused
from mirliton.supervisors.chaos.field import Field, Fields, Hit, Target
from mirliton.supervisors.chaos.invariants import Check, Watchman
from mirliton.supervisors.chaos.plan import Attack, Pick, Plan
from mirliton.supervisors.chaos.report import Report
from mirliton.supervisors.chaos.schedule import Strike, schedule

MOST_HITS: Final = 100_000
"""After so many a run is over: its report has to be kept."""
REASONS_KEPT: Final = 1_000
TRIED: Final = 100
"""Members of one group that are offered to the guard before the next group has its turn."""
NEW_FIRST: Final = 0.1
"""How often a group that was not hit yet comes first, so that rare ones have their turn, too."""
PREVIEWED: Final = 1_000
SPARED_SHOWN: Final = 20

Tell = Callable[[dict[str, Any]], None]
"""Is told what happens, as JSON."""


def _nobody(_: dict[str, Any]) -> None:
    """Nobody is told."""


class ChaosRun:
    """One run of a plan, on a field, or on several for a plan that attacks more than processes, say.

    `seed` goes before the plan's own; without either one is drawn. `checks` are the functions that the plan's
    `invariants.checks` names. `repeat` are the strikes of a run before (`schedule.repeated`), against the same targets.
    Raises PlanError where a check, or the field for one of its attacks, is missing.
    """

    def __init__(
        self,
        field: Field | Iterable[Field],
        plan: Plan,
        *,
        seed: int | None = None,
        checks: Mapping[str, Check] | None = None,
        repeat: Iterable[Strike] | None = None,
        tell: Tell = _nobody,
    ) -> None:
        self.plan = plan
        drawn = next((one for one in (seed, plan.seed) if one is not None), None)
        self.seed = secrets.randbits(32) if drawn is None else drawn
        self.report = Report(plan.name, self.seed, 0.0)
        self._fields = Fields(field)
        self._fields.check(plan)
        self._watchman = Watchman(self._fields, plan, checks or {})
        self._strikes = list(repeat) if repeat is not None else None
        self._tell = tell
        self._began = 0.0
        self._state = "not begun"
        self._stopping = ""
        self._hit_by_attack: Counter[int] = Counter()
        self._groups_hit: set[str] = set()
        self._down: dict[int, Hit] = {}
        self._following: set[asyncio.Task[None]] = set()

    # From outside

    def stop(self, why: str = "somebody said stop") -> None:
        """Make no more strikes; what was suspended for a while goes on now."""
        if not self._stopping:
            self._stopping = why
            self._fields.hurry()

    @property
    def is_over(self) -> bool:
        return self._state == "over"

    def progress(self) -> dict[str, Any]:
        """How far it has come."""
        return {
            "plan": self.plan.name,
            "seed": self.seed,
            "state": self._state,
            "seconds": round(self._elapsed(), 3) if self._state == "striking" else round(self.report.lasted, 3),
            "hits": len(self.report.hits),
            "down": self._is_down(),
            "lost": len(self.report.lost),
            "held_back": self.report.held_back.total(),
            "failed": self._watchman.failed,
        }

    async def preview(self) -> dict[str, Any]:
        """What would be hit if everything stayed as it is now and came back at once: the first thousand strikes at
        most. Touches nothing, and lets others run on the way."""
        hits: Counter[int] = Counter()
        strikes = []
        groups = []
        for each in self.plan.attacks:
            for group in each.among:
                groups.append(self._preview(each, group))
                await asyncio.sleep(0)
        for strike in itertools.islice(self._schedule(), PREVIEWED):
            attack = self.plan.attacks[strike.attack]
            self._fields.look_ahead(strike.at)
            field = self._fields.of(attack)
            await asyncio.sleep(0)
            for target, pick, why in self._chosen(strike, attack):
                if attack.count is not None and hits[strike.attack] >= attack.count:
                    break
                shown: dict[str, Any] = {"at": round(strike.at, 3), "attack": strike.attack, "how": attack.how}
                if target is None or pick is None:
                    strikes.append(shown | {"held_back": why})
                    break
                hits[strike.attack] += 1
                self._groups_hit.add(str(pick))
                field.suppose(target, attack)
                label = field.label(target)
                strikes.append(shown | {"would_hit": label, "class": target.kind, "pid": str(target.pid)})
        return {"plan": self.plan.name, "seed": self.seed, "strikes": strikes, "groups": groups}

    def _preview(self, attack: Attack, pick: Pick) -> dict[str, Any]:
        spared: dict[str, str] = {}
        fits = may = 0
        field = self._fields.of(attack)
        for target in field.find(pick):
            fits += 1
            why = field.refusal(target, attack, pick, self.plan.guard)
            may += not why
            if why and len(spared) < SPARED_SHOWN:
                spared[field.label(target)] = why
        return {"group": str(pick), "how": attack.how, "fits": fits, "may_be_hit": may, "spared": spared}

    # The run

    async def carry_out(self) -> Report:
        """Do it, to the end, and report. Raises ChaosRefused when it was done already."""
        if self._state != "not begun":
            raise ChaosRefused("a run is carried out once; make another of the same plan")
        self._state = "striking"
        self._began = self._fields.now()
        self.report.began = time.time()
        self.report.invariants = self._watchman.all
        self._watchman.begin()
        self._fields.begin()
        totals.running += 1
        outcome = "cut"
        watching = asyncio.create_task(self._watch())
        self._tell({"event": "begun", "plan": self.plan.name, "seed": self.seed})
        try:
            await self._strike_all()
            self._state = "settling"
            while self._following:
                await asyncio.wait(self._following)
            await _ended(watching)
            await self._watchman.look_at_the_end()
            outcome = "held" if self.report.held else "failed"
        finally:
            await _ended(watching, *self._following)
            self._fields.end()
            self._state = "over"
            self.report.ended = "it was cut off" if outcome == "cut" else self._stopping or self.report.ended
            self.report.lasted = self._elapsed()
            totals.running -= 1
            totals.runs[outcome] += 1
        self._tell({"event": "over", "report": self.report.as_dict()})
        return self.report

    async def _strike_all(self) -> None:
        for strike in self._schedule():
            await self._fields.rest(strike.at - self._elapsed())
            if self._stopping:
                return
            self._strike(strike)
            if len(self.report.hits) >= MOST_HITS:
                self.report.ended = f"there were {MOST_HITS} hits"
                return
            if self._counts_are_made():
                self.report.ended = "every attack has its count"
                return
        self.report.ended = "all strikes were made"

    def _schedule(self) -> Iterator[Strike]:
        return schedule(self.plan, self.seed) if self._strikes is None else iter(self._strikes)

    def _counts_are_made(self) -> bool:
        if self._strikes is not None:
            return False
        counts = [attack.count for attack in self.plan.attacks]
        return all(count is not None and self._hit_by_attack[n] >= count for n, count in enumerate(counts))

    def _strike(self, strike: Strike) -> None:
        attack = self.plan.attacks[strike.attack]
        for target, pick, why in self._chosen(strike, attack):
            if attack.count is not None and self._hit_by_attack[strike.attack] >= attack.count:
                return
            if self._is_down() >= self.plan.guard.at_once:
                self._hold_back(f"{self.plan.guard.at_once} were down at once")
                return
            if target is None or pick is None:
                self._hold_back(why)
                continue
            self._hit(strike, attack, pick, target)

    def _chosen(self, strike: Strike, attack: Attack) -> Iterator[tuple[Target | None, Pick | None, str]]:
        """Whom a strike is for, one after the other; or nobody, and why. Each is chosen when the one before was hit."""
        if strike.targets:
            field = self._fields.of(attack)
            for label in strike.targets:
                target, pick = field.at(label), attack.among[0]
                why = f"nobody is at {label}"
                if target is not None:
                    why = field.refusal(target, attack, pick, self.plan.guard)
                yield (None if why else target), pick, why
            return
        chance = random.Random(strike.draw)  # noqa: S311 - repeatable is what it must be
        for _ in range(attack.each):
            yield self._draw(attack, chance)

    def _draw(self, attack: Attack, chance: random.Random) -> tuple[Target | None, Pick | None, str]:
        groups = chance.sample(attack.among, len(attack.among))
        if chance.random() < NEW_FIRST:
            groups.sort(key=lambda pick: str(pick) in self._groups_hit)
        why = "nobody fits"
        field = self._fields.of(attack)
        for pick in groups:
            for target in itertools.islice(field.offer(pick, chance), TRIED):
                refused = field.refusal(target, attack, pick, self.plan.guard)
                if not refused:
                    return target, pick, ""
                why = refused
        return None, None, why

    def _hit(self, strike: Strike, attack: Attack, pick: Pick, target: Target) -> None:
        field = self._fields.of(attack)
        hit = Hit(
            self._elapsed(),
            strike.attack,
            attack.how,
            str(pick),
            field.label(target),
            target.kind,
            str(target.pid),
            strike.at,
        )
        self.report.hits.append(hit)
        self._hit_by_attack[strike.attack] += 1
        self._groups_hit.add(hit.group)
        self._down[id(hit)] = hit
        following = field.strike(target, attack, hit, self.plan.invariants.returned_within)
        self._tell({"event": "hit", **hit.as_dict()})
        task = asyncio.create_task(self._follow(hit, following))
        self._following.add(task)

        def done(_: asyncio.Task[None]) -> None:
            self._following.discard(task)
            following.close()  # a Task that is cancelled before its first step never begins it

        task.add_done_callback(done)

    async def _follow(self, hit: Hit, following: Coroutine[Any, Any, None]) -> None:
        try:
            await following
        finally:
            del self._down[id(hit)]
            totals.fate(hit)
        self._watchman.saw(hit)
        self._tell({"event": hit.fate, **hit.as_dict()})
        self._stop_on_failure()

    async def _watch(self) -> None:
        while True:
            await self._fields.pause(self.plan.invariants.every)
            await self._watchman.look()
            self._stop_on_failure()

    def _stop_on_failure(self) -> None:
        failed = self._watchman.failed
        if failed and not self._stopping:
            self._tell({"event": "failed", "invariant": failed})
            if self.plan.guard.stop_on_failure:
                self.stop(f"this did not hold: {failed}")

    def _hold_back(self, why: str) -> None:
        key = why if why in self.report.held_back or len(self.report.held_back) < REASONS_KEPT else "other reasons"
        self.report.held_back[key] += 1
        totals.held_back += 1
        self._tell({"event": "held_back", "at": round(self._elapsed(), 4), "why": why})

    def _is_down(self) -> int:
        return sum(hit.awaited for hit in self._down.values())

    def _elapsed(self) -> float:
        return self._fields.now() - self._began


async def _ended(*tasks: asyncio.Task[None]) -> None:
    """Cancel these and wait until they have ended. Raises what one of them raised by itself."""
    for task in tasks:
        task.cancel()
    if going := [task for task in tasks if not task.done()]:
        await asyncio.wait(going)
    for task in tasks:
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error
