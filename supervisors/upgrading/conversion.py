"""Values of the old code made values of the new: what waits in mailboxes, and what processes hold."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Iterator, Mapping, MutableMapping
from enum import Enum
from functools import lru_cache
from types import FunctionType, MethodType, ModuleType
from typing import Any, Final

from mirliton.runtime import Name, Pid
from mirliton.runtime.messages import is_message
from mirliton.supervisors.errors import UpgradeFailed
from mirliton.supervisors.upgrading.successors import Successors

ATOMS: Final = (str, int, float, bytes, bool, complex, Pid, Name, type(None))


def same_things(old: Mapping[str, ModuleType], successors: Successors) -> dict[int, Any]:
    """What the old modules' globals hold, and the new hold under the same name, by identity: sentinels, mostly."""
    same = {}
    for name, module in old.items():
        fresh = vars(successors.modules[name]) if name in successors.modules else {}
        for key, value in vars(module).items():
            new_class = successors.of(type(value))
            if new_class is not None and type(fresh.get(key)) is new_class:
                same[id(value)] = fresh[key]
    return same


class Converter:
    """Makes values of the new code.

    Messages and other frozen records of the application are made anew, field by field, with the defaults of what they
    did not have; other objects of its classes become, in place, objects of the successors. Dicts, lists, sets, deques,
    tuples, frozen records of others, and objects whose class says `upgrade_looks_inside`, are looked into. The rest
    stays as it is.
    """

    def __init__(self, successors: Successors, same: Mapping[int, Any]) -> None:
        self._successors = successors
        self._same = same
        self._done: dict[int, tuple[Any, Any]] = {}

    def state(self, owner: Any, attributes: MutableMapping[str, Any]) -> None:
        """Convert what a process (or another object) holds in its attributes."""
        for key, value in list(attributes.items()):
            if value is not owner and key != "_myRef":
                converted = self.value(value)
                if converted is not value:
                    attributes[key] = converted

    def value(self, value: Any) -> Any:
        """The value as the new code knows it: the same object when nothing in it had to change."""
        kind = type(value)
        if kind in ATOMS:
            return value
        if isinstance(value, type | FunctionType | ModuleType):
            found = self._successors.of(value)
            return value if found is None else found
        key = id(value)
        if key in self._same:
            return self._same[key]
        if key in self._done:
            return self._done[key][1]
        self._done[key] = (value, value)  # one that holds itself ends here; and keeps the id from being used again
        converted = self._convert(value, kind)
        self._done[key] = (value, converted)
        return converted

    def _convert(self, value: Any, kind: type) -> Any:
        new = self._successors.of(kind)
        if new is not None:
            return self._renew(value, new)
        if kind is tuple:
            return self._tuple(value)
        if isinstance(value, dict | list | set | deque):
            self._change_contents(value)
            return value
        if kind is frozenset:
            parts = [self.value(each) for each in value]
            return value if _same_parts(parts, value) else frozenset(parts)
        if kind is MethodType:
            function = self.value(value.__func__)
            return value if function is value.__func__ else MethodType(function, value.__self__)
        if is_record(kind) and (made := _of_fields(kind, self._fields(value, kind), value)) is not None:
            return made
        if isinstance(value, tuple) and hasattr(kind, "_make"):
            parts = [self.value(each) for each in value]
            return value if _same_parts(parts, value) else kind._make(parts)
        if looks_inside(kind):
            self._attributes(value, kind)
        return value

    def _tuple(self, value: tuple[Any, ...]) -> tuple[Any, ...]:
        for index, each in enumerate(value):
            if self.value(each) is not each:
                return (*value[:index], *(self.value(part) for part in value[index:]))
        return value

    def _change_contents(self, value: Any) -> None:
        if isinstance(value, dict):
            items = [(self.value(key), self.value(each)) for key, each in value.items()]
            if not all(key is old for (key, _), old in zip(items, value, strict=True)):
                value.clear()
                for key, each in items:
                    value[key] = each
            else:
                for key, each in items:
                    if value[key] is not each:
                        value[key] = each
            return
        parts = [self.value(each) for each in value]
        if _same_parts(parts, value):
            return
        value.clear()
        if isinstance(value, set):
            value.update(parts)
        else:
            value.extend(parts)

    def _renew(self, value: Any, new: type) -> Any:
        if isinstance(value, Enum):
            try:
                return new[value.name]  # type: ignore[index] # the successor of an enum
            except (KeyError, TypeError):
                raise UpgradeFailed("convert", new.__qualname__, f"has no {value.name} any more") from None
        if is_record(type(value)) and dataclasses.is_dataclass(new):
            return renewed(value, new, self._fields(value, type(value)))
        if isinstance(value, tuple) and hasattr(new, "_make"):
            fields = dict(zip(type(value)._fields, value, strict=True))  # type: ignore[attr-defined] # a named tuple
            return new(**{key: self.value(each) for key, each in fields.items() if key in new._fields})  # type: ignore[attr-defined] # so is this
        change_class(value, new)
        self._attributes(value, new)
        if isinstance(value, dict | list | set | deque):
            self._change_contents(value)
        return value

    def _attributes(self, value: Any, kind: type) -> None:
        if hasattr(value, "__dict__"):
            self.state(value, vars(value))
        for name in slots_of(kind):
            if hasattr(value, name):
                object.__setattr__(value, name, self.value(getattr(value, name)))

    def _fields(self, value: Any, kind: type) -> dict[str, Any]:
        return {
            field.name: self.value(getattr(value, field.name))
            for field in dataclasses.fields(kind)
            if hasattr(value, field.name)
        }


