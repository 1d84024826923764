"""Which causes are watched: the category `hangups` of `system_config`. Names and defaults are Kazoo's.

    {"default": {"ignore_hangup_causes": […], "hangups_to_monitor": […], "thresholds": {"one": 0.5, "day": 0.01}}}

Without `thresholds` nothing is alerted. Each is a rate per second.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from mirliton.actors.store import NotFound, Store
from mirliton.whapps.hangups.meter import SPANS

CATEGORY: Final = "hangups"
TO_MONITOR: Final = (
    "CALL_REJECTED",
    "MANDATORY_IE_MISSING",
    "NO_ROUTE_DESTINATION",
    "PROGRESS_TIMEOUT",
    "RECOVERY_ON_TIMER_EXPIRE",
    "WRONG_CALL_STATE",
)
IGNORED: Final = (
    "ALLOTTED_TIMEOUT",
    "ATTENDED_TRANSFER",
    "LOSE_RACE",
    "NORMAL_CLEARING",
    "NO_ANSWER",
    "NO_USER_RESPONSE",
    "ORIGINATOR_CANCEL",
    "USER_BUSY",
    "PICKED_OFF",
)


@dataclass(frozen=True, slots=True)
class Watched:
    """What is counted and what is alerted."""

    ignored: frozenset[str] = frozenset(IGNORED)
    monitored: frozenset[str] = frozenset(TO_MONITOR)
    thresholds: Mapping[str, float] = field(default_factory=dict)


async def read(store: Store) -> Watched:
    """The settings as they are now; what is malformed reads as if it were absent. Raises StoreError."""
    try:
        default = (await store.get("system_config", CATEGORY)).get("default")
    except NotFound:
        return Watched()
    given = default if isinstance(default, dict) else {}
    return Watched(
        _causes(given.get("ignore_hangup_causes"), IGNORED),
        _causes(given.get("hangups_to_monitor"), TO_MONITOR),
        _thresholds(given.get("thresholds")),
    )


def _causes(given: Any, default: tuple[str, ...]) -> frozenset[str]:
    return frozenset(one for one in given if isinstance(one, str)) if isinstance(given, list) else frozenset(default)


def _thresholds(given: Any) -> dict[str, float]:
    rates = given.items() if isinstance(given, dict) else ()
    return {
        name: float(rate)
        for name, rate in rates
        if name in SPANS and isinstance(rate, int | float) and not isinstance(rate, bool) and rate > 0
    }
