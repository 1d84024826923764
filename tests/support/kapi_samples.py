"""Generated Kazoo messages, valid and broken: from a seed, so that each can be had again."""

from __future__ import annotations

import random
from typing import Any

from mirliton.actors import kapi
from mirliton.actors.kapi import kinds
from mirliton.actors.kapi.dialplan.queueing import Queued
from mirliton.actors.kapi.passage import Wire
from mirliton.actors.kapi.shape import Part, Shape

LETTERS = "\0abcXYZ0189 .@:/+-_~*#%\"'\\<>{}[]()\t\n\r\x01\x7fäßλ好\u2028\U0001f600"
EXTREMES = (0, 1, -1, 2**31, 2**63 - 1, -(2**63))
KEYS = tuple("0123456789*#")
BROKEN: tuple[Any, ...] = (
    ["not", {"this": 1}],
    {"nor": [{"this": None}]},
    [],
    {},
    None,
    "",
    "neither",
    "\ud800",
    -1,
    2**63,
    1e400,
    float("nan"),
    True,
    b"bytes",
    "9" * 400,
    [[[[[[[[[[[[[[[[[[["deep"]]]]]]]]]]]]]]]]]]],
)
"""What a header may hold that arrives."""


class Samples:
    """Values and messages, one after the other."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def text(self) -> str:
        """One to six characters, of those that have a meaning somewhere."""
        return "".join(self.random.choices(LETTERS, k=self.random.randint(1, 6)))

    def json(self, depth: int = 3) -> Any:
        """A JSON value, with tuples for lists."""
        kind = self.random.randrange(7 if depth else 5)
        if kind == 5:
            return tuple(self.json(depth - 1) for _ in range(self.random.randrange(3)))
        if kind == 6:
            return self.vars(depth - 1)
        return (self.text(), self.random.choice(EXTREMES), True, False, self.random.random())[kind]

    def vars(self, depth: int = 2) -> dict[str, Any]:
        """A JSON object that is not empty."""
        return {self.text(): self.json(depth) for _ in range(self.random.randint(1, 2))}

    def value(self, kind: Wire, *, text_only: bool = False) -> Any:
        """A value that survives the edge unchanged: never empty, durations in whole units of the wire.

        With `text_only` whatever has no type of its own is a text, as Kazoo's schemas have it.
        """
        draw = self.random
        match kind:
            case kinds.Text() | kinds.Destination():
                return self.text()
            case kinds.Choice(values):
                return draw.choice(values)
            case kinds.Whole(minimum=minimum):
                return draw.choice(EXTREMES) if minimum is None else draw.randint(minimum, 2**40)
            case kinds.Boolean():
                return draw.random() < 0.5
            case kinds.Duration(per_second):
                return draw.choice((0, 1, 1500, 10**9)) / per_second
            case kinds.Terminators():
                return tuple(draw.choices(KEYS, k=draw.randrange(4)))
            case kinds.Array(item):
                return tuple(self.value(item, text_only=text_only) for _ in range(draw.randint(1, 2)))
            case kinds.Free():
                return self.text() if text_only else self.json() or "x"
            case kinds.Object():
                return self.vars()
            case Part(shape):
                return self.of(shape, text_only=text_only)
            case Queued():
                return self.of(draw.choice(COMMANDS), text_only=text_only)
        raise AssertionError(f"no samples for {kind}")

    def of(self, shape: Shape, *, full: bool = False, text_only: bool = False) -> Any:
        """An instance with some, or with `full` all, of what is optional."""
        share = 1.0 if full else self.random.choice((0.0, 0.1, 0.5))
        needed = {group[0] for group in shape.one_of}
        found = {
            field.name: self.value(field.wire, text_only=text_only)
            for field in shape.fields
            if field.required or field.header in needed or field.name == "msg_id" or self.random.random() < share
        }  # the edge would make a msg_id
        return shape.cls(**found)

    def broken(self, headers: dict[str, Any], known: tuple[str, ...]) -> dict[str, Any]:
        """A copy of these headers in which up to three hold something else or are gone."""
        copy = dict(headers)
        for header in self.random.choices(known, k=self.random.randint(1, 3)):
            if self.random.random() < 0.25:
                copy.pop(header, None)
            else:
                copy[header] = self.random.choice(BROKEN)
        return copy


COMMANDS = [
    definition.shape
    for definition in kapi.definitions()
    if issubclass(definition.cls, kapi.dialplan.Command) and definition.cls is not kapi.dialplan.Queue
]


def one_of_each() -> list[kapi.Definition]:
    """Every definition; of the events of a leg, which have the same headers, one."""
    events = [one for one in kapi.definitions() if issubclass(one.cls, kapi.call.CallEvent)]
    return [one for one in kapi.definitions() if one not in events[1:]]


def families() -> dict[str, list[kapi.Definition]]:
    """The definitions by family."""
    found: dict[str, list[kapi.Definition]] = {}
    for definition in one_of_each():
        found.setdefault(definition.family, []).append(definition)
    return found
