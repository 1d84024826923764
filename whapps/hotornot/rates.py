"""Which rate a call has: of those whose prefix the number begins with and that apply to it, the best.

The longest prefix wins; of several, the one with the lowest `weight` (or, as configured, the lowest cost), then the
lowest cost, then the id, so that every node chooses alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from mirliton.actors.kapi.rate import Req
from mirliton.actors.money import UNITS, NoAmount, Rate, units
from mirliton.actors.store import Document
from mirliton.whapps.callflow.patterns import match

LIGHTEST: Final = 1
HEAVIEST: Final = 100
_DIGITS: Final = re.compile(r"\+?([1-9][0-9]{0,19})")


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a rate that says nothing has, in Kazoo's terms: `system_config/hotornot`."""

    cost: float = 0.0
    increment: int = 60
    minimum: int = 60
    surcharge: float = 0.0
    nocharge_time: int = 0
    internal_cost: float = 0.0
    sort_by_weight: bool = True

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Defaults:
        """The settings of a category; what is malformed is as if it were not there."""
        return cls(
            cost=_amount(config.get("default_rate_cost"), 0.0),
            increment=_seconds(config.get("default_rate_increment"), 60),
            minimum=_seconds(config.get("default_rate_minimum"), 60),
            surcharge=_amount(config.get("default_rate_surcharge"), 0.0),
            nocharge_time=_seconds(config.get("default_rate_nocharge_time"), 0),
            internal_cost=_amount(config.get("default_rate_internal_cost"), 0.0),
            sort_by_weight=config.get("sort_by_weight") is not False,
        )


@dataclass(frozen=True, slots=True)
class Found:
    """A rate document, read."""

    doc: Document
    prefix: str
    weight: int
    price: float
    """Of the currency, per minute."""
    internal: float
    surcharge: float
    rate: Rate


def prefixes(number: str) -> list[int]:
    """Every prefix that a rate for this number may have; none for what is no number."""
    digits = _DIGITS.fullmatch(number)
    return [int(digits[1][:length]) for length in range(1, len(digits[1]) + 1)] if digits is not None else []


def read(doc: Document, defaults: Defaults) -> Found | None:
    """A rate document; None for one that cannot be a rate."""
    prefix = doc.get("prefix")
    if isinstance(prefix, bool) or not isinstance(prefix, int | str) or not str(prefix).isdigit():
        return None
    price = _amount(doc.get("rate_cost"), defaults.cost)
    surcharge = _amount(doc.get("rate_surcharge"), defaults.surcharge)
    weight = doc.get("weight")
    try:
        rate = Rate(
            per_minute=price * UNITS,
            increment=_seconds(doc.get("rate_increment"), defaults.increment),
            minimum=_seconds(doc.get("rate_minimum"), defaults.minimum),
            surcharge=units(surcharge),
            nocharge_time=_seconds(doc.get("rate_nocharge_time"), defaults.nocharge_time),
            name=str(doc.get("rate_name") or ""),
        )
    except NoAmount:
        return None
    return Found(
        doc,
        str(prefix),
        weight if isinstance(weight, int) and LIGHTEST <= weight <= HEAVIEST else HEAVIEST,
        price,
        _amount(doc.get("internal_rate_cost"), defaults.internal_cost),
        surcharge,
        rate,
    )


def choose(docs: Iterable[Document], request: Req, defaults: Defaults) -> Found | None:
    """The rate that applies to what is asked; None where none does."""
    found = [one for doc in docs if (one := read(doc, defaults)) is not None and _applies(one, request)]

    def order(one: Found) -> tuple[Any, ...]:
        by_weight = (one.weight, one.price) if defaults.sort_by_weight else (one.price, one.weight)
        return (-len(one.prefix), *by_weight, str(one.doc.get("_id")))

    return min(found, key=order, default=None)


def _applies(one: Found, request: Req) -> bool:
    directions = one.doc.get("direction")
    if isinstance(directions, list) and directions and request.direction not in (None, *directions):
        return False
    options = one.doc.get("options")
    if isinstance(options, list) and options and not set(map(str, options)) <= set(request.options):
        return False
    routes = one.doc.get("routes")
    if isinstance(routes, list) and routes:
        number = request.to_did if request.to_did.startswith("+") else f"+{request.to_did}"
        if not any(isinstance(route, str) and match(route, number) is not None for route in routes):
            return False
    return _caller_fits(one.doc.get("caller_id_numbers"), request.from_did)


def _caller_fits(wanted: Any, caller: str | None) -> bool:
    """Whether the caller's number begins as the rate wants it (prefixes with colons between)."""
    if not isinstance(wanted, str) or not wanted:
        return True
    given = (caller or "").lstrip("+")
    return any(one.lstrip("+") and given.startswith(one.lstrip("+")) for one in wanted.split(":"))


def _amount(value: Any, default: float) -> float:
    usable = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1_000_000
    return float(value) if usable else default


def _seconds(value: Any, default: int) -> int:
    usable = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 86_400
    return value if usable else default
