"""An account's legs to and from carriers: who pays for each, as its actor counts them.

A leg is known by the call that it is of and its direction: a call that came from a carrier and goes out by one has two.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast, get_args

from mirliton.actors.allotments import Allotment
from mirliton.actors.limits import DIRECTIONS, Billing, Direction, Used
from mirliton.actors.money import Rate, cost, rate_of_vars
from mirliton.actors.store.documents import unix

_BILLINGS: Final = frozenset(get_args(Billing))

Key = tuple[str, Direction]

UNBOOKED_KEPT: Final = 600.0
"""Seconds in which an ended leg's price should have been booked."""
MOST_UNBOOKED: Final = 10_000


@dataclass(slots=True)
class Leg:
    """One of them; `since` by the node's clock. The rate is None where it is not known, as after a restart until the
    channel table knows the leg itself."""

    billing: Billing
    since: float
    rate: Rate | None = None
    allotment: Allotment | None = None
    booked: bool = False
    """Whether the carrier's leg has ended and its price is booked, while its call goes on."""

    @property
    def detailed(self) -> bool:
        """Whether it is known what it uses."""
        return self.rate is not None or self.allotment is not None

    def cost(self, now: float, reserve: int) -> int:
        """What it has cost so far and is not booked; `reserve` units where its rate is not known."""
        if self.billing != "per_minute" or self.booked:
            return 0
        return reserve if self.rate is None else cost(self.rate, max(now - self.since, 1.0))

    def used(self, now: float) -> int:
        """The seconds of its allotment that it has used up and that are not booked."""
        if self.allotment is None or self.booked:
            return 0
        return self.allotment.consumes(max(now - self.since, self.allotment.no_consume_time + 1.0))


@dataclass(frozen=True, slots=True)
class Unbooked:
    """What an ended leg costs, until its record says so."""

    amount: int
    allotment: str
    seconds: int
    ended: float


class CarrierLegs:
    """Those of one account, and what those that have ended cost until it is booked."""

    def __init__(self) -> None:
        self.legs: dict[Key, Leg] = {}
        self.unbooked: dict[Key, Unbooked] = {}

    def put(self, call_id: str, direction: Direction, leg: Leg) -> None:
        """There is one more."""
        self.legs[call_id, direction] = leg

    def has(self, call_id: str, direction: Direction) -> bool:
        """Whether the call has been given one."""
        return (call_id, direction) in self.legs

    def drop(self, call_id: str, direction: Direction) -> None:
        """It did not come to be."""
        self.legs.pop((call_id, direction), None)

    def end(self, call_id: str, direction: Direction, now: float, reserve: int) -> None:
        """The call has ended, or its leg. What that cost is owed until it is `booked`."""
        leg = self.legs.pop((call_id, direction), None)
        if leg is None:
            return
        owed = Unbooked(leg.cost(now, reserve), leg.allotment.name if leg.allotment else "", leg.used(now), now)
        if owed.amount or owed.seconds:
            self.unbooked[call_id, direction] = owed
            if len(self.unbooked) > MOST_UNBOOKED:
                del self.unbooked[next(iter(self.unbooked))]

    def booked(self, call_id: str, direction: Direction, talked: bool) -> None:
        """A leg has ended and its record is stored. A call goes on when a carrier refuses it (`talked` is False then),
        and may have another carrier's leg after one that was answered."""
        self.unbooked.pop((call_id, direction), None)
        leg = self.legs.get((call_id, direction))
        if leg is not None and talked:
            leg.booked = True

    def again(self, call_id: str, direction: Direction, now: float) -> Leg | None:
        """The leg that the call has been given, if it has; another carrier may be about to have it."""
        leg = self.legs.get((call_id, direction))
        if leg is not None and leg.booked:
            leg.booked, leg.since = False, now
        return leg

    def compare(
        self,
        rows: Iterable[Mapping[str, Any]],
        now: float,
        grace: float,
        time: float,
        allotments: Mapping[str, Allotment],
    ) -> None:
        """Keep those that the channel table has too, and those of the last `grace` seconds; add what only it has.
        `time` is unix time, by which the table tells since when a leg is."""
        told: dict[Key, Leg] = {}
        for key, leg in _told(rows, now, time, allotments):
            if key not in told or leg.detailed:
                told[key] = leg
        self.legs = {key: leg for key, leg in self.legs.items() if key in told or now - leg.since < grace}
        self.unbooked = {key: owed for key, owed in self.unbooked.items() if now - owed.ended < UNBOOKED_KEPT}
        for key, leg in told.items():
            known = self.legs.get(key)
            if known is None or (leg.detailed and not known.detailed):
                self.legs[key] = leg

    def used(self, calls: int, balance: int, now: float, reserve: int) -> Used:
        """What is in use. A leg per minute whose rate is not known counts as `reserve` units."""
        counted: Counter[str] = Counter()
        for (_, direction), leg in self.legs.items():
            counted[direction if leg.billing == "flat_rate" else leg.billing] += 1
        running = sum(leg.cost(now, reserve) for leg in self.legs.values())
        owed = sum(each.amount for each in self.unbooked.values())
        return Used(
            calls=calls,
            inbound=counted["inbound"],
            outbound=counted["outbound"],
            burst=counted["flat_rate_burst"],
            allotted=counted["allotment"],
            per_minute=counted["per_minute"],
            credit=balance - running - owed,
        )

    def used_of(self, allotment: Allotment, now: float) -> int:
        """The seconds of an allotment, and of those it counts in, that are used and not booked."""
        names = (allotment.name, *allotment.group_consume)
        running = (leg.used(now) for leg in self.legs.values() if leg.allotment and leg.allotment.name in names)
        return sum(running) + sum(each.seconds for each in self.unbooked.values() if each.allotment in names)


def _told(
    rows: Iterable[Mapping[str, Any]], now: float, time: float, allotments: Mapping[str, Allotment]
) -> Iterable[tuple[Key, Leg]]:
    """The legs that the channel table has of an account: as noted on the call, or on the leg to the carrier itself."""
    for row in rows:
        noted = row.get("billing")
        pairs = list(noted.items()) if isinstance(noted, Mapping) else []
        pairs.append((row.get("direction"), row.get("account_billing")))
        for direction, billing in pairs:
            if direction in DIRECTIONS and billing in _BILLINGS:
                inbound = row.get("direction") == "inbound"
                call_id = row["uuid"] if inbound else row.get("bridge_id") or row.get("other_leg")
                if call_id:
                    noted_rate, began = row.get("rate"), row.get("timestamp")
                    leg = Leg(
                        cast(Billing, billing),
                        now,
                        rate_of_vars(noted_rate) if isinstance(noted_rate, Mapping) else None,
                        allotments.get(str(row.get("allotment"))) if billing == "allotment" else None,
                    )
                    if leg.detailed and isinstance(began, int):
                        leg.since -= max(time - unix(began), 0.0)
                    yield (str(call_id), cast(Direction, direction)), leg
