"""What a message family's file is written with: `kapi` defines a message, `command` a dialplan command, `part` an
object inside a message.

    @kapi("call.usurp_control", "call_event", "callevt", "call.usurp_control.{call_id}")
    class UsurpControl:
        call_id: str
        fetch_id: str
        reason: str | None = None

Read the line as a row of Kazoo's tables: the name of the message, its Event-Category, its exchange and its routing
key. Its Event-Name is the last part of its name unless it is given; without an exchange it is an answer, which goes to
the queue of whoever asked. The class becomes a frozen, slotted dataclass and a message of the runtime
(`kapi.call.usurp_control`); its fields are Kazoo's headers (see shape.py). Headers that several messages share stand
in a plain dataclass that they derive from; what is optional there is `kw_only`.

Nothing else has to be told: edge.py finds everything in the registry here. Between nodes fields travel by position,
so a field added later stands last and has a default.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, dataclass_transform

from mirliton.actors.kapi.errors import InvalidMessage, Problem, UnknownMessage
from mirliton.actors.kapi.kinds import Choice
from mirliton.actors.kapi.routing import EXCHANGES, Publication, RoutingKey, bindable
from mirliton.actors.kapi.shape import Shape, add_part
from mirliton.runtime import message

T = TypeVar("T")

BY_EVENT: tuple[str, ...] = ("Event-Category", "Event-Name", "Application-Name")
SAME = ""
"""An Event-Name that is the last part of the message's name."""


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
    """None: whoever publishes it says; on a direct exchange it is the receiver's queue."""
    bindings: tuple[Publication, ...]
    """What to bind to get all of these, wherever they are published; none for what goes to one queue."""

    @property
    def listed(self) -> frozenset[str]:
        """Every header of its own."""
        return self.shape.headers | self.fixed.keys()

    @property
    def family(self) -> str:
        """Kazoo's module, less its `kapi_`."""
        return self.tag.split(".")[1]


Event = tuple[str, str | None, str | None]
_by_class: dict[type, Definition] = {}
_by_event: dict[Event, list[Definition]] = {}
_shapes: dict[type, Shape] = {}


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field,))
def kapi(
    tag: str,
    category: str | None,
    exchange: str = "targeted",
    key: RoutingKey | None = None,
    *,
    name: str | None = SAME,
    application: str | None = None,
    fixed: Mapping[str, str] | None = None,
    one_of: tuple[tuple[str, ...], ...] = (),
    binding: str | None = None,
    also: tuple[tuple[str, str], ...] = (),
) -> Callable[[type[T]], type[T]]:
    """Define the message with this Event-Category and Event-Name (None: a field of the class holds it).

    `application` is the fixed Application-Name of a command, `fixed` what else tells the message from others, `one_of`
    groups of headers of which at least one is required. `binding` is the pattern that gets all of them where `key` is
    a function, or is left to the publisher (None on an exchange that is not direct); `also` are other exchanges and
    keys by which others publish it. Raises TypeError or ValueError at import for a definition that cannot be.
    """
    if binding is None and (callable(key) or (key is None and EXCHANGES[exchange] != "direct")):
        raise ValueError(f"{tag}: {exchange} is no direct exchange, so give a routing key, or say what to bind")

    def define(cls: type[T]) -> type[T]:
        made: type[T] = _made(tag, cls)
        shape = _shapes[made] = Shape(made, one_of)
        event = (category, tag.rpartition(".")[2] if name == SAME else name, application)
        told = {header: value for header, value in zip(BY_EVENT, event, strict=True) if value is not None}
        pattern = binding if binding is not None or callable(key) else key
        places = ((exchange, pattern), *also)
        patterns = tuple(Publication(there, bindable(place)) for there, place in places if place is not None)
        definition = Definition(f"kapi.{tag}", made, shape, told | dict(fixed or {}), exchange, key, patterns)
        for one in _events(event, shape):
            _claim(one, definition)
        _by_class[made] = definition
        return made

    return define


def _events(event: tuple[str | None, str | None, str | None], shape: Shape) -> Iterable[Event]:
    """Each event that a message can have: a field that holds its category or name may list them."""
    category, name, application = event
    choices = {field.header: field.wire.values for field in shape.fields if isinstance(field.wire, Choice)}
    if category is None and "Event-Category" not in choices:
        raise TypeError(f"{shape.cls.__qualname__} has no field that lists its categories")
    categories = choices["Event-Category"] if category is None else (category,)
    names = choices.get("Event-Name", (None,)) if name is None else (name,)
    return [(one, other, application) for one in categories for other in names]


def _claim(event: Event, definition: Definition) -> None:
    claims = _by_event.setdefault(event, [])
    for known in tuple(claims):
        if known.tag == definition.tag:  # its module was loaded anew
            claims.remove(known)
        elif known.fixed == definition.fixed and known.exchange == definition.exchange:
            raise ValueError(f"{definition.tag} and {known.tag} have the same {event}")
    claims.append(definition)


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field,))
def command(application: str) -> Callable[[type[T]], type[T]]:
    """Define the dialplan command with this Application-Name: it goes to the queue that controls the call."""
    return kapi(f"dialplan.{application}", "call", "callctl", name="command", application=application)


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


def definition_for(
    category: str,
    name: str,
    application: str | None = None,
    *,
    headers: Mapping[str, Any] | None = None,
    exchange: str | None = None,
) -> Definition:
    """The definition of a message from its headers. Raises UnknownMessage, or InvalidMessage for a nameless command.

    Where several have one event, its other `headers` decide, and then the `exchange` that it came by.
    """
    for wanted in ((category, name, application), (category, name, None), (category, None, None)):
        claims = _by_event.get(wanted)
        if claims:
            return claims[0] if len(claims) == 1 else _likeliest(claims, headers or {}, exchange)
    if application is None and any(event[:2] == (category, name) for event in _by_event):
        raise InvalidMessage(f"{category}/{name}", (Problem("Application-Name", "required, but missing"),))
    raise UnknownMessage(category, name, application)


def _likeliest(claims: list[Definition], headers: Mapping[str, Any], exchange: str | None) -> Definition:
    def fits(definition: Definition) -> tuple[bool, bool]:
        told = all(headers.get(header) == value for header, value in definition.fixed.items())
        return told, definition.exchange == exchange

    return max(claims, key=fits)


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
