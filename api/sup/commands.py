"""The table of operator commands, and how one is called."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

from mirliton.actors.store import Store, StoreError
from mirliton.runtime import Address, CallError, Node
from mirliton.supervisors.errors import BadRequest

Answer = str | dict[str, Any] | list[Any]
_FILES: Final = ("accounts", "calls", "configuration", "hangups", "node", "phones", "switches")
"""Where the commands are."""
MOST_ARGUMENTS: Final = 16


@dataclass(frozen=True, slots=True)
class Sup:
    """What a command works on; `root` is the supervisor at the top. `through`: the application that it was asked
    through, which ends the command if it is stopped."""

    node: Node
    store: Store
    root: Address
    through: str = ""


Run = Callable[..., Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Command:
    """One command. `changes`: it does more than look."""

    module: str
    function: str
    run: Run
    changes: bool

    @property
    def usage(self) -> str:
        """`MODULE FUNCTION ARGUMENT [OPTIONAL]`."""
        names = [
            name.upper() if parameter.default is parameter.empty else f"[{name.upper()}]"
            for name, parameter in self._parameters.items()
        ]
        return " ".join([self.module, self.function, *names])

    @property
    def help(self) -> str:
        """What it does, in a line."""
        return (inspect.getdoc(self.run) or "").partition("\n")[0]

    def bound(self, arguments: Sequence[str]) -> list[str]:
        """The arguments, if they are as many as it takes. Raises BadArguments."""
        needed = sum(parameter.default is parameter.empty for parameter in self._parameters.values())
        if not needed <= len(arguments) <= len(self._parameters):
            raise BadArguments(self.usage, f"{len(arguments)} arguments were given")
        return list(arguments)

    @property
    def _parameters(self) -> dict[str, inspect.Parameter]:
        given = list(inspect.signature(self.run).parameters.items())
        return dict(given[1:])


class SupError(BadRequest):
    """A command that cannot be done; its text is for the operator."""


class UnknownCommand(SupError):
    """There is no such module or function. `known` are those that there are."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(f"there is no {name}; there are: {', '.join(known)}")
        self.known = tuple(known)


class BadArguments(SupError):
    """The command takes other arguments."""

    def __init__(self, usage: str, problem: str) -> None:
        super().__init__(f"{problem}; usage: sup {usage}")
        self.usage = usage


_commands: dict[str, dict[str, Command]] = {}


def command(module: str, *, changes: bool = False) -> Callable[[Run], Run]:
    """Make a function the command of its name in that module."""

    def define(run: Run) -> Run:
        name = getattr(run, "__name__")  # noqa: B009 # a Callable has none, to mypy
        _commands.setdefault(module, {})[name] = Command(module, name, run, changes)
        return run

    return define


def modules() -> list[str]:
    """The names of all modules."""
    for file in _FILES:
        import_module(f"mirliton.api.sup.{file}")
    return sorted(_commands)


def listed(module: str) -> list[Command]:
    """The commands of a module. Raises UnknownCommand."""
    known = modules()
    if module not in _commands:
        raise UnknownCommand(f"module {module!r}", known)
    return [_commands[module][name] for name in sorted(_commands[module])]


def find(module: str, function: str) -> Command:
    """A command. Raises UnknownCommand."""
    known = listed(module)
    found = next((one for one in known if one.function == function), None)
    if found is None:
        raise UnknownCommand(f"function {function!r} in {module}", [one.function for one in known])
    return found


async def run(sup: Sup, module: str, function: str, arguments: Sequence[str]) -> Answer:
    """Call a command. Raises UnknownCommand, BadArguments, and SupError for what cannot be done."""
    found = find(module, function)
    given = found.bound(arguments)
    try:
        return await found.run(sup, *given)
    except (CallError, StoreError) as error:
        raise SupError(f"{module} {function}: {error}") from error
