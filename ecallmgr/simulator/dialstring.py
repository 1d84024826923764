"""Dial strings: `{vars}a,[vars]b|c:_:d` as data.

`,` rings endpoints together, `|` tries groups one after another, `:_:` runs whole strings beside each
other. `<…>` holds variables for all of them, `{…}` for one string, `[…]` for one endpoint. Values may stand
in single quotes, a comma may be escaped with a backslash, and `[^^:a=1:b=2]` chooses another separator.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mirliton.ecallmgr.simulator.errors import BadDialString

_CLOSING = {"{": "}", "[": "]", "<": ">"}


@dataclass(frozen=True, slots=True)
class DialEndpoint:
    """One thing to ring, such as `sofia/internal/1000@host`, with its own variables."""

    text: str
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """The part before the first slash: sofia, user, loopback, error, null …"""
        return self.text.partition("/")[0]

    @property
    def rest(self) -> str:
        """The part after the first slash."""
        return self.text.partition("/")[2]


@dataclass(frozen=True, slots=True)
class DialBranch:
    """Groups tried one after another; the endpoints of a group ring together."""

    groups: tuple[tuple[DialEndpoint, ...], ...]
    variables: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DialString:
    """Branches that run beside each other (usually one)."""

    branches: tuple[DialBranch, ...]
    variables: dict[str, str] = field(default_factory=dict)


def parse_dial_string(text: str) -> DialString:
    """Read a dial string; raises BadDialString."""
    whole = text.strip()
    shared, body = _take_variables(whole, "<", whole)
    branches = tuple(_branch(part, whole) for part in _split(body, ":_:", whole))
    return DialString(branches, shared)


def _branch(text: str, whole: str) -> DialBranch:
    variables, body = _take_variables(text.strip(), "{", whole)
    groups = []
    for group in _split(body, "|", whole):
        endpoints = []
        for part in _split(group, ",", whole):
            own, target = _take_variables(part.strip(), "[", whole)
            more, target = _take_variables(target, "{", whole)  # an expanded contact may bring its own
            if not target:
                raise BadDialString(whole, "an endpoint is empty")
            endpoints.append(DialEndpoint(target, {**own, **more}))
        groups.append(tuple(endpoints))
    return DialBranch(tuple(groups), variables)


def _take_variables(text: str, opening: str, whole: str) -> tuple[dict[str, str], str]:
    variables: dict[str, str] = {}
    while text.startswith(opening):
        end = _matching(text, 0, whole)
        variables.update(parse_variables(text[1:end]))
        text = text[end + 1 :].lstrip()
    return variables, text


def _matching(text: str, start: int, whole: str) -> int:
    """Where the bracket that opens at `start` closes; quotes hide brackets."""
    opening, closing = text[start], _CLOSING[text[start]]
    depth, quoted = 0, False
    for at in range(start, len(text)):
        mark = text[at]
        if mark == "'" and text[at - 1 : at] != "\\":
            quoted = not quoted
        elif not quoted and mark == opening:
            depth += 1
        elif not quoted and mark == closing:
            depth -= 1
            if not depth:
                return at
    raise BadDialString(whole, f"{opening} at {start} is not closed")


def _split(text: str, separator: str, whole: str) -> list[str]:
    """Split at `separator` outside brackets."""
    parts, begin, at = [], 0, 0
    while at < len(text):
        mark = text[at]
        if mark in "{[" and (at == begin or text[begin:at].strip() == "" or text[at - 1] in "]}"):
            at = _matching(text, at, whole)
        elif text.startswith(separator, at) and text[at - 1 : at] != "\\":
            parts.append(text[begin:at])
            at += len(separator)
            begin = at
            continue
        at += 1
    parts.append(text[begin:])
    return parts


def parse_variables(text: str) -> dict[str, str]:
    """Read `a=1,b='x, y'` (what stands between the brackets)."""
    separator = ","
    if text.startswith("^^") and len(text) > 2:
        separator, text = text[2], text[3:]
    variables: dict[str, str] = {}
    for part in _split_values(text, separator):
        name, equals, value = part.partition("=")
        if equals and name.strip():
            variables[name.strip()] = _unquote(value.strip(" "))
    return variables


def _split_values(text: str, separator: str) -> list[str]:
    parts: list[str] = []
    current: list[str] = []
    quoted = False
    at = 0
    while at < len(text):
        mark = text[at]
        if mark == "\\" and at + 1 < len(text) and text[at + 1] in (separator, "'", "\\"):
            current.append(text[at + 1] if text[at + 1] == separator else text[at : at + 2])
            at += 2
            continue
        if mark == "'":
            quoted = not quoted
        if mark == separator and not quoted:
            parts.append("".join(current))
            current = []
        else:
            current.append(mark)
        at += 1
    parts.append("".join(current))
    return parts


def _unquote(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] == "'":
        value = value[1:-1]
    return value.replace("\\'", "'").replace("\\\\", "\\")
