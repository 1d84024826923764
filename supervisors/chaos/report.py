"""What came of a run: as data, as JSON, as text."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, Final

from mirliton.runtime.families import Spread
from mirliton.supervisors.chaos.field import Hit

BOUNDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper ends of the buckets of times to return, in seconds."""
SHOWN: Final = 20
"""Lines of one kind in the text."""
BAR: Final = 40
SAID: Final = {"gone": "not to come back", "unmoved": "unmoved", "pending": "cut off before their fate was known"}
"""Fates that are only counted in the text."""


@dataclass(slots=True)
class Checked:
    """One invariant: how often it was looked at, and what was wrong the first time that it did not hold."""

    name: str
    looks: int = 0
    failed: str = ""
    failed_at: float | None = None

    @property
    def held(self) -> bool:
        return self.looks > 0 and not self.failed

    def as_dict(self) -> dict[str, Any]:
        shown: dict[str, Any] = {"name": self.name, "held": self.held, "looks": self.looks}
        return shown | ({"failed": self.failed, "failed_at": self.failed_at} if self.failed else {})


@dataclass(slots=True)
class Report:
    """One run. Times are seconds, `began` since 1970; `held_back` counts strikes that hit nobody, by why."""

    plan: str
    seed: int
    began: float
    lasted: float = 0.0
    ended: str = ""
    """Why there were no more strikes."""
    hits: list[Hit] = field(default_factory=list)
    held_back: Counter[str] = field(default_factory=Counter)
    invariants: list[Checked] = field(default_factory=list)

    @property
    def lost(self) -> list[Hit]:
        """What should be back and is not."""
        return [hit for hit in self.hits if hit.fate == "lost"]

    @property
    def held(self) -> bool:
        """Whether all that was to hold did."""
        return all(one.held for one in self.invariants)

    def times(self) -> list[float]:
        """Times to return, ascending."""
        return sorted(hit.took for hit in self.hits if hit.took is not None)

    def as_dict(self) -> dict[str, Any]:
        """As JSON. `hits` is what a repetition needs; `to_return` has the histogram, its buckets counted up."""
        times = self.times()
        return {
            "plan": self.plan,
            "seed": self.seed,
            "began": self.began,
            "lasted": round(self.lasted, 3),
            "ended": self.ended,
            "held": self.held,
            "hits": [hit.as_dict() for hit in self.hits],
            "held_back": dict(self.held_back),
            "fates": dict(Counter(hit.fate for hit in self.hits)),
            "lost": [hit.as_dict() for hit in self.lost],
            "to_return": {
                "count": len(times),
                "p50": quantile(times, 0.5),
                "p99": quantile(times, 0.99),
                "max": times[-1] if times else None,
                "buckets": [{"le": bound, "count": count} for bound, count in _counted(times)],
            },
            "invariants": [one.as_dict() for one in self.invariants],
        }

    def text(self) -> str:
        """For people."""
        return report_text(self.as_dict())


def report_text(report: Mapping[str, Any]) -> str:
    """The JSON of a report for people."""
    return "\n".join(_lines(report))


def _lines(report: Mapping[str, Any]) -> Iterator[str]:
    hits, fates = report["hits"], report["fates"]
    yield f"{report['plan']}, seed {report['seed']}: {report['lasted']:.1f} s, ended because {report['ended']}"
    yield f"{len(hits)} hits" + (":" if hits else "")
    for (how, group), count in Counter((hit["how"], hit["group"]) for hit in hits).most_common(SHOWN):
        yield f"  {how} {group}: {count}"
    for why, count in Counter(report["held_back"]).most_common(SHOWN):
        yield f"held back {count} times: {why}"
    yield from _times(report["to_return"])
    yield f"lost: {len(report['lost']) or 'nothing'}"
    for hit in report["lost"][:SHOWN]:
        why = hit.get("note", "nobody came")
        yield f"  {hit['target']} ({hit['class']} {hit['pid']}), {hit['how']} at {hit['at']:.2f} s: {why}"
    for fate, said in SAID.items():
        if fates.get(fate):
            yield f"{said}: {fates[fate]}"
    for one in report["invariants"]:
        failed = f"; at {one['failed_at']:.2f} s: {one['failed']}" if "failed" in one else ""
        yield f"{'held' if one['held'] else 'FAILED'}: {one['name']}, looked at {one['looks']} times{failed}"


def _times(told: Mapping[str, Any]) -> Iterator[str]:
    count = told["count"]
    if not count:
        return
    yield f"time to return of {count}: p50 {ms(told['p50'])}, p99 {ms(told['p99'])}, max {ms(told['max'])}"
    before = 0
    for bucket in told["buckets"]:
        own = bucket["count"] - before
        before = bucket["count"]
        if own:
            end = "more" if bucket["le"] is None else f"to {ms(bucket['le'])}"
            yield f"  {end:>12} {'#' * math.ceil(BAR * own / count)} {own}"


def quantile(values: Sequence[float], part: float) -> float | None:
    """The value that so much of the ascending values is at or below; None of none."""
    return values[max(0, math.ceil(part * len(values)) - 1)] if values else None


def _counted(times: Sequence[float]) -> list[tuple[float | None, int]]:
    spread = Spread(BOUNDS)
    for time in times:
        spread.observe(time)
    return list(zip([*BOUNDS, None], accumulate(spread.counts), strict=True))


def ms(seconds: float) -> str:
    """A duration for people."""
    return f"{seconds * 1000:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"
