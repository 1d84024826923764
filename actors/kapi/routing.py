"""Where a message goes at the edge: the exchange, and the routing key Kazoo would use."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from mirliton.actors.kapi.errors import NoRoutingKey

EXCHANGES: Final = {
    "targeted": "direct",
    "callctl": "direct",
    "callevt": "topic",
    "callmgr": "topic",
    "cdr": "topic",
    "registrar": "topic",
}
"""Exchanges and their types. Declare them as Kazoo does: not durable, not auto-delete, or nobody else can bind."""

RoutingKey = str | Callable[[Any], str]
"""A template of field names (`call.usurp_control.{call_id}`), or a function of the message."""


class Publication(NamedTuple):
    """Where to publish."""

    exchange: str
    routing_key: str


_UNSAFE: Final = re.compile(r"[^A-Za-z0-9\-~_]")
_PLACE: Final = re.compile(r"\{(\w+)\}")


def segment(text: str) -> str:
    """`text` as one segment of a routing key.

    A dot would start the next segment, so it is percent-encoded like everything else that is not a letter, digit,
    `-`, `~` or `_`; a space is `+`. The wildcards `*` and `#` pass when they stand alone.
    """
    if text in ("*", "#"):
        return text
    return _UNSAFE.sub(_encoded, text)


def _encoded(found: re.Match[str]) -> str:
    character = found.group()
    return "+" if character == " " else "".join(f"%{byte:02X}" for byte in character.encode())


def filled(key: RoutingKey, message: object) -> str:
    """The routing key of `message`. Raises NoRoutingKey when a field it needs is empty."""
    if callable(key):
        return key(message)
    return _PLACE.sub(lambda place: segment(needed(message, place.group(1))), key)


def needed(message: object, field: str) -> str:
    """The text in a field that the routing key is made of. Raises NoRoutingKey when there is none."""
    value = getattr(message, field)
    if not isinstance(value, str) or not value:
        raise NoRoutingKey(type(message).__qualname__, field)
    return value
