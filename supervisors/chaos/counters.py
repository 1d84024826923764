"""Counters of all chaos in this OS process, and what Prometheus is told of them. docs/metrics.md lists them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from mirliton.runtime.families import Spread, counter, gauge, histogram
from mirliton.supervisors.chaos.field import Hit
from mirliton.supervisors.chaos.report import BOUNDS


def _spreads() -> defaultdict[tuple[str, ...], Spread]:
    return defaultdict(lambda: Spread(BOUNDS))


@dataclass(slots=True)
class ChaosCounters:
    """Totals since the OS process began."""

    running: int = 0
    runs: Counter[str] = field(default_factory=Counter)
    """By outcome: "held", "failed" or "cut"."""
    hits: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By how, and what came of it."""
    held_back: int = 0
    to_return: defaultdict[tuple[str, ...], Spread] = field(default_factory=_spreads)
    """By how."""

    def fate(self, hit: Hit) -> None:
        """What came of a hit is known."""
        self.hits[hit.how, hit.fate] += 1
        if hit.took is not None:
            self.to_return[hit.how,].observe(hit.took)


totals: Final = ChaosCounters()


class ChaosCollector(Collector):
    """Register it with a CollectorRegistry, once per OS process."""

    def collect(self) -> Iterable[Metric]:
        """For Prometheus."""
        now = totals
        yield gauge("mirliton_chaos_running", "Runs under way", now.running)
        yield counter("mirliton_chaos_runs", "Runs that have ended", dict(now.runs), ["outcome"])
        yield counter("mirliton_chaos_hits", "What was hit", dict(now.hits), ["how", "fate"])
        yield counter("mirliton_chaos_held_back", "Strikes that the guard held back", now.held_back)
        yield histogram("mirliton_chaos_return_seconds", "Time to return", dict(now.to_return), ["how"])
