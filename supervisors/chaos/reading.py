"""From a TOML file, or the same as dicts and lists, to a Plan; or to one PlanError with everything that is wrong.

    plan = load_plan(Path("calls.toml"))

Tables are `[[attack]]`, `[guard]`, `[invariants]`, `[proxies]` and `[services.NAME]`; keys are the fields of plan.py,
but for `for`, the seconds that a trouble lasts. An attack with one group has the group's keys (`names`, `kinds`,
`below`, `above`, `beyond_intensity`) beside its own; one with several has them in `among`, a list of tables. Nothing is
guessed: an unknown key is an error with the closest known one.
"""

from __future__ import annotations

import difflib
import math
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from mirliton.supervisors.chaos.errors import PlanError, Problem
from mirliton.supervisors.chaos.plan import (
    MOST_ATTACKS,
    Attack,
    Guard,
    Invariants,
    Pick,
    Plan,
    Range,
    Service,
    key_of,
)

MAX_FILE: Final = 1024 * 1024
MAX_TEXT: Final = 256
MAX_ITEMS: Final = 1000
_PARTS: Final[dict[str, type]] = {"guard": Guard, "invariants": Invariants}
_NAMED: Final = frozenset({"proxies", "services"})
"""Tables of names that the plan itself gives."""


def load_plan(path: Path) -> Plan:
    """The plan in a file. Raises PlanError, also when the file cannot be read."""
    return read_plan(load_data(path), str(path))


