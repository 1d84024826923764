"""An account's legs to and from carriers: who pays for each, as its actor counts them.

A leg is known by the call that it is of and its direction: a call that came from a carrier and goes out by one has two.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast, get_args

from mirliton.actors.limits import Billing, Direction, Used
from mirliton.actors.money import Rate, cost, rate_of_vars
from mirliton.actors.store.documents import unix

_BILLINGS: Final = frozenset(get_args(Billing))
_DIRECTIONS: Final = frozenset(get_args(Direction))

Key = tuple[str, Direction]


@dataclass(slots=True)
class Leg:
    """One of them; `since` by the node's clock. The rate is None where it is not known, as after a restart until the
    channel table knows the leg itself."""

    billing: Billing
    since: float
    rate: Rate | None = None


class CarrierLegs:
    """Those of one account."""

    def __init__(self) -> None:
        self.legs: dict[Key, Leg] = {}

    def put(self, call_id: str, direction: Direction, leg: Leg) -> None:
        """There is one more."""
        self.legs[call_id, direction] = leg

    def get(self, call_id: str, direction: Direction) -> Leg | None:
        """The leg of that call, if it has one."""
        return self.legs.get((call_id, direction))

    def drop(self, call_id: str, direction: Direction | None = None) -> None:
        """It has ended; without a direction, both."""
        for one in _DIRECTIONS if direction is None else (direction,):
            self.legs.pop((call_id, cast(Direction, one)), None)

    def compare(self, rows: Iterable[Mapping[str, Any]], now: float, grace: float, time: float) -> None:
        """Keep those that the channel table has too, and those of the last `grace` seconds; add what only it has.
        `time` is unix time, by which the table tells since when a leg is."""
        told: dict[Key, Leg] = {}
        for key, leg in _told(rows, now, time):
            if key not in told or leg.rate is not None:
                told[key] = leg
        self.legs = {key: leg for key, leg in self.legs.items() if key in told or now - leg.since < grace}
        for key, leg in told.items():
            known = self.legs.get(key)
            if known is None or (known.rate is None and leg.rate is not None):
                self.legs[key] = leg

    def used(self, calls: int, balance: int, now: float, reserve: int) -> Used:
        """What is in use. A leg per minute whose rate is not known counts as `reserve` units."""
        counted = {"inbound": 0, "outbound": 0, "flat_rate_burst": 0, "per_minute": 0}
        running = 0
        for (_, direction), leg in self.legs.items():
            if leg.billing == "flat_rate":
                counted[direction] += 1
            elif leg.billing != "limits_disabled":
                counted[leg.billing] += 1
            if leg.billing == "per_minute":
                running += cost(leg.rate, max(now - leg.since, 1.0)) if leg.rate is not None else reserve
        return Used(
            calls,
            counted["inbound"],
            counted["outbound"],
            counted["flat_rate_burst"],
            counted["per_minute"],
            balance - running,
        )


def _told(rows: Iterable[Mapping[str, Any]], now: float, time: float) -> Iterable[tuple[Key, Leg]]:
    """The legs that the channel table has of an account: as noted on the call, or on the leg to the carrier itself."""
    for row in rows:
        noted = row.get("billing")
        pairs = list(noted.items()) if isinstance(noted, Mapping) else []
        pairs.append((row.get("direction"), row.get("account_billing")))
        for direction, billing in pairs:
            if direction in _DIRECTIONS and billing in _BILLINGS:
                inbound = row.get("direction") == "inbound"
                call_id = row["uuid"] if inbound else row.get("bridge_id") or row.get("other_leg")
                if call_id:
                    noted_rate, began = row.get("rate"), row.get("timestamp")
                    rate = rate_of_vars(noted_rate) if isinstance(noted_rate, Mapping) else None
                    lasted = max(time - unix(began), 0.0) if rate is not None and isinstance(began, int) else 0.0
                    yield (str(call_id), cast(Direction, direction)), Leg(cast(Billing, billing), now - lasted, rate)
