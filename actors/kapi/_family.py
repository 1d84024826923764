"""What a message family's file is written with: `kapi` defines a message, `command` a dialplan command, `part` an
object inside a message.

    @kapi("call.usurp_control", category="call_event", name="usurp_control",
          exchange="callevt", key="call.usurp_control.{call_id}")
    class UsurpControl:
        call_id: str
        fetch_id: str
        reason: str | None = None

The class becomes a frozen, slotted dataclass and a message of the runtime (`kapi.call.usurp_control`); its fields are
Kazoo's headers (see shape.py). Nothing else has to be told: edge.py finds everything in the registry here. Between
nodes fields travel by position, so a field added later stands last and has a default.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, dataclass_transform

from mirliton.actors.kapi.errors import InvalidMessage, Problem, UnknownMessage
from mirliton.actors.kapi.routing import EXCHANGES, RoutingKey
from mirliton.actors.kapi.shape import Shape, add_part
from mirliton.runtime import message

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Definition:
    """All there is to know about one message."""

    tag: str
    cls: type
    shape: Shape
    fixed: dict[str, str]
    """Headers whose value tells this message from others."""
    exchange: str
    key: RoutingKey | None
    """None on a direct exchange: there the key is the receiver's queue."""

    @property
    def listed(self) -> frozenset[str]:
        """Every header of its own."""
        return self.shape.headers | self.fixed.keys()


_by_class: dict[type, Definition] = {}
_by_event: dict[tuple[str, str | None, str | None], Definition] = {}
_shapes: dict[type, Shape] = {}


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field,))
def kapi(
    tag: str,
    *,
    category: str,
    name: str | None,
    exchange: str,
    key: RoutingKey | None = None,
    application: str | None = None,
    one_of: tuple[tuple[str, ...], ...] = (),
) -> Callable[[type[T]], type[T]]:
    """Define the message with this Event-Category and Event-Name (None: a field holds the name).

    `application` is the fixed Application-Name of a command, `one_of` groups of headers of which at least one is
    required. Raises TypeError or ValueError at import for a definition that cannot be.
    """
    if (EXCHANGES[exchange] == "direct") is not (key is None):
        raise ValueError(f"{tag}: a message has a routing key of its own unless its exchange ({exchange}) is direct")

    event = (category, name, application)
    known = _by_event.get(event)
    if known is not None and known.tag != f"kapi.{tag}":
        raise ValueError(f"kapi.{tag} and {known.tag} have the same {event}")
    headers = zip(("Event-Category", "Event-Name", "Application-Name"), event, strict=True)
    fixed = {header: value for header, value in headers if value is not None}

    def define(cls: type[T]) -> type[T]:
        made: type[T] = _made(tag, cls)
        shape = _shapes[made] = Shape(made, one_of)
        definition = Definition(f"kapi.{tag}", made, shape, fixed, exchange, key)
        _by_event[event] = _by_class[made] = definition
        return made

    return define


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field,))
def command(application: str) -> Callable[[type[T]], type[T]]:
    """Define the dialplan command with this Application-Name: it goes to the queue that controls the call."""
    return kapi(f"dialplan.{application}", category="call", name="command", application=application, exchange="callctl")


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field,))
def part(tag: str) -> Callable[[type[T]], type[T]]:
    """Define an object that stands inside a message."""

    def define(cls: type[T]) -> type[T]:
        made: type[T] = _made(tag, cls)
        _shapes[made] = add_part(made)
        return made

    return define


def definition_of(message: object) -> Definition:
    """The definition of a message or a message class. Raises TypeError for what is none."""
    cls = message if isinstance(message, type) else type(message)
    try:
        return _by_class[cls]
    except KeyError:
        raise TypeError(f"{cls.__qualname__} is not a Kazoo message") from None


def definition_for(category: str, name: str, application: str | None = None) -> Definition:
    """The definition of a message from its headers. Raises UnknownMessage, or InvalidMessage for a nameless command."""
    for wanted in ((category, name, application), (category, name, None), (category, None, None)):
        found = _by_event.get(wanted)
        if found is not None:
            return found
    if application is None and any(event[:2] == (category, name) for event in _by_event):
        raise InvalidMessage(f"{category}/{name}", (Problem("Application-Name", "required, but missing"),))
    raise UnknownMessage(category, name, application)


def definitions() -> tuple[Definition, ...]:
    """Every message defined so far."""
    return tuple(_by_class.values())


def _made(tag: str, cls: Any) -> Any:
    """The message class of `cls`, with our repr in place of the dataclass's."""
    cls.__repr__ = _repr
    return message(f"kapi.{tag}")(cls)


def _repr(self: Any) -> str:
    """Only what differs from the defaults, since an event has some ninety fields, and no secrets."""
    secret = {field.name for field in _shapes[type(self)].fields if field.secret}
    shown = []
    for field in dataclasses.fields(self):
        value = getattr(self, field.name)
        if value == field.default or (field.default_factory is dict and not value):
            continue
        shown.append(f"{field.name}={'***' if field.name in secret else repr(value)}")
    return f"{type(self).__qualname__}({', '.join(shown)})"
