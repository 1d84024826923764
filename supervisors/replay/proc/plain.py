"""The plain actor, and the actions that spawn others."""

from __future__ import annotations

import asyncio
import inspect
from collections import deque
from typing import Any, NamedTuple

from mirliton.runtime import CoroutineProcess, Exit, Pid, Ref, message
from mirliton.supervisors.replay.proc.actions import Doer, action, perform
from mirliton.supervisors.replay.proc.world import World
from mirliton.supervisors.replay.terms import ErlangError


@message("replay.act")
class Act:
    """Do the next action that was handed to this actor."""


class Order(NamedTuple):
    """An action for an actor. Its outcome goes to a future, or under a tag into the trace."""

    act: list[Any]
    caught: bool
    outcome: asyncio.Future[Any] | str


class Plain(CoroutineProcess):
    """A plain actor: takes every message at once and notes it; does one action at a time."""

    async def init(self, world: World, label: str, trap: bool = False) -> None:
        self.world = world
        self.orders: deque[Order] = deque()
        self.trap_exit(trap)
        world.born(self.pid, label)
        world.event("init", self.pid, out="ok", type="worker")
        world.started(self.pid)

    async def run(self) -> None:
        while True:
            received = await self.receive()
            if isinstance(received, Act):
                await self._do(self.orders.popleft())
            else:
                self.world.taken(self.pid, received)

    async def _do(self, order: Order) -> None:
        try:
            result = perform(Doer(self.world, self), order.act)
            if inspect.isawaitable(result):
                result = await result
            value = self.world.term(result)
        except ErlangError as error:
            if not order.caught:
                raise
            value = self._raised(order, "error", error.term)
        except Exit as end:
            # A dead actor's Exit is how it learns that it is.
            if not order.caught or self.pid.cell is None:
                raise
            value = self._raised(order, "exit", self.world.term(end.reason))
        if isinstance(order.outcome, str):
            self.world.done(self.pid, order.outcome, value)
        elif not order.outcome.done():
            order.outcome.set_result(value)

    @staticmethod
    def _raised(order: Order, kind: str, reason: Any) -> Any:
        return {"t": ["caught", kind, reason]} if isinstance(order.outcome, str) else {kind: reason}


@action("spawn")
def spawn(by: Doer, label: str, options: dict[str, Any] | None = None) -> Pid:
    pid = by.me.spawn(Plain, by.world, label, **(options or {}))
    by.world.born(pid, label)
    return pid


@action("spawn_link")
def spawn_link(by: Doer, label: str, options: dict[str, Any] | None = None) -> Pid:
    pid = by.me.spawn_link(Plain, by.world, label, **(options or {}))
    by.world.born(pid, label)
    return pid


@action("spawn_monitor")
def spawn_monitor(by: Doer, label: str, name: str, options: dict[str, Any] | None = None) -> tuple[Pid, Ref]:
    pid, ref = by.me.spawn_monitor(Plain, by.world, label, **(options or {}))
    by.world.born(pid, label)
    by.world.monitors[name] = by.world.named(ref, name)
    return pid, ref
