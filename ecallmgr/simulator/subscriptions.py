"""What one connection listens to: event names, custom subclasses, and filters.

As the switch does it: CUSTOM alone brings no custom event, its subclasses must be named (or everything
asked for with `all`); `nixevent` after `all` leaves every named event but the nixed one; filters are
alternatives, and a value that starts with `-` forbids.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from mirliton.ecallmgr.simulator.events import Event, Format, Value
from mirliton.ecallmgr.simulator.names import EVENT_NAMES


class Filter:
    """One `filter` line: a header, and what its value must (or must not) be; `/…/` is a regular expression."""

    __slots__ = ("_test", "forbids", "header", "value")

    def __init__(self, header: str, value: str) -> None:
        self.header = header
        self.value = value
        self.forbids = False
        text = value
        while text and text[0] in "+- ":
            if text[0] != " ":
                self.forbids = text[0] == "-"
            text = text[1:]
        self._test: Callable[[str], object]
        if len(text) > 1 and text.startswith("/") and text.endswith("/"):
            try:
                self._test = re.compile(text[1:-1]).search
                return
            except re.error:
                pass  # the switch, too, then compares the text as it stands
        wanted = text.casefold()
        self._test = lambda one: one.casefold() == wanted

    def matches(self, headers: dict[str, Value]) -> bool:
        """Whether the header is there and has the value."""
        value = headers.get(self.header)
        if value is None:
            return False
        return any(self._test(one) for one in ([value] if isinstance(value, str) else value))


class Subscription:
    """What a connection gets, and in which format; empty at first."""

    def __init__(self) -> None:
        self.format: Format | None = None
        self.everything = False
        self.names: set[str] = set()
        self.subclasses: set[str] = set()
        self.filters: list[Filter] = []

    def listen(self, form: Format, words: list[str]) -> bool:
        """Add events to the subscription; False when no word names one (nothing changes then)."""
        found = False
        custom = False
        for word in words:
            name = word.upper()
            if custom:
                self.subclasses.add(word)
                found = True
            elif name in EVENT_NAMES:
                found = True
                custom = name == "CUSTOM"
                self.names.add(name)
                self.everything = self.everything or name == "ALL"
        if found:
            self.format = form
        return found

    def nix(self, words: list[str]) -> bool:
        """Take events out; False when no word names one."""
        found = False
        custom = False
        for word in words:
            name = word.upper()
            if custom:
                self.subclasses.discard(word)
                found = True
            elif name in EVENT_NAMES:
                found = True
                custom = name == "CUSTOM"
                if name == "ALL":
                    self.names.clear()
                elif self.everything:
                    self.names = set(EVENT_NAMES) - {"ALL"}
                self.everything = False
                self.names.discard(name)
        return found

    def clear(self) -> None:
        """Stop listening."""
        self.format = None
        self.everything = False
        self.names.clear()
        self.subclasses.clear()

    def add_filter(self, header: str, value: str) -> None:
        """Let only events through that match this filter or another."""
        self.filters.append(Filter(header, value))

    def delete_filters(self, header: str, value: str | None) -> None:
        """Drop the filters on `header` (with this value only, if one is given), or `all`."""
        if header == "all":
            self.filters.clear()
            return
        self.filters = [f for f in self.filters if f.header != header or (value is not None and f.value != value)]

    def wants(self, name: str, subclass: str | None) -> bool:
        """Whether an event of this kind is listened to, filters left aside."""
        if self.everything:
            return True
        if name not in self.names:
            return False
        return name != "CUSTOM" or subclass is None or subclass in self.subclasses

    def passes(self, event: Event) -> bool:
        """Whether this very event goes out, filters considered."""
        if not self.wants(event.name, event.subclass):
            return False
        if not self.filters:
            return True
        passed = False
        for one in self.filters:
            if one.matches(event.headers):
                if one.forbids:
                    return False
                passed = True
        return passed
