"""What of the old code has which successor in the new, and how stale references to the old find it.

Python binds names early: a module that says `from shop.messages import Add` holds the class itself, as Erlang code
never does. So that "the new code" means the same to everybody, the globals of other modules are bound anew, and an old
class that somebody still holds makes instances of its successor.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from types import CellType, FunctionType, ModuleType
from typing import Any

from mirliton.supervisors.upgrading.loading import Belongs


class Successors:
    """From the old code (of whichever version before) to the code of `modules`.

    A class or function is followed by what has its module and qualified name, or the name that `renamed` gives:
    "module:qualified.name" to "module:qualified.name". One that is defined inside a function has no successor.
    """

    def __init__(
        self, modules: Mapping[str, ModuleType], belongs: Belongs, renamed: Mapping[str, str] | None = None
    ) -> None:
        self.modules = modules
        self.belongs = belongs
        self._renamed = renamed or {}
        self._known: dict[Any, Any] = {}

    def of(self, thing: Any) -> Any:
        """The successor of a class, function or module of the application; None when it has none, or is new itself."""
        if isinstance(thing, ModuleType):
            found = self.modules.get(thing.__name__)
            return None if found is thing else found
        module = getattr(thing, "__module__", None)
        if not isinstance(module, str) or not self.belongs(module):
            return None
        try:
            return self._known[thing]
        except KeyError:
            found = self._known[thing] = self._find(thing, module)
            return found

    def named(self, name: str) -> Any:
        """What "module:qualified.name" means in the new code; None when there is no such thing."""
        module, _, path = name.partition(":")
        found: Any = self.modules.get(module)
        for part in path.split("."):
            found = getattr(found, part, None)
        return found

    def _find(self, thing: Any, module: str) -> Any:
        name = f"{module}:{thing.__qualname__}"
        found = self.named(self._renamed.get(name, name))
        kind = type if isinstance(thing, type) else FunctionType
        return found if isinstance(found, kind) and found is not thing else None


class Rebinding:
    """The places outside the new code that hold the old, found first and changed (and changed back) at once."""

    def __init__(self, successors: Successors, running: Mapping[str, ModuleType]) -> None:
        self._successors = successors
        self._running = running
        self._globals = list(self._stale_globals())
        self._replaced = {
            value: new
            for module in running.values()
            for value in list(vars(module).values())
            if isinstance(value, type) and (new := successors.of(value)) is not None
        }
        self._cells = list(self._stale_cells())
        # An enum makes nothing.
        self._makers = {old: old.__new__ for old in self._replaced if not issubclass(old, Enum)}
        self._own_makers = {old: vars(old)["__new__"] for old in self._makers if "__new__" in vars(old)}

    def do(self) -> None:
        for namespace, key, _, new in self._globals:
            namespace[key] = new
        for cell, _, new in self._cells:
            cell.cell_contents = new
        for old, make in self._makers.items():
            _set_maker(old, functools.partial(_make_successor, old, make, self._replaced[old]))

    def undo(self) -> None:
        for old, make in self._makers.items():
            # A class whose __new__ is deleted again takes no arguments any more (CPython issue 5322).
            _set_maker(old, self._own_makers.get(old, functools.partial(_make, make)))
        for cell, old_class, _ in self._cells:
            cell.cell_contents = old_class
        for namespace, key, old, _ in self._globals:
            namespace[key] = old

    def _stale_globals(self) -> Iterator[tuple[dict[str, Any], str, Any, Any]]:
        """(namespace, key, old, new). Functions of the old code call each other still, as Erlang's local calls do."""
        new_modules = {id(module) for module in self._successors.modules.values()}
        old_modules = {id(module) for module in self._running.values()}
        for module in [*sys.modules.values(), *self._running.values()]:
            if id(module) in new_modules or not isinstance(module, ModuleType):
                continue
            kinds = (type,) if id(module) in old_modules else (type, FunctionType, ModuleType)
            namespace = vars(module)
            for key, value in list(namespace.items()):
                if isinstance(value, kinds) and (new := self._successors.of(value)) is not None:
                    yield namespace, key, value, new

    def _stale_cells(self) -> Iterator[tuple[CellType, type, type]]:
        """The cells through which `super()` in old code knows its class; `self` is of the new one from now on."""
        for old, new in self._replaced.items():
            for value in list(vars(old).values()):
                function = getattr(value, "__func__", value)
                if not isinstance(function, FunctionType) or "__class__" not in function.__code__.co_freevars:
                    continue
                cell = (function.__closure__ or ())[function.__code__.co_freevars.index("__class__")]
                if cell.cell_contents is old:
                    yield cell, old, new
                    break  # all methods of a class share it


def _set_maker(cls: type, make: Callable[..., Any] | staticmethod[..., Any]) -> None:
    try:
        cls.__new__ = make if isinstance(make, staticmethod) else staticmethod(make)  # type: ignore[method-assign] # that is the point
    except TypeError:
        return  # a class whose metaclass allows no change makes what it made before


def _make_successor(old: type, make: Callable[..., Any], new: type, cls: type, /, *args: Any, **kwargs: Any) -> Any:
    """What an old class makes: an instance of the new one; a subclass of it that is nobody's to replace, its own."""
    return new(*args, **kwargs) if cls is old else _make(make, cls, *args, **kwargs)


def _make(make: Callable[..., Any], cls: type, /, *args: Any, **kwargs: Any) -> Any:
    return make(cls) if make is object.__new__ else make(cls, *args, **kwargs)
