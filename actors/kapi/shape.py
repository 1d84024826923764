"""The table behind a class: which field is which header, what kind of value it holds, whether Kazoo asks for it.

It is read off the class itself, once, when the class is defined: a field without a default, or marked `Required`,
is required; the others are optional. Messages, their parts (an endpoint of a bridge) and the envelope all have one.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from mirliton.actors.kapi.kinds import Array, Boolean, Choice, Text, Whole
from mirliton.actors.kapi.passage import Edge, Json, Wire, is_text
from mirliton.actors.kapi.spelling import header_of
from mirliton.actors.kapi.wire import Header, Mark


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a class and the header it travels in."""

    name: str
    header: str
    wire: Wire
    required: bool
    secret: bool


class Shape:
    """All fields of one class."""

    __slots__ = ("cls", "fields", "headers", "one_of")

    def __init__(self, cls: type, one_of: tuple[tuple[str, ...], ...] = ()) -> None:
        """`one_of` lists groups of headers of which at least one must be there."""
        self.cls = cls
        self.fields = _fields(cls)
        self.headers = frozenset(field.header for field in self.fields)
        self.one_of = one_of
        unknown = {header for group in one_of for header in group} - self.headers
        if unknown:
            raise TypeError(f"{cls.__qualname__} has no field for {', '.join(sorted(unknown))}")

    def read(self, source: Mapping[str, Any], path: str, edge: Edge) -> dict[str, Any]:
        """The constructor's arguments; absent headers (null and empty text are absent) are left to its defaults."""
        found: dict[str, Any] = {}
        for field in self.fields:
            value = source.get(field.header)
            if value is None or value == "":
                if field.required:
                    edge.problem(path + field.header, "required, but missing")
                continue
            edge.secret = field.secret
            found[field.name] = field.wire.read(value, path + field.header, edge)
        for group in self.one_of:
            if all(source.get(header) in (None, "", {}, []) for header in group):
                edge.problem(path + " / ".join(group), "at least one is required, all are missing")
        return found

    def write(self, value: object, path: str, edge: Edge) -> dict[str, Json]:
        """The headers of an instance, without what is empty and not required."""
        made: dict[str, Json] = {}
        for field in self.fields:
            held = getattr(value, field.name)
            if field.wire.is_empty(held):
                if not field.required:
                    continue
                if held is None or held == "":
                    edge.problem(path + field.header, "required, but empty")
                    continue
            edge.secret = field.secret
            made[field.header] = field.wire.write(held, path + field.header, edge)
        for group in self.one_of:
            if not any(header in made for header in group):
                edge.problem(path + " / ".join(group), "at least one is required, all are empty")
        return made


@dataclass(frozen=True, slots=True)
class Part(Wire):
    """An object inside a message that has a shape of its own."""

    shape: Shape

    def read(self, value: Any, path: str, edge: Edge) -> Any:
        if not isinstance(value, Mapping) or not all(map(is_text, value)):
            edge.misfit(path, "an object", value)
            return None
        before = edge.failures
        found = self.shape.read(value, path + ".", edge)
        edge.dropped += len(value.keys() - self.shape.headers)
        return self.shape.cls(**found) if edge.failures == before else None

    def write(self, value: Any, path: str, edge: Edge) -> Json:
        if type(value) is not self.shape.cls:
            edge.misfit(path, self.shape.cls.__qualname__, value)
            return {}
        return self.shape.write(value, path + ".", edge)


_parts: dict[type, Part] = {}


def add_part(cls: type) -> Shape:
    """Give `cls` a shape, so that fields of other classes can hold it."""
    shape = Shape(cls)
    _parts[cls] = Part(shape)
    return shape


_known: dict[dataclasses.Field[Any], Field] = {}


def _fields(cls: type) -> tuple[Field, ...]:
    fields = dataclasses.fields(cls)
    new = [field for field in fields if field not in _known]
    if new:  # what a base class has is known: the events would have it looked up thirty times
        hints = get_type_hints(cls, include_extras=True)
        _known.update((field, _field(field, hints[field.name])) for field in new)
    return tuple(_known[field] for field in fields)


def _field(field: dataclasses.Field[Any], hint: Any) -> Field:
    marks = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    spelled = [mark.spelling for mark in marks if isinstance(mark, Header)]
    no_default = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    return Field(
        name=field.name,
        header=spelled[0] if spelled else header_of(field.name),
        wire=wire_of(hint),
        required=no_default or Mark.REQUIRED in marks,
        secret=Mark.SECRET in marks,
    )


def wire_of(hint: Any) -> Wire:
    """The kind of value an annotation asks for. Raises TypeError for one that has no form on the wire."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        kinds = [mark for mark in arguments[1:] if isinstance(mark, Wire)]
        return kinds[0] if kinds else wire_of(arguments[0])
    if origin is Union or origin is types.UnionType:
        inner = [argument for argument in arguments if argument is not type(None)]
        if len(inner) == 1:
            return wire_of(inner[0])
    if origin is Literal:
        return Choice(arguments)
    if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
        return Array(wire_of(arguments[0]))
    if hint in _parts:
        return _parts[hint]
    plain: dict[Any, Wire] = {str: Text(), int: Whole(), bool: Boolean()}
    if hint in plain:
        return plain[hint]
    raise TypeError(f"{hint} has no form on the wire: name one with Annotated (see wire.py)")
