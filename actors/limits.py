"""Whether an account may have one more leg to or from a carrier, and who pays for it. Kazoo: jonny5.

Asked in this order: hard limits of calls; an allotment (`allotments.py`); the account's own trunks (those of the
direction, then two-way ones, then burst); credit per minute. What none of them allows is refused, or let through
flagged where the account's limits are soft. Only legs that use a carrier count, besides the hard limit of all calls.
All amounts are in units (`money.py`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, Literal

from mirliton.actors.allotments import Allotment, allotments_of
from mirliton.actors.money import NoAmount, units

UNLIMITED: Final = -1
WHITELIST: Final = r"^\+1\d{10}$"
BLACKLIST: Final = (
    r"^\+1(684|264|268|242|246|441|284|345|767|809|829|849|473|671|876|664|670|787|939|869|758|784|721|868|649|340|"
    r"900|800|888|877|866|855|844)\d{7}$"
)
_MOST: Final = 10**18

Direction = Literal["inbound", "outbound"]
DIRECTIONS: Final[tuple[Direction, ...]] = ("inbound", "outbound")
Billing = Literal["limits_disabled", "allotment", "flat_rate", "flat_rate_burst", "per_minute"]


@dataclass(frozen=True, slots=True)
class Limits:
    """A limits document, with the defaults of `system_config/jonny5`. Numbers of channels; -1 is without limit."""

    enabled: bool = True
    calls: int = UNLIMITED
    resource_consuming_calls: int = UNLIMITED
    inbound_trunks: int = 0
    outbound_trunks: int = 0
    twoway_trunks: int = 0
    burst_trunks: int = 0
    allow_prepay: bool = True
    allow_postpay: bool = False
    max_postpay_amount: int = 0
    reserve_amount: int = 0
    """What must be left beyond what running calls have cost so far."""
    soft_limit_inbound: bool = False
    soft_limit_outbound: bool = False
    flat_rate_whitelist: str = WHITELIST
    flat_rate_blacklist: str = BLACKLIST
    allotments: Mapping[str, Allotment] = field(default_factory=dict)

    @classmethod
    def of(cls, document: Mapping[str, Any], config: Mapping[str, Any]) -> Limits:
        """What a document says. A private field (`pvt_…`), which the account cannot change, goes before its public one;
        a number that is none allows nothing, since whoever wrote it meant a limit."""

        def value(name: str, default: Any = None) -> Any:
            for place, key in ((document, f"pvt_{name}"), (document, name), (config, f"default_{name}")):
                if place.get(key) is not None:
                    return place[key]
            return default

        return cls(
            enabled=value("enabled", True) is not False,
            calls=_channels(value("calls", UNLIMITED)),
            resource_consuming_calls=_channels(value("resource_consuming_calls", UNLIMITED)),
            inbound_trunks=_channels(value("inbound_trunks", 0)),
            outbound_trunks=_channels(value("outbound_trunks", 0)),
            twoway_trunks=_channels(value("twoway_trunks", 0)),
            burst_trunks=_channels(value("burst_trunks", 0)),
            allow_prepay=value("allow_prepay", True) is True,
            allow_postpay=value("allow_postpay", False) is True,
            max_postpay_amount=abs(_amount(value("max_postpay_amount", 0))),
            reserve_amount=max(0, _amount(value("reserve_amount", 0))),
            soft_limit_inbound=value("soft_limit_inbound", False) is True,
            soft_limit_outbound=value("soft_limit_outbound", False) is True,
            flat_rate_whitelist=_pattern(config.get("flat_rate_whitelist"), WHITELIST),
            flat_rate_blacklist=_pattern(config.get("flat_rate_blacklist"), BLACKLIST),
            allotments=allotments_of(document),
        )


@dataclass(frozen=True, slots=True)
class Used:
    """What an account has in use: its calls, and its carrier legs by who pays."""

    calls: int = 0
    inbound: int = 0
    """Legs from a carrier at a flat rate."""
    outbound: int = 0
    burst: int = 0
    allotted: int = 0
    per_minute: int = 0
    credit: int = 0
    """What is left of its money, less what running calls have cost so far."""

    @property
    def resource_consuming(self) -> int:
        """All its carrier legs."""
        return self.inbound + self.outbound + self.burst + self.allotted + self.per_minute


@dataclass(frozen=True, slots=True)
class Decision:
    """Who pays; None: nobody, and the leg is refused for `reason`. `soft`: over a limit that is soft."""

    billing: Billing | None
    reason: str = ""
    soft: bool = False


def decide(limits: Limits, used: Used, direction: Direction, number: str, *, allotted: bool = False) -> Decision:
    """Whether one more leg in this direction, from or to this number (E.164), may be. `used` does not hold it;
    `allotted` says that an allotment has room for it."""
    if not limits.enabled:
        return Decision("limits_disabled")
    if _over(used.calls, limits.calls):
        return Decision(None, "calls")
    if _over(used.resource_consuming + 1, limits.resource_consuming_calls):
        return Decision(None, "resource_consuming_calls")
    if allotted:
        return Decision("allotment")
    if _flat(limits, number):
        after = {"inbound": used.inbound, "outbound": used.outbound}
        after[direction] += 1
        if _fits(limits, after["inbound"], after["outbound"]):
            return Decision("flat_rate")
        if not _over(used.burst + 1, limits.burst_trunks):
            return Decision("flat_rate_burst")
    if limits.allow_prepay and used.credit - limits.reserve_amount > 0:
        return Decision("per_minute")
    if limits.allow_postpay and used.credit - limits.reserve_amount > -limits.max_postpay_amount:
        return Decision("per_minute")
    if limits.soft_limit_inbound if direction == "inbound" else limits.soft_limit_outbound:
        return Decision("per_minute", "no trunk and no credit", soft=True)
    return Decision(None, "no trunk and no credit")


def _fits(limits: Limits, inbound: int, outbound: int) -> bool:
    """Whether so many legs at a flat rate have trunks: those beyond a direction's own share the two-way ones."""
    shared = 0
    for legs, own in ((inbound, limits.inbound_trunks), (outbound, limits.outbound_trunks)):
        shared += 0 if own == UNLIMITED else max(0, legs - own)
    return not _over(shared, limits.twoway_trunks)


def _over(count: int, limit: int) -> bool:
    return limit != UNLIMITED and count > limit


def _flat(limits: Limits, number: str) -> bool:
    allowed, denied = _compiled(limits.flat_rate_whitelist), _compiled(limits.flat_rate_blacklist)
    return bool(allowed.match(number)) and not denied.match(number)


@lru_cache(maxsize=64)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _pattern(given: Any, default: str) -> str:
    """A pattern of the operator's own configuration; the default where it is none."""
    if not isinstance(given, str):
        return default
    try:
        _compiled(given)
    except (re.error, OverflowError, RecursionError):
        return default
    return given


def _channels(given: Any) -> int:
    if isinstance(given, str) and re.fullmatch(r"-?[0-9]{1,9}", given):
        given = int(given)
    if isinstance(given, bool) or not isinstance(given, int | float) or not -_MOST < given < _MOST:
        return 0
    return UNLIMITED if given < 0 else int(given)


def _amount(given: Any) -> int:
    try:
        return units(given)
    except NoAmount:
        return 0