def load_data(path: Path) -> dict[str, Any]:
    """A plan's file as plain data, which may be sent and read elsewhere. Raises PlanError."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE + 1)
        if len(content) > MAX_FILE:
            raise PlanError([Problem(str(path), f"must be at most {MAX_FILE} bytes")])
        return tomllib.loads(content.decode())
    except OSError as error:
        raise PlanError([Problem(str(path), f"cannot be read: {error.strerror}")]) from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise PlanError([Problem(str(path), f"is not TOML: {error}")]) from None


def read_plan(data: Any, source: str = "") -> Plan:
    """The plan that is meant by plain data; `source` is named in its problems. Raises PlanError."""
    reader = _Reader(source)
    plan = reader.plan(data)
    if reader.problems or plan is None:
        raise PlanError(reader.problems)
    return plan


class _Reader:
    """Collects problems on the way."""

    def __init__(self, source: str) -> None:
        self.problems: list[Problem] = []
        self._source = source

    def plan(self, data: Any) -> Plan | None:
        if not isinstance(data, Mapping):
            self._wrong("", "the plan must be a table", data)
            return None
        found = self._fields(Plan, data, "", {"attack", *_PARTS, *_NAMED})
        for key, part in _PARTS.items():
            if key in data:
                found[key] = self._part(part, data[key], key)
        for key in _NAMED & data.keys():
            found[key] = self._named(key, data[key])
        attacks = data.get("attack", [])
        if not isinstance(attacks, list) or not 1 <= len(attacks) <= MOST_ATTACKS:
            self._wrong("attack", f"must be 1 to {MOST_ATTACKS} tables, each headed [[attack]]", None)
            return None
        found["attacks"] = tuple(self._attack(one, f"attack.{number}") for number, one in enumerate(attacks))
        if self.problems:
            return None
        try:
            return Plan(**found)
        except PlanError as error:
            for problem in error.problems:
                self._wrong(problem.where, problem.expected, problem.value)
            return None

    def _named(self, table: str, data: Any) -> dict[str, Any]:
        if not isinstance(data, Mapping) or len(data) > MAX_ITEMS:
            self._wrong(table, "must be a table", data)
            return {}
        found: dict[str, Any] = {}
        for name, value in data.items():
            where = f"{table}.{name if str(name).isprintable() else ascii(name)}"[:MAX_TEXT]
            if table == "services":
                found[name] = self._part(Service, value, where)
            else:
                found[name], expected = _fit(value, str, None)
                if expected:
                    self._wrong(where, expected, value)
        return found

    def _attack(self, data: Any, where: str) -> Attack:
        if not isinstance(data, Mapping):
            self._wrong(where, "must be a table", data)
            return Attack()
        own = {key_of(each.name) for each in fields(Pick)} - {"label"}
        before = len(self.problems)
        found = self._fields(Attack, data, f"{where}.", own | {"among"})
        if "among" in data:
            if mixed := sorted(own & data.keys()):
                self._wrong(f"{where}.{mixed[0]}", "must stand in the tables of among, where there are any", None)
            groups = data["among"]
            if not isinstance(groups, list) or not 1 <= len(groups) <= MAX_ITEMS:
                self._wrong(f"{where}.among", "must be a list of tables", groups)
            else:
                found["among"] = tuple(
                    self._part(Pick, group, f"{where}.among.{number}") for number, group in enumerate(groups)
                )
        elif own & data.keys():
            group = {key: data[key] for key in data if key in own}
            found["among"] = (self._part(Pick, group, where),)
        attack = Attack(**found)
        if len(self.problems) == before:
            # What comes of wrong values is not to be told as well. Plan looks again only where all parts are right.
            for key, said, value in attack.problems():
                self._wrong(f"{where}.{key}", said, value)
        return attack

    def _part(self, part: type, data: Any, where: str) -> Any:
        if not isinstance(data, Mapping):
            self._wrong(where, "must be a table", data)
            return part()
        return part(**self._fields(part, data, f"{where}.", set()))

    def _fields(self, part: type, data: Mapping[str, Any], where: str, others: Iterable[str]) -> dict[str, Any]:
        """The fields of a part that are there and right; keys in `others` are read elsewhere."""
        hints = get_type_hints(part)
        known = {key_of(each.name): each for each in fields(part) if key_of(each.name) not in (*others, "attack")}
        found: dict[str, Any] = {}
        for key, value in data.items():
            if key in known:
                each = known[key]
                fits, expected = _fit(value, hints[each.name], each.metadata.get("range"))
                if expected:
                    self._wrong(f"{where}{key}", expected, value)
                else:
                    found[each.name] = fits
            elif key not in others:
                closest = difflib.get_close_matches(str(key), [*known, *others], n=1)
                shown = key if str(key).isprintable() and len(key) <= MAX_TEXT else ascii(key)[:MAX_TEXT]
                self._wrong(f"{where}{shown}", "is not a key of a plan here", None, closest[0] if closest else None)
        return found

    def _wrong(self, where: str, expected: str, value: Any, hint: str | None = None) -> None:
        place = ": ".join(filter(None, (self._source, where)))
        self.problems.append(Problem(place or "the plan", expected, value, hint))


def _fit(value: Any, hint: Any, bounds: Range | None) -> tuple[Any, str]:
    """The value as its field wants it, and what is expected where it cannot be: one of both."""
    if get_origin(hint) in (Union, UnionType):
        (hint,) = (one for one in get_args(hint) if one is not NoneType)
    if get_origin(hint) is tuple:
        return _fit_list(value, get_args(hint)[0], bounds)
    if get_origin(hint) is Literal:
        choices = get_args(hint)
        right = isinstance(value, str) and value in choices
        return value, "" if right else f"must be one of {', '.join(map(repr, choices))}"
    if hint is bool:
        return value, "" if isinstance(value, bool) else "must be true or false"
    if hint in (int, float):
        right = isinstance(value, int | float if hint is float else int) and not isinstance(value, bool)
        if not right or not math.isfinite(value) or (bounds is not None and not bounds.low <= value <= bounds.high):
            kind = "a number" if hint is float else "a whole number"
            return value, f"must be {kind}{f' {bounds}' if bounds is not None else ''}"
        return hint(value), ""
    if not isinstance(value, str) or not value.isprintable() or len(value) > MAX_TEXT:
        return value, f"must be text of one line, at most {MAX_TEXT} characters"
    return value, ""


def _fit_list(value: Any, item: Any, bounds: Range | None) -> tuple[Any, str]:
    if not isinstance(value, list | tuple) or len(value) > MAX_ITEMS:
        return value, f"must be a list of at most {MAX_ITEMS}"
    fitted = [_fit(one, item, bounds) for one in value]
    wrong = next((expected for _, expected in fitted if expected), "")
    return tuple(one for one, _ in fitted), f"must be a list, each of which {wrong}" if wrong else ""
