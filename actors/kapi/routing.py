"""Where a message goes at the edge: the exchange, and the routing key Kazoo would use."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from mirliton.actors.kapi.errors import NoRoutingKey

EXCHANGES: Final = {
    "bookkeepers": "topic",
    "callctl": "direct",
    "callevt": "topic",
    "callmgr": "topic",
    "cdr": "topic",
    "channels": "topic",
    "conference": "topic",
    "configuration": "topic",
    "discovery": "topic",
    "faxes": "topic",
    "frontier": "direct",
    "frontier_acl": "topic",
    "globals": "topic",
    "im": "topic",
    "kapps": "topic",
    "leader": "topic",
    "metaflow": "topic",
    "monitor": "topic",
    "nodes": "fanout",
    "notifications": "topic",
    "omnipresence": "topic",
    "presence": "topic",
    "pushes": "topic",
    "registrar": "topic",
    "resources": "topic",
    "switch": "topic",
    "sysconf": "topic",
    "targeted": "direct",
    "tasks": "topic",
    "trusted": "topic",
}
"""Exchanges and their types. Declare them as Kazoo does: not durable, not auto-delete, or nobody else can bind."""

RoutingKey = str | Callable[[Any], str]
"""A template of field names (`call.usurp_control.{call_id}`), or a function of the message.

`{username|*}` is `*` where there is no username.
"""


class Publication(NamedTuple):
    """Where to publish."""

    exchange: str
    routing_key: str


_UNSAFE: Final = re.compile(r"[^A-Za-z0-9\-~_]")
_PLACE: Final = re.compile(r"\{(\w+)(?:\|([^}]*))?\}")


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

    def place(found: re.Match[str]) -> str:
        field, default = found.groups()
        if default is not None and getattr(message, field) in (None, ""):
            return default
        return segment(needed(message, field))

    return _PLACE.sub(place, key)


def bindable(pattern: str, **known: str) -> str:
    """The pattern to bind for a template: what is `known` by field, and `*` for the rest."""
    return _PLACE.sub(lambda place: segment(known.get(place[1], "*")), pattern)


def needed(message: object, field: str) -> str:
    """The text in a field that the routing key is made of. Raises NoRoutingKey when there is none."""
    value = getattr(message, field)
    if not isinstance(value, str) or not value:
        raise NoRoutingKey(type(message).__qualname__, field)
    return value


def user_and_realm(message: object, *fields: str) -> tuple[str, str]:
    """The two halves of the SIP address in the first of these fields that is not empty, with or without `sip:`.

    Raises NoRoutingKey when there is none.
    """
    found = next((field for field in fields if getattr(message, field)), fields[0])
    user, at, realm = needed(message, found).rpartition("@")
    if not at or not realm:
        raise NoRoutingKey(type(message).__qualname__, found)
    return user.removeprefix("sip:").removeprefix("sips:"), realm
