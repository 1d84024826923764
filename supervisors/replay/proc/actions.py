"""What an actor can be told to do: a table that the modules beside this one fill.

    @action("whereis")
    def whereis(by: Doer, name: str) -> Any:
        return by.me.whereis(local_name(name)) or "undefined"

An action gets the rest of its list as arguments, as they stand in the file. What it returns is the result, as our
value; an Erlang error is raised as ErlangError, an exit as Exit. One that waits is `async def`.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Container, Iterable
from typing import Any, Final, NamedTuple, TypeVar

from mirliton.runtime import CoroutineProcess, Process
from mirliton.supervisors.replay.proc.world import World

Action = Callable[..., Any]
A = TypeVar("A", bound=Action)

ACTIONS: Final[dict[str, Action]] = {}


class Doer(NamedTuple):
    """Who does an action, and in which world."""

    world: World
    me: Process

    async def foreign(self, awaitable: Awaitable[Any]) -> Any:
        """Await what is not a primitive of processes."""
        if isinstance(self.me, CoroutineProcess):
            return await self.me.io(awaitable)
        return await awaitable


def action(name: str) -> Callable[[A], A]:
    """Enter a function in the table."""

    def enter(function: A) -> A:
        ACTIONS[name] = function
        return function

    return enter


def perform(by: Doer, act: list[Any]) -> Any:
    """Do an action; a coroutine when it waits."""
    name, *arguments = act
    return ACTIONS[name](by, *arguments)


def unknown(acts: Iterable[list[Any]], own: Container[str] = ()) -> list[str]:
    """The actions among these that nobody knows, but for `own` ones."""
    found = []
    for name, *arguments in acts:
        if name == "seq":
            found += unknown(arguments[0])
        elif name not in ACTIONS and name not in own:
            found.append(name)
    return found


@action("seq")
async def seq(by: Doer, acts: list[list[Any]]) -> list[Any]:
    """One action after the other; the list of their results."""
    results = []
    for act in acts:
        result = perform(by, act)
        results.append(await result if inspect.isawaitable(result) else result)
    return results
