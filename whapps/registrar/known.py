"""What the registrar need not look up again: which account a realm is of, and who does not exist.

Both are bounded, and both forget: an account or device that is new is let in after a few seconds at the latest.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Hashable
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

MAX_NAME: Final = 253
"""Characters of a realm or username that can be one; by DNS."""


class Remembered(Generic[K, V]):
    """A mapping of at most `limit` items, each forgotten `seconds` after it was set; the oldest make room."""

    def __init__(self, limit: int, seconds: float) -> None:
        self.limit = limit
        self.seconds = seconds
        self._items: OrderedDict[K, tuple[float, V]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._items)

    def get(self, key: K, now: float) -> V | None:
        """What is remembered."""
        until, value = self._items.get(key, (now, None))
        if until > now:
            return value
        self._items.pop(key, None)
        return None

    def set(self, key: K, value: V, now: float) -> None:
        """Remember from now on."""
        self._items.pop(key, None)
        self._items[key] = (now + self.seconds, value)
        if len(self._items) > self.limit:
            self._items.popitem(last=False)

    def forget(self, key: K) -> None:
        """Look it up again."""
        self._items.pop(key, None)

    def clear(self) -> None:
        """Look up everything again."""
        self._items.clear()

    def forget_value(self, value: V) -> None:
        """Look up again whatever this is remembered of."""
        for key in [key for key, (_, known) in self._items.items() if known == value]:
            del self._items[key]

    def forget_realm(self, realm: str) -> None:
        """Look up again whatever has this realm as key, or as the first part of its key."""
        for key in [key for key in self._items if key == realm or (isinstance(key, tuple) and key[0] == realm)]:
            del self._items[key]


def is_name(text: str) -> bool:
    """Whether a realm or username can be in the store at all."""
    return 0 < len(text) <= MAX_NAME and text.isprintable() and "/" not in text


def is_address(realm: str) -> bool:
    """Whether a realm is an IP address: no account's, as in Kazoo."""
    try:
        ipaddress.ip_address(realm.strip("[]"))
    except ValueError:
        return False
    return True
