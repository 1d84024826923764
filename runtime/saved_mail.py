"""The mail that a selective receive has passed over, by type of message.

A script that waits for one kind of message while ten thousand of another pile up must not look at the ten thousand each
time: a receive by type looks at the oldest of each type that is there, whatever their number. A predicate has to be
asked about every message, as in Erlang.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mirliton.runtime.cell import Item

Match = type | tuple[type, ...] | Callable[[Any], bool] | None
"""What a receive waits for: a type, some types, a predicate, or anything."""


class SavedMail:
    """Passed-over mail in the order it came, oldest first."""

    __slots__ = ("_by_type", "_length", "_number")

    def __init__(self) -> None:
        self._by_type: dict[type, deque[tuple[int, Item]]] = {}
        self._number = 0
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Item]:
        if len(self._by_type) == 1:
            [entries] = self._by_type.values()
            return (item for _, item in tuple(entries))
        return (
            item for _, item in sorted((entry for entries in self._by_type.values() for entry in entries), key=_age)
        )

    def append(self, item: Item) -> None:
        kind = type(item[0])
        entries = self._by_type.get(kind)
        if entries is None:
            entries = self._by_type[kind] = deque()
        self._number += 1
        self._length += 1
        entries.append((self._number, item))

    def take(self, match: Match) -> Item | None:
        """The oldest that matches, taken out; None when none does."""
        if match is None or isinstance(match, type | tuple):
            return self._take_by_type(match)
        for item in self:
            if match(item[0]):
                self.remove(item)
                return item
        return None

    def _take_by_type(self, types: type | tuple[type, ...] | None) -> Item | None:
        found: deque[tuple[int, Item]] | None = None
        for entries in self._by_type.values():
            if (found is None or entries[0][0] < found[0][0]) and (
                types is None or isinstance(entries[0][1][0], types)
            ):
                found = entries
        if found is None:
            return None
        item = found.popleft()[1]
        self._took(item, found)
        return item

    def remove(self, item: Item) -> None:
        """Take out this very entry."""
        entries = self._by_type[type(item[0])]
        for index, entry in enumerate(entries):
            if entry[1] is item:
                del entries[index]
                self._took(item, entries)
                return

    def _took(self, item: Item, entries: deque[tuple[int, Item]]) -> None:
        self._length -= 1
        if not entries:
            del self._by_type[type(item[0])]


def _age(entry: tuple[int, Item]) -> int:
    return entry[0]
