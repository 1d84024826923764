"""The dialplan: which applications an extension runs.

By default every number is parked, as the static dialplan that a controller needs does; tests give richer
ones. `inline` extensions (`app:arg,app:arg`) are understood where a command names that dialplan.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

Action = tuple[str, str | None]
PARK: tuple[Action, ...] = (("park", None),)


class Dialplan:
    """Extensions by number, and what happens to any other number that matches `pattern` (None: no route)."""

    def __init__(
        self,
        extensions: Mapping[str, Sequence[Action]] | None = None,
        *,
        default: Sequence[Action] | None = PARK,
        pattern: str = ".*",
    ) -> None:
        self._extensions = {number: list(actions) for number, actions in (extensions or {}).items()}
        self._default = None if default is None else list(default)
        self._pattern = re.compile(pattern, re.DOTALL)

    def find(self, number: str) -> list[Action] | None:
        """The actions of `number`, or None when nothing leads there."""
        found = self._extensions.get(number)
        if found is None and self._pattern.fullmatch(number):
            found = self._default
        return found

    def by_pattern(self, number: str) -> bool:
        """Whether `number` is found by the pattern (which leaves the variable DP_MATCH behind)."""
        return number not in self._extensions and self._pattern.fullmatch(number) is not None


def inline(text: str) -> list[Action]:
    """An inline extension: `answer,playback:/tmp/x.wav` (with `m:^:` any other separator)."""
    separator = ","
    if text.startswith("m:") and len(text) > 4 and text[3] == ":":
        separator, text = text[2], text[4:]
    actions: list[Action] = []
    for part in text.split(separator):
        name, colon, data = part.strip().partition(":")
        if name:
            actions.append((name, data if colon else None))
    return actions
