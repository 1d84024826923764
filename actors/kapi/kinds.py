"""How each kind of value looks on the wire.

Kazoo's JSON is loosely typed: most numbers and flags are text, since its receivers paste them into dial strings,
but whoever reads also meets `60` where `"60"` was meant. So a kind *writes* exactly one JSON type, the one Kazoo's
schema states, and *reads* whatever plainly means the same. Definitions name them by the aliases of wire.py.

Durations are float seconds inside. Kazoo's whole seconds and milliseconds exist only here; a part of a unit is
rounded up, so that a short wait never becomes none.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from mirliton.actors.kapi.passage import Edge, Json, Wire, is_text
from mirliton.runtime import Name, Pid

MAX_DEPTH: Final = 16
"""How deep a free-form value (Custom-Channel-Vars and the like) may nest."""

_INT64: Final = range(-(2**63), 2**63)
_EXACT: Final = 2**53
"""Up to here a float's digits are those that were sent; a larger number was rounded when it was read."""
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,19}")
_DECIMAL: Final = re.compile(r"[+]?[0-9]{1,19}(\.[0-9]{1,19})?")


@dataclass(frozen=True, slots=True)
class Text(Wire):
    """Text; a number is read as its digits (ports and codes arrive as either)."""

    def read(self, value: Any, path: str, edge: Edge) -> str:
        if is_text(value):
            return value
        if (type(value) is int and value in _INT64) or (type(value) is float and abs(value) < _EXACT):
            return str(value)
        edge.misfit(path, "text", value)
        return ""

    def write(self, value: Any, path: str, edge: Edge) -> Json:
        if not is_text(value):
            edge.misfit(path, "text", value)
            return ""
        return value

    def is_empty(self, value: Any) -> bool:
        return value is None or value == ""


@dataclass(frozen=True, slots=True)
class Choice(Wire):
    """One of a fixed set of texts."""

    values: tuple[str, ...]

    def read(self, value: Any, path: str, edge: Edge) -> str:
        if isinstance(value, str) and value in self.values:
            return value
        edge.misfit(path, "one of " + ", ".join(self.values), value)
        return self.values[0]

    def write(self, value: Any, path: str, edge: Edge) -> Json:
        return self.read(value, path, edge)


@dataclass(frozen=True, slots=True)
class Whole(Wire):
    """A whole number of 64 bits, written as a JSON integer or as text."""

    text: bool = False
    minimum: int | None = None

    def read(self, value: Any, path: str, edge: Edge) -> int:
        if isinstance(value, str) and _WHOLE.fullmatch(value):
            return self._checked(int(value), path, edge)
        if type(value) is float and value.is_integer():
            return self._checked(int(value), path, edge)
        return self._checked(value, path, edge)

    def write(self, value: Any, path: str, edge: Edge) -> Json:
        number = self._checked(value, path, edge)
        return str(number) if self.text else number

    def _checked(self, value: Any, path: str, edge: Edge) -> int:
        if type(value) is int and value in _INT64 and (self.minimum is None or value >= self.minimum):
            return value
        least = "" if self.minimum is None else f" of at least {self.minimum}"
        edge.misfit(path, f"a whole number{least}", value)
        return 0


@dataclass(frozen=True, slots=True)
class Boolean(Wire):
    """True or false, written as a JSON boolean or as text."""

    text: bool = False

    def read(self, value: Any, path: str, edge: Edge) -> bool:
        if value == "true" or value is True:
            return True
        if value == "false" or value is False:
            return False
        edge.misfit(path, "true or false", value)
        return False

    def write(self, value: Any, path: str, edge: Edge) -> Json:
        if type(value) is not bool:
            edge.misfit(path, "true or false", value)
            return False
        return str(value).lower() if self.text else value


@dataclass(frozen=True, slots=True)
class Duration(Wire):
    """Float seconds inside, whole units on the wire: `per_second` of them make a second."""

    per_second: int
    text: bool = False

    def read(self, value: Any, path: str, edge: Edge) -> float:
        if isinstance(value, str) and _DECIMAL.fullmatch(value):
            value = float(value)
        if not _is_amount(value):
            edge.misfit(path, "seconds" if self.per_second == 1 else "milliseconds", value)
            return 0.0
        return float(value / self.per_second)

    def write(self, value: Any, path: str, edge: Edge) -> Json:
        if not (_is_amount(value) and _is_amount(value * self.per_second)):
            edge.misfit(path, "seconds", value)
            return 0
        exact = value * self.per_second
        nearest = round(exact)
        # what binary fractions add is no part of a unit: 1.1 s would be 1101 ms
        units = nearest if math.isclose(exact, nearest, rel_tol=1e-15, abs_tol=1e-6) else math.ceil(exact)
        return str(units) if self.text else units


