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
from collections.abc import Callable
from typing import Any, TypeVar, dataclass_transform

from mirliton.runtime.errors import UnknownMessageType

T = TypeVar("T")


class MessageType:
    """How one message class travels: its tag and the names of its fields, in order."""

    __slots__ = ("cls", "fields", "required", "tag")

    def __init__(self, tag: str, cls: type) -> None:
        self.tag = tag
        self.cls = cls
        fields = dataclasses.fields(cls)
        self.fields = tuple(field.name for field in fields)
        self.required = sum(
            field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING for field in fields
        )


_by_tag: dict[str, MessageType] = {}
_by_class: dict[type, MessageType] = {}


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field,))
def message(tag: str) -> Callable[[type[T]], type[T]]:
    """Make a class a frozen, slotted dataclass that may be sent under `tag`.

    Fields hold None, bool, int, float, str, bytes, tuples, lists, dicts with string keys, addresses and other
    messages. A field added later needs a default: a node of the version before leaves it out.

    Raises ValueError when another class has the tag.
    """

    def register(cls: type[T]) -> type[T]:
        made = dataclasses.dataclass(frozen=True, slots=True, weakref_slot=False)(cls)
        known = _by_tag.get(tag)
        if known is not None and (known.cls.__module__, known.cls.__qualname__) != (
            made.__module__,
            made.__qualname__,
        ):
            raise ValueError(f"message tag {tag!r} belongs to {known.cls.__module__}.{known.cls.__qualname__}")
        entry = MessageType(tag, made)
        _by_tag[tag] = entry
        _by_class[made] = entry
        return made

    return register


def type_of(value: object) -> MessageType | None:
    """The registration of this value's class, if it has one."""
    return _by_class.get(type(value))


def type_named(tag: str) -> MessageType:
    """The registration under `tag`. Raises UnknownMessageType."""
    try:
        return _by_tag[tag]
    except (KeyError, TypeError):
        raise UnknownMessageType(tag) from None


def registered() -> dict[str, Any]:
    """All registered messages by tag."""
    return {tag: entry.cls for tag, entry in _by_tag.items()}
