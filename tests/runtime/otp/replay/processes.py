"""The actors: plain ones, and servers that do what the script of a scenario says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from mirliton.runtime import (
    IGNORE,
    Continue,
    CoroutineProcess,
    Exit,
    From,
    GenServer,
    NoReply,
    Reply,
    Stop,
    message,
)

from .actions import Actions
from .terms import ErlangError, Refusal, decode
from .world import World


@message("test.otp.act")
class Act:
    """Do the next action that was handed to this actor."""


class Plain(CoroutineProcess):
    """A plain actor: takes every message at once and notes it; does one action at a time."""

    async def init(self, world: World, label: str, trap: bool = False) -> None:
        self.world = world
        self.actions: list[tuple[list[Any], bool, asyncio.Future[Any] | str]] = []
        self.trap_exit(trap)
        world.born(self.pid, label)
        world.event("init", self.pid, out="ok", type="worker")
        world.start_succeeded(self.pid)

    async def run(self) -> None:
        while True:
            received = await self.receive()
            if isinstance(received, Act):
                await self.act(*self.actions.pop(0))
            else:
                self.world.event("msg", self.pid, msg=received)

    async def act(self, action: list[Any], caught: bool, outcome: asyncio.Future[Any] | str) -> None:
        encode = self.world.terms.encode
        try:
            result = Actions(self.world, self).run(action)
            if asyncio.iscoroutine(result):
                result = await result
            value = encode(result)
        except ErlangError as error:
            if not caught:
                raise
            value = {"error": json.loads(str(error))}
        except Exit as error:
            if not caught or self.pid.cell is None:
                raise
            value = {"exit": encode(error.reason)}
        if isinstance(outcome, str):
            if isinstance(value, dict) and not value.keys().isdisjoint(("error", "exit")):
                ((kind, reason),) = value.items()
                value = {"t": ["caught", kind, reason]}
            self.world.events.append({"ev": "done", "p": self.label, "tag": outcome, "value": value})
        elif not outcome.done():
            outcome.set_result(value)

    @property
    def label(self) -> str:
        return self.world.terms.labels[self.pid].partition("#")[0]


class Server(GenServer):
    """A gen_server that does what the scenario's script says for each request."""

    def init(self, world: World, label: str, options: dict[str, Any]) -> Any:
        self.world = world
        self.value = decode(options.get("state"))
        self.held: dict[str, From] = {}
        self.trap_exit(options.get("trap", False))
        world.born(self.pid, label)
        out = options.get("init", "ok")
        world.event("init", self.pid, out=out, type="worker")
        match out:
            case "ignore":
                return IGNORE
            case {"stop": reason}:
                return Stop(decode(reason))
            case {"exit": reason}:
                raise Exit(decode(reason))
            case {"error": term}:
                raise ErlangError(term)
            case {"bad": term}:
                return decode(term)
            case {"delay": milliseconds}:
                return self.begin_later(milliseconds / 1000)
        world.start_succeeded(self.pid)
        return NoReply(**option(options.get("opt")))

    async def begin_later(self, seconds: float) -> None:
        await self.sleep(seconds)
        self.world.start_succeeded(self.pid)

    def state(self) -> Any:
        return self.value

    def set_state(self, state: Any) -> None:
        self.value = state

    def handle_call(self, request: Any, sender: From) -> Any:
        return self.play("handle_call", request, sender)

    def handle_cast(self, request: Any) -> Any:
        return self.play("handle_cast", request)

    def handle_info(self, received: Any) -> Any:
        return self.play("handle_info", received)

    def handle_continue(self, argument: Any) -> Any:
        return self.play("handle_continue", argument)

    def terminate(self, reason: Any) -> Any:
        self.world.event("cb", self.pid, cb="terminate", arg=reason)
        return self.perform(self.world.scripts.get("$terminate", {}).get("do", []), None, lambda: None)

    def code_change(self, old_version: Any, extra: Any) -> None:
        self.world.event("cb", self.pid, cb="code_change", arg=(old_version, self.value, extra))
        match extra:
            case ("fail", term):
                raise Refusal(term)
            case ("crash", term):
                raise ErlangError(term)
        self.value = ("upgraded", self.value)

    def play(self, callback: str, request: Any, sender: From | None = None) -> Any:
        self.world.event("cb", self.pid, cb=callback, arg=request)
        script = self.world.scripts.get(request) if isinstance(request, str) else None
        if script is None:
            return None if sender is None else Reply(("unknown", request))
        return self.perform(script.get("do", []), sender, lambda: self.answer(script["ret"]))

    def perform(self, actions: list[list[Any]], sender: From | None, then: Callable[[], Any]) -> Any:
        """Do the actions, from the first that has to wait on in a Task."""
        for position, action in enumerate(actions):
            result = self.act(action, sender)
            if asyncio.iscoroutine(result):
                return self.perform_later(result, actions[position + 1 :], sender, then)
        return then()

    async def perform_later(self, first: Any, rest: list[Any], sender: From | None, then: Callable[[], Any]) -> Any:
        await first
        result = self.perform(rest, sender, then)
        return await result if asyncio.iscoroutine(result) else result

    def act(self, action: list[Any], sender: From | None) -> Any:
        match action:
            case ["hold", key]:
                assert sender is not None
                self.held[key] = sender
            case ["answer", key, value]:
                self.reply(self.held[key], decode(value))
            case ["set", value]:
                self.value = decode(value)
            case _:
                return Actions(self.world, self).run(action)
        return None

    def answer(self, ret: list[Any]) -> Any:
        match ret:
            case ["reply", value, *rest]:
                return Reply(decode(value), **option(*rest))
            case ["reply_state"]:
                return Reply(self.value)
            case ["noreply", *rest]:
                return NoReply(**option(*rest))
            case ["stop", reason]:
                return Stop(decode(reason))
            case ["stop", reason, reply]:
                return Stop(decode(reason), reply=decode(reply))
            case ["bad", term]:
                return decode(term)
        raise NotImplementedError(str(ret))


def option(given: Any = None) -> dict[str, Any]:
    match given:
        case {"timeout": milliseconds}:
            return {"timeout": milliseconds / 1000}
        case {"continue": argument}:
            return {"then": Continue(argument)}
    return {}  # hibernate: nothing visible
