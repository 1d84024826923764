"""Which messages go out: most of Kazoo's are nobody's business outside, and each costs the broker and us a publish.

    Interest({"presence": "always", "call": "bound"})

`always`   published, whoever listens.
`bound`    published while somebody does. A message that no queue got comes back; then those of its kind rest, and one
           is tried again after `rest` seconds: so a new listener is noticed that late. Who binds single keys (one
           call's events) needs `always`, since what is tried may be another key's.
`never`    not published; so is each family that is not named.

Answers are none of this: whoever asked gets one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

Wish = Literal["always", "bound", "never"]
REST: Final = 5.0


class Interest:
    """The families that go out, and which of those that depend on it nobody listens to now."""

    def __init__(self, families: Mapping[str, Wish], rest: float = REST) -> None:
        """`families` are Kazoo's modules without their `kapi_`; `rest` is in seconds. Raises ValueError."""
        for family, wish in families.items():
            if wish not in ("always", "bound", "never"):
                raise ValueError(f"{family} is published always, bound or never, not {wish!r}")
        self.families = dict(families)
        self.rest = rest
        self._resting: dict[str, float] = {}

    def wants(self, tag: str, family: str, now: float) -> bool:
        """Whether a message with this tag is to be published now."""
        wish = self.families.get(family, "never")
        if wish == "bound":
            return self._resting.get(tag, now) <= now
        return wish == "always"

    def asks(self, family: str) -> bool:
        """Whether messages of a family are published so that they come back when no queue gets them."""
        return self.families.get(family) == "bound"

    def nobody(self, tag: str, now: float) -> None:
        """No queue got a message with this tag."""
        self._resting[tag] = now + self.rest
