"""What the fields of a definition are annotated with: an alias for each kind of value (kinds.py), and marks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Annotated, Literal, TypeVar

from mirliton.actors.kapi.kinds import Boolean, Destination, Duration, Free, Object, Terminators, Whole
from mirliton.actors.kapi.passage import Json
from mirliton.runtime import Name, Pid

T = TypeVar("T")


class Mark(Enum):
    """What is said of a field besides its kind."""

    REQUIRED = auto()
    SECRET = auto()


@dataclass(frozen=True, slots=True)
class Header:
    """A header whose spelling does not follow from its field's name."""

    spelling: str


Required = Annotated[T, Mark.REQUIRED]
"""Kazoo asks for it; here it has a default, which is always sent."""
Secret = Annotated[T, Mark.SECRET]
"""Never shown: not in a repr, a log, a crash dossier or an error."""

Flag = Annotated[bool, Boolean(text=True)]
"""`"true"` or `"false"` on the wire."""
Number = Annotated[int, Whole(text=True)]
"""A whole number, as text on the wire."""
Positive = Annotated[int, Whole(minimum=1)]
Seconds = Annotated[float, Duration(1)]
"""Seconds; whole on the wire, as a number."""
TextSeconds = Annotated[float, Duration(1, text=True)]
"""Seconds; whole on the wire, as text."""
Millis = Annotated[float, Duration(1000)]
"""Seconds; whole milliseconds on the wire, as a number."""
TextMillis = Annotated[float, Duration(1000, text=True)]
"""Seconds; whole milliseconds on the wire, as text."""
Gregorian = Annotated[int, Whole(text=True)]
"""Seconds since the year 0, as Kazoo counts (62,167,219,200 more than Unix)."""
Key = Literal["1", "2", "3", "4", "5", "6", "7", "8", "9", "0", "*", "#"]
"""A key of a telephone."""
Keys = Annotated[tuple[Key, ...], Terminators()]
Anything = Annotated[Json, Free()]
"""Whatever Kazoo puts there."""
Vars = Annotated[Mapping[str, Json], Object()]
"""A JSON object: Custom-Channel-Vars and its like."""
ReplyTo = Annotated[str | Pid | Name, Destination()]
"""A queue's name on the broker, or an address of ours."""
