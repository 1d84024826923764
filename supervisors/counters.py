"""Counters of all supervisors in this OS process: plain integers, exported by the metrics collector at scrape."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

LABELS_KEPT: Final = 1_000
"""Different (supervisor, child) pairs counted apart, of restarts by how it ended; what comes later is "other"."""


@dataclass(slots=True)
class Statistics:
    """Totals since the OS process began. A restart of a supervisor does not reset them.

    A supervisor is called by its name when that is of kind "supervisor" (then by the key alone) or "service", by the
    kind when it is another (there is one per call, say), and by its class when it has none.
    """

    restarts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """Children started again because one ended, by (supervisor, child id, kind of end: see reasons.kind_of). Siblings
    of a group count too, with how the one ended that made them."""
    failed_starts: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Starts that failed, by (supervisor, child id): the first one, by request, or in a restart."""
    unclean_stops: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Children that did not end as told: killed after their time, or with another reason."""
    gave_up: Counter[str] = field(default_factory=Counter)
    """Supervisors that ended because they reached their restart intensity, by supervisor."""


_totals = Statistics()


def statistics() -> Statistics:
    """A copy of the counters as they are now."""
    return Statistics(
        Counter(_totals.restarts),
        Counter(_totals.failed_starts),
        Counter(_totals.unclean_stops),
        Counter(_totals.gave_up),
    )


def count_restart(supervisor: str, child_id: Any, ended: str) -> None:
    """`ended` is the kind of end that made it."""
    key = (supervisor, str(child_id), ended)
    if key not in _totals.restarts and len(_totals.restarts) >= LABELS_KEPT:
        key = ("other", "other", ended)
    _totals.restarts[key] += 1


def count_failed_start(supervisor: str, child_id: Any) -> None:
    _count(_totals.failed_starts, supervisor, child_id)


def count_unclean_stop(supervisor: str, child_id: Any) -> None:
    _count(_totals.unclean_stops, supervisor, child_id)


def count_gave_up(supervisor: str) -> None:
    key = supervisor if supervisor in _totals.gave_up or len(_totals.gave_up) < LABELS_KEPT else "other"
    _totals.gave_up[key] += 1


def _count(counter: Counter[tuple[str, str]], supervisor: str, child_id: Any) -> None:
    key = (supervisor, str(child_id))
    if key not in counter and len(counter) >= LABELS_KEPT:
        key = ("other", "other")
    counter[key] += 1