def _is_amount(value: object) -> bool:
    # up to here a count divided and multiplied by 1000 is still itself
    return (type(value) is float or type(value) is int) and 0 <= value <= 10**12


@dataclass(frozen=True, slots=True)
class Array(Wire):
    """A tuple of one kind."""

    item: Wire

    def read(self, value: Any, path: str, edge: Edge) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            edge.misfit(path, "a list", value)
            return ()
        return tuple(self.item.read(item, f"{path}[{index}]", edge) for index, item in enumerate(value))

    def write(self, value: Any, path: str, edge: Edge) -> Json:
        if not isinstance(value, tuple | list):
            edge.misfit(path, "a tuple", value)
            return []
        return [self.item.write(item, f"{path}[{index}]", edge) for index, item in enumerate(value)]

    def is_empty(self, value: Any) -> bool:
        return not value


@dataclass(frozen=True, slots=True)
class Terminators(Wire):
    """The keys that end a playback or a collection.

    None and the empty tuple differ: without the header the switch's own keys stay, with it none ends anything.
    Kazoo's builder would drop an empty list, and its validator takes the word `none`.
    """

    keys: ClassVar[Array] = Array(Choice(tuple("1234567890*#")))

    def read(self, value: Any, path: str, edge: Edge) -> tuple[str, ...]:
        return () if value == "none" else self.keys.read(value, path, edge)

    def write(self, value: Any, path: str, edge: Edge) -> Json:
        return "none" if value == () else self.keys.write(value, path, edge)


@dataclass(frozen=True, slots=True)
class Free(Wire):
    """Any JSON value: lists become tuples inside, so that what was read stays as it was."""

    def read(self, value: Any, path: str, edge: Edge) -> Json:
        return _free(value, path, edge, tuple, MAX_DEPTH)

    def write(self, value: Any, path: str, edge: Edge) -> Json:
        return _free(value, path, edge, list, MAX_DEPTH)

    def is_empty(self, value: Any) -> bool:
        return value is None or value == ""


@dataclass(frozen=True, slots=True)
class Object(Wire):
    """A JSON object of whatever its owner puts in."""

    def read(self, value: Any, path: str, edge: Edge) -> Mapping[str, Json]:
        return self._mapping(value, path, edge, tuple)

    def write(self, value: Any, path: str, edge: Edge) -> Json:
        return self._mapping(value, path, edge, list)

    def is_empty(self, value: Any) -> bool:
        return not value

    def _mapping(self, value: Any, path: str, edge: Edge, sequence: type) -> Mapping[str, Json]:
        if isinstance(value, Mapping):
            made = _free(value, path, edge, sequence, MAX_DEPTH)
            return made if isinstance(made, Mapping) else {}
        edge.misfit(path, "an object", value)
        return {}


def _free(value: Any, path: str, edge: Edge, sequence: type, depth: int) -> Json:
    if value is None or type(value) is bool or is_text(value):
        return value
    if (type(value) is int and value in _INT64) or (type(value) is float and math.isfinite(value)):
        return value
    if depth == 0:
        edge.problem(path, f"nested deeper than {MAX_DEPTH}")
        return None
    if isinstance(value, list | tuple):
        items = [_free(item, f"{path}[{i}]", edge, sequence, depth - 1) for i, item in enumerate(value)]
        return items if sequence is list else tuple(items)
    if isinstance(value, Mapping) and all(map(is_text, value)):
        return {key: _free(item, f"{path}.{key}", edge, sequence, depth - 1) for key, item in value.items()}
    edge.misfit(path, "a JSON value", value)
    return None


@dataclass(frozen=True, slots=True)
class Destination(Wire):
    """Where answers or commands go: a queue's name on the broker, or one of our addresses.

    An address gets a queue name from the edge that sends the message; what is read is always a name.
    """

    def read(self, value: Any, path: str, edge: Edge) -> str:
        return Text().read(value, path, edge)

    def write(self, value: Any, path: str, edge: Edge) -> Json:
        if isinstance(value, Pid | Name):
            if edge.queue_of is None:
                edge.problem(path, f"{value} has no queue here: give `queue_of`")
                return ""
            value = edge.queue_of(value)
        return Text().write(value, path, edge)

    def is_empty(self, value: Any) -> bool:
        return value is None or value == ""