def looks_inside(kind: type) -> bool:
    """Whether a class that is not the application's lets an upgrade change what its objects hold."""
    return getattr(kind, "upgrade_looks_inside", False) is True


def change_class(value: Any, new: type) -> None:
    """Make an object one of the new class, in place. Raises UpgradeFailed where its layout does not allow it."""
    try:
        object.__setattr__(value, "__class__", new)
    except TypeError as error:
        where = f"{new.__module__}.{new.__qualname__}"
        raise UpgradeFailed("convert", where, f"living objects cannot take its layout: {error}") from None


def is_record(kind: type) -> bool:
    """Whether it is a message or another frozen dataclass: a value, of which nobody minds another that is equal."""
    parameters = getattr(kind, "__dataclass_params__", None)
    return parameters is not None and bool(parameters.frozen or is_message(kind))


def renewed(value: Any, new: type, fields: Mapping[str, Any]) -> Any:
    """A record of the new class, with the fields that both have. Raises UpgradeFailed when that is not enough."""
    known = {field.name for field in dataclasses.fields(new) if field.init}
    try:
        return new(**{name: each for name, each in fields.items() if name in known})
    except Exception as error:  # its own check (__post_init__) may raise what it likes
        where = f"{new.__module__}.{new.__qualname__}"
        raise UpgradeFailed("convert", where, f"cannot be made of {value!r}: {error}") from error


@lru_cache(maxsize=1024)
def slots_of(kind: type) -> tuple[str, ...]:
    """The names of its slots, its bases' too."""
    return tuple(_slots(kind))


def _slots(kind: type) -> Iterator[str]:
    for base in kind.__mro__:
        slots = vars(base).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in ("__dict__", "__weakref__"):
                private = name.startswith("__") and not name.endswith("__")
                yield f"_{base.__name__.lstrip('_')}{name}" if private else name


def _of_fields(kind: type, fields: dict[str, Any], value: Any) -> Any:
    """A record of the same class whose fields have changed; None when none has."""
    if all(each is getattr(value, name) for name, each in fields.items()):
        return None
    init = {field.name for field in dataclasses.fields(kind) if field.init}
    return kind(**{name: each for name, each in fields.items() if name in init})


def _same_parts(parts: list[Any], value: Any) -> bool:
    return all(new is old for new, old in zip(parts, value, strict=True))
