"""What the callbacks of a server do: lists of actions, some of them the server's own."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Final

from mirliton.runtime import Exit, From, Process
from mirliton.supervisors.replay.proc.actions import Doer, perform
from mirliton.supervisors.replay.proc.world import World
from mirliton.supervisors.replay.terms import ErlangError

Own = Callable[..., Any]

CALLERS: Final = ("hold", "answer")


class Script:
    """Does lists of actions for a server. `hold` and `answer` keep and answer callers; `own` adds to the actions."""

    def __init__(self, world: World, me: Process, own: dict[str, Own] | None = None) -> None:
        self.by = Doer(world, me)
        self.held: dict[str, From | None] = {}
        self.own = own or {}
        self.terminating = False

    def run(self, acts: list[list[Any]], sender: From | None, then: Callable[[], Any]) -> Any:
        """Do the actions, then answer what `then` answers: a coroutine from the first action on that waits."""
        for position, act in enumerate(acts):
            try:
                result = self._do(act, sender)
            except Exit:
                self._raised()
                raise
            if inspect.isawaitable(result):
                return self._run_later(result, acts[position + 1 :], sender, then)
        return then()

    def answer(self, key: str, value: Any) -> None:
        """Answer the caller that is held under `key`; where there is none it is an error, as in Erlang."""
        caller = self.held.get(key)
        if caller is None:
            raise ErlangError("function_clause")
        self.by.me.reply(caller, self.by.world.value(value))

    async def _run_later(self, first: Any, rest: list[list[Any]], sender: From | None, then: Callable[[], Any]) -> Any:
        try:
            await first
        except Exit:
            self._raised()
            raise
        result = self.run(rest, sender, then)
        return await result if inspect.isawaitable(result) else result

    def _raised(self) -> None:
        """An exit was raised in a callback: the report of the end tells it from a stop."""
        self.by.world.raised[self.by.me.pid] = "terminate" if self.terminating else "callback"

    def _do(self, act: list[Any], sender: From | None) -> Any:
        match act:
            case ["hold", key]:
                self.held[key] = sender
            case ["answer", key, value]:
                self.answer(key, value)
            case [name, *arguments] if name in self.own:
                return self.own[name](*arguments)
            case _:
                return perform(self.by, act)
        return None
