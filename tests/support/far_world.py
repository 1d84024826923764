"""Processes on several virtual nodes that do on their own turn what a test hands them, and note what comes."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Any

from mirliton.runtime import Down, ExitSignal, GenServer, Name, NoReply, Pid, Reply, message
from mirliton.runtime.errors import Exit
from mirliton.runtime.testing import Cluster, VirtualNode

Action = Callable[["Scribe"], Any]


@message("test.far.act")
class Act:
    """Do the next thing that was handed over."""


@message("test.far.note")
class Note:
    """Something to write down."""

    text: str


class Scribe(GenServer):
    """Writes down what comes. Answers a call with what it was asked, dies of "die" and says nothing to "wait"."""

    def init(self, trap: bool = False) -> None:
        self.seen: list[Any] = []
        self.waiting: list[Any] = []
        self.todo: deque[tuple[Action, asyncio.Future[Any]]] = deque()
        self.trap_exit(trap)

    def handle_info(self, received: Any) -> Any:
        if type(received) is not Act:
            self.seen.append(received)
            return None
        action, outcome = self.todo.popleft()
        try:
            result = action(self)
        except Exception as error:  # noqa: BLE001 - handed to the test
            outcome.set_exception(error)
            return None
        except Exit:
            outcome.set_result(None)
            raise
        if isawaitable(result):
            return self.finish(result, outcome)
        outcome.set_result(result)
        return None

    @staticmethod
    async def finish(work: Awaitable[Any], outcome: asyncio.Future[Any]) -> None:
        try:
            outcome.set_result(await work)
        except Exception as error:  # noqa: BLE001 - handed to the test
            outcome.set_exception(error)

    def handle_cast(self, request: Any) -> None:
        self.seen.append(request)

    def handle_call(self, request: Any, sender: Any) -> Any:
        if request == "die":
            raise Exit("told to")
        if request == "wait":
            self.waiting.append(sender)
            return NoReply()
        return Reply(request)


class Far:
    """The test's hand on one Scribe."""

    def __init__(self, cluster: Cluster, node: VirtualNode, pid: Pid) -> None:
        self.cluster = cluster
        self.node = node
        self.pid = pid
        cell = node.find(pid)
        assert cell is not None
        self.process: Scribe = cell.actor

    @classmethod
    async def on(cls, cluster: Cluster, node: VirtualNode, *, trap: bool = False, name: Name | None = None) -> Far:
        return cls(cluster, node, await cluster.drive(node.start(Scribe, trap, name=name)))

    async def do(self, action: Action) -> Any:
        """Run `action(process)` in the process; what it returns or raises comes back."""
        return await self.cluster.drive(self.begin(action))

    def begin(self, action: Action) -> asyncio.Future[Any]:
        """`do` that goes on by itself."""
        outcome = asyncio.get_running_loop().create_future()
        self.process.todo.append((action, outcome))
        self.node.send(self.pid, Act())
        return outcome

    @property
    def alive(self) -> bool:
        return self.node.find(self.pid) is not None

    @property
    def seen(self) -> list[Any]:
        return self.process.seen

    @property
    def exits(self) -> list[tuple[Pid, Any]]:
        return [(mail.sender, mail.reason) for mail in self.seen if type(mail) is ExitSignal]

    @property
    def downs(self) -> list[tuple[Any, Any]]:
        return [(mail.process, mail.reason) for mail in self.seen if type(mail) is Down]
