"""What a trial has seen, whether it holds, and how that is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from mirliton.supervisors.chaos.report import quantile
from trial.evidence import Calls, Doubles, Records
from trial.memory import Memory
from trial.requests import Requests
from trial.trouble import Done

NODE_WITHIN: Final = 1.0
"""Seconds, at the 99th percentile, in which a node that was killed is back; one that stalled: from its kill on."""
ACTOR_WITHIN: Final = 0.05
GROWTH: Final = 1.0
"""MB a minute that a program may grow."""
REFUSED: Final = 0.05
"""The part of new calls that may be refused for now."""
SHOWN: Final = 8
BOUNDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


@dataclass
class Verdict:
    """`problems` must never be; `slow` is what depends on the machine, and on how busy it is."""

    duration: float
    rate: float
    seed: int
    done: Done
    calls: Calls
    records: Records
    doubles: Doubles
    requests: Requests
    memory: Memory
    switches: dict[str, dict[str, Any]]
    at_the_end: list[str]
    """What was not as it should be when all was over."""
    lasted: float = 0.0
    """Seconds in which calls were placed."""
    most_up: int = 0
    slow: list[str] = field(default_factory=list)

    @property
    def problems(self) -> list[str]:
        late = [each for told in self.switches.values() for each in told["late"]]
        failures = [each for told in self.switches.values() for each in told["failures"]]
        found = {
            "calls ended by us": self.calls.by_us,
            "calls that got nowhere": self.calls.stuck,
            "records lost": self.records.lost,
            "records doubled": self.records.doubled,
            "records of no leg": self.records.of_nobody,
            "records that say something else": self.records.strange,
            "agents active twice": self.doubles.agents,
            "accounts active twice": self.doubles.over_limit,
            "messages lost or doubled": self.doubles.messages,
            "commands of who no longer had the switch": late,
            "API requests lost": self.requests.lost,
            "API requests doubled": self.requests.doubled,
            "API answers that must not be": self.requests.wrong,
            "what was hit and is not back": [f"{hit['target']}: {hit.get('note', '')}" for hit in self._hits("lost")],
            "what did not hold": [*self.done.failed, *self._not_held()],
            "at the end": self.at_the_end,
            "faults of the trial's own switches": failures,
        }
        return [f"{what}: {len(each)}: {'; '.join(each[:SHOWN])}" for what, each in found.items() if each]

    def judge_times(self) -> None:
        """Fill `slow`."""
        for what, times, bound in (
            ("a killed node", self.times("kill"), NODE_WITHIN),
            ("a stalled node", self.times("stall"), NODE_WITHIN),
            ("an actor", self._actor_times(), ACTOR_WITHIN),
        ):
            p99 = quantile(times, 0.99)
            if p99 is not None and p99 > bound:
                self.slow.append(f"{what} takes {p99:.3f} s to return (p99 of {len(times)}), more than {bound:g} s")
        for name in sorted(self.memory.lives):
            if (growth := self.memory.growth(name)) is not None and growth > GROWTH:
                self.slow.append(f"the memory of {name} grows by {growth:.2f} MB a minute, more than {GROWTH:g}")
        if self.calls.refused.total() > REFUSED * self.calls.placed.total():
            self.slow.append(f"{self.calls.refused.total()} of {self.calls.placed.total()} calls were refused for now")
        wanted = self.rate * self.lasted
        if self.calls.placed.total() < 0.9 * wanted:
            self.slow.append(f"{self.calls.placed.total()} calls were placed, {wanted:.0f} were to be")

    def _outer(self) -> list[dict[str, Any]]:
        hits: list[dict[str, Any]] = self.done.outer.get("hits", [])
        return hits

    def _hits(self, fate: str) -> list[dict[str, Any]]:
        return [hit for hit in (*self._outer(), *self.done.actors) if hit["fate"] == fate]

    def _not_held(self) -> list[str]:
        return [
            f"{one['name']}: {one.get('failed', 'never looked at')}"
            for one in self.done.outer.get("invariants", ())
            if not one["held"]
        ]

    def times(self, how: str) -> list[float]:
        """Times to return from this, ascending."""
        return sorted(hit["took"] for hit in self._outer() if hit["how"] == how and "took" in hit)

    def _actor_times(self) -> list[float]:
        return sorted(hit["took"] for hit in self.done.actors if "took" in hit)

    def text(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        placed = self.calls.placed
        yield f"{self.duration:g} s, {self.rate:g} calls a second, seed {self.seed}"
        yield f"calls: {placed.total()} ({_counted(placed)}), {self.most_up} up at once at most"
        yield f"  refused, to be tried again: {_counted(self.calls.refused) or 'none'}"
        yield f"legs: {self.records.legs}, each with its record but for {len(self.records.lost)}"
        yield f"calls at once in the account that may have few: {self.doubles.most_limited}"
        yield f"commands that a switch was given twice: {sum(told['twice'] for told in self.switches.values())}"
        refused = _counted(self.requests.refused) or "none"
        yield f"API requests: {self.requests.answered} answered, to be tried again or broken off: {refused}"
        hows = Counter(f"{hit['how']} {hit['target']}" for hit in self._outer())
        yield f"done from outside: {hows.total()} ({_counted(hows)})"
        for why, count in self.done.outer.get("held_back", {}).items():
            yield f"  held back {count} times: {why}"
        kinds = Counter(hit["group"] for hit in self.done.actors)
        yield f"processes killed: {kinds.total()} ({_counted(kinds)})"
        yield f"  plans that their node's end cut short: {self.done.cut_short}; that nobody took: {self.done.missed}"
        for how in ("kill", "stall", "stop", "drop", "cut", "hang", "half_open", "delay", "restart"):
            yield from _histogram(f"time to return, {how}", self.times(how))
        yield from _histogram("time to return, an actor", self._actor_times())
        for name in sorted(self.memory.lives):
            growth = self.memory.growth(name)
            shown = "too short a time to say" if growth is None else f"{growth:+.2f} MB a minute"
            yield f"memory of {name}: {self.memory.most(name):.0f} MB at most, {shown}"
        for name in sorted(self.memory.lives):
            busy = self.memory.processors(name)
            yield f"processors for {name}: {busy:.1f} s, {1000.0 * busy / max(1, placed.total()):.1f} ms for each call"
        yield from (f"PROBLEM {each}" for each in self.problems)
        yield from (f"SLOW {each}" for each in self.slow)
        yield "it holds" if not self.problems and not self.slow else "it does not hold"

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "duration": self.duration,
            "rate": self.rate,
            "seed": self.seed,
            "problems": self.problems,
            "slow": self.slow,
            "placed": self.calls.placed,
            "refused": self.calls.refused,
            "legs": self.records.legs,
            "outer": self.done.outer,
            "actors": self.done.actors,
            "api": {"answered": self.requests.answered, "refused": self.requests.refused},
            "growth": {name: self.memory.growth(name) for name in self.memory.lives},
            "by_us": self.calls.by_us,
            "stuck": self.calls.stuck,
            "lost": self.records.lost,
        }


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))


def _histogram(title: str, times: list[float]) -> Iterable[str]:
    if not times:
        return
    p50, p99 = quantile(times, 0.5), quantile(times, 0.99)
    yield f"{title}: {len(times)}, p50 {p50:.3f} s, p99 {p99:.3f} s, most {times[-1]:.3f} s"
    low = 0.0
    for high in (*BOUNDS, float("inf")):
        count = sum(low < each <= high for each in times)
        if count:
            end = "more" if high == float("inf") else f"to {high:g} s"
            yield f"  {end:>12} {'#' * -(-40 * count // len(times))} {count}"
        low = high
