"""Reading documents that anybody may have written: a field of the wrong type reads as if it were absent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def text(doc: Mapping[str, Any], name: str) -> str | None:
    """A text that is not empty."""
    value = doc.get(name)
    return value if isinstance(value, str) and value else None


def flag(doc: Mapping[str, Any], name: str, default: bool) -> bool:
    """A boolean."""
    value = doc.get(name)
    return value if isinstance(value, bool) else default


def number(doc: Mapping[str, Any], name: str, default: int, low: int, high: int) -> int:
    """A whole number between `low` and `high`, to which it is brought."""
    value = doc.get(name)
    return max(low, min(high, value)) if isinstance(value, int) and not isinstance(value, bool) else default


def milliseconds(doc: Mapping[str, Any], name: str, default: float, most: float = 10.0) -> float:
    """A duration that the document has in milliseconds, in seconds, `most` at most."""
    value = doc.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool) or not value > 0:
        return default
    return min(most, value / 1000)


def mapping(doc: Mapping[str, Any], name: str) -> dict[str, Any]:
    """An object."""
    value = doc.get(name)
    return value if isinstance(value, dict) else {}


def owner_of(device: Mapping[str, Any]) -> str | None:
    """The id of the user whose phone this is now."""
    guests = mapping(mapping(device, "hotdesk"), "users")
    if guests:
        return next(iter(guests)) if len(guests) == 1 else None
    return text(device, "owner_id")
