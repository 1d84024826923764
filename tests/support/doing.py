"""A process that does what a test hands it, in its own code."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from inspect import isawaitable
from typing import Any

from mirliton.runtime import GenServer, Local, Pid
from mirliton.runtime.testing import VirtualNode

Action = Callable[[Any], Any]


class _Do(Local):
    __slots__ = ("action", "outcome")

    def __init__(self, action: Action, outcome: asyncio.Future[Any] | None) -> None:
        self.action = action
        self.outcome = outcome


class _Doer(GenServer):
    def init(self, mail: list[Any], trap: bool) -> None:
        self.mail = mail
        self.trap_exit(trap)

    async def handle_cast(self, request: Any) -> None:
        outcome: asyncio.Future[Any] | None = request.outcome
        try:
            result = request.action(self)
            if isawaitable(result):
                result = await result
        except Exception as error:
            if outcome is None:
                raise
            outcome.set_exception(error)
        else:
            if outcome is not None:
                outcome.set_result(result)

    def handle_info(self, received: Any) -> None:
        self.mail.append(received)


class Doer:
    """The test's hand in one process. `mail` is what came to it besides."""

    def __init__(self, node: VirtualNode) -> None:
        self.node = node
        self.mail: list[Any] = []
        self.pid: Pid

    @classmethod
    async def start(cls, node: VirtualNode, *, trap: bool = False) -> Doer:
        doer = cls(node)
        doer.pid = await node.start(_Doer, doer.mail, trap)
        return doer

    @property
    def alive(self) -> bool:
        return self.pid.cell is not None

    def begin(self, action: Action) -> asyncio.Future[Any]:
        """Let the process run `action(process)`; what it returns or raises comes back and harms nobody."""
        outcome: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.node.cast(self.pid, _Do(action, outcome))
        return outcome

    async def do(self, action: Action) -> Any:
        """`begin`, with as much virtual time as it takes."""
        return await self.node.drive(self.begin(action))

    async def let(self, action: Action) -> None:
        """Let the process run `action(process)`, and die of what it raises."""
        self.node.cast(self.pid, _Do(action, None))
        await self.node.idle()
