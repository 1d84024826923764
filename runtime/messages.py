"""The registry of message types: what may travel between processes.

A message is an immutable record with a tag that names it on the wire:

    @message("counter.add")
    class Add:
        amount: int

The decorator makes the class a frozen, slotted dataclass and registers it; an unregistered type cannot be sent
to another node, and in strict mode (on in all tests) not even to the next process.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any, TypeVar, dataclass_transform

from mirliton.runtime.errors import UnknownMessageType

T = TypeVar("T")


class MessageType:
    """How one message class travels: its tag and the names of its fields, in order.

    `required` fields of these, from the first on, are in every frame; `make` takes the values in that order.
    """

    __slots__ = ("cls", "fields", "make", "required", "tag")

    def __init__(self, tag: str, cls: type) -> None:
        self.tag = tag
        self.cls = cls
        fields = dataclasses.fields(cls)
        self.fields = tuple(field.name for field in fields)
        self.required = 1 + max(
            (
                index
                for index, field in enumerate(fields)
                if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
            ),
            default=-1,
        )
        by_position = not any(field.kw_only for field in fields)
        self.make: Callable[..., Any] = cls if by_position else self._by_name

    def _by_name(self, *values: Any) -> Any:
        return self.cls(**dict(zip(self.fields, values, strict=False)))


_by_tag: dict[str, MessageType] = {}
_by_class: dict[type, MessageType] = {}


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field,))
def message(tag: str) -> Callable[[type[T]], type[T]]:
    """Make a class a frozen, slotted dataclass that may be sent under `tag`.

    Fields hold None, bool, int, float, str, bytes, tuples, lists, dicts with string keys, addresses and other
    messages. A field added later needs a default: a node of the version before leaves it out.

    Raises ValueError when another class has the tag.
    """

    def make(cls: type[T]) -> type[T]:
        made = dataclasses.dataclass(frozen=True, slots=True)(cls)
        register(tag, made)
        return made

    return make


def register(tag: str, cls: type) -> None:
    """Let objects of a dataclass be sent under `tag`. Raises ValueError when another class has the tag."""
    known = _by_tag.get(tag)
    if known is not None and (known.cls.__module__, known.cls.__qualname__) != (cls.__module__, cls.__qualname__):
        raise ValueError(f"message tag {tag!r} belongs to {known.cls.__module__}.{known.cls.__qualname__}")
    entry = MessageType(tag, cls)
    _by_tag[tag] = entry
    _by_class[cls] = entry


def type_of(value: object) -> MessageType | None:
    """The registration of this value's class, if it has one."""
    return _by_class.get(type(value))


def type_named(tag: str) -> MessageType:
    """The registration under `tag`. Raises UnknownMessageType."""
    try:
        return _by_tag[tag]
    except (KeyError, TypeError):
        raise UnknownMessageType(tag) from None


def is_message(cls: type) -> bool:
    """Whether objects of this class are registered messages."""
    return cls in _by_class


def registered() -> dict[str, Any]:
    """All registered messages by tag."""
    return {tag: entry.cls for tag, entry in _by_tag.items()}


def types_in(belongs: Callable[[str], bool]) -> list[MessageType]:
    """The registrations whose class stands in a module that `belongs` says yes to."""
    return [entry for entry in _by_tag.values() if belongs(entry.cls.__module__)]


def exchange(out: Iterable[MessageType], put: Iterable[MessageType], *, forget: bool = True) -> None:
    """Take registrations out and put others in their place (a hot upgrade does).

    Without `forget` a class that is out can still be sent, under its tag; what is received is of the class in force.
    """
    for entry in out:
        if _by_tag.get(entry.tag) is entry:
            del _by_tag[entry.tag]
        if forget:
            _by_class.pop(entry.cls, None)
    for entry in put:
        _by_tag[entry.tag] = entry
        _by_class[entry.cls] = entry
