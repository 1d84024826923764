"""A strict node on virtual time, and puppets: processes that do on their own turn what a test hands them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from inspect import isawaitable
from typing import Any

import pytest

from mirliton.runtime import Down, ExitSignal, GenServer, Name, Pid, Ref, message
from mirliton.runtime.testing import VirtualNode, virtual_node

Action = Callable[[GenServer], Any]


@message("test.puppet.act")
class Act:
    """Do the next thing that was handed to the puppet."""


class Puppet:
    """The test's strings to one process. `messages` is what came to it, in order."""

    def __init__(self, node: VirtualNode) -> None:
        self.node = node
        self.pid: Pid
        self.messages: list[Any] = []
        self.terminated: list[Any] = []
        self.actions: deque[tuple[Action, asyncio.Future[Any] | None]] = deque()

    async def do(self, action: Action) -> Any:
        """Run `action(process)` in the process; what it returns or raises comes back and harms nobody."""
        outcome = asyncio.get_running_loop().create_future()
        self.actions.append((action, outcome))
        self.node.send(self.pid, Act())
        return await self.node.drive(outcome)

    def begin(self, action: Action) -> None:
        """Let the process run `action(process)` in its own time, and die of what it raises."""
        self.actions.append((action, None))
        self.node.send(self.pid, Act())

    async def let(self, action: Action) -> None:
        """`begin`, then wait until all is quiet."""
        self.begin(action)
        await self.node.idle()

    @property
    def alive(self) -> bool:
        return self.pid.cell is not None

    @property
    def exits(self) -> list[tuple[Pid, Any]]:
        """The trapped exit signals that came."""
        return [(m.sender, m.reason) for m in self.messages if type(m) is ExitSignal]

    @property
    def downs(self) -> list[tuple[Ref, Any, Any]]:
        return [(m.ref, m.process, m.reason) for m in self.messages if type(m) is Down]


class Stringed(GenServer):
    """The process of a Puppet."""

    def init(self, puppet: Puppet, trap: bool = False) -> None:
        self.puppet = puppet
        self.trap_exit(trap)

    def handle_info(self, received: Any) -> Any:
        if type(received) is not Act:
            self.puppet.messages.append(received)
            return None
        action, outcome = self.puppet.actions.popleft()
        if outcome is None:
            result = action(self)
            return self.wait_for(result) if isawaitable(result) else None
        return self.report(action, outcome)

    def handle_cast(self, request: Any) -> None:
        self.puppet.messages.append(request)

    def terminate(self, reason: Any) -> None:
        self.puppet.terminated.append(reason)

    @staticmethod
    async def wait_for(work: Awaitable[Any]) -> None:
        await work

    def report(self, action: Action, outcome: asyncio.Future[Any]) -> Any:
        try:
            result = action(self)
        except Exception as error:  # noqa: BLE001 - handed to the test
            outcome.set_exception(error)
            return None
        if isawaitable(result):
            return self.report_later(result, outcome)
        outcome.set_result(result)
        return None

    @staticmethod
    async def report_later(work: Awaitable[Any], outcome: asyncio.Future[Any]) -> None:
        try:
            outcome.set_result(await work)
        except Exception as error:  # noqa: BLE001 - handed to the test
            outcome.set_exception(error)


@pytest.fixture
async def node() -> AsyncIterator[VirtualNode]:
    async with virtual_node() as started:
        yield started


@pytest.fixture
def puppet(node: VirtualNode) -> Callable[..., Awaitable[Puppet]]:
    """`a = await puppet(trap=True, name=…)`."""

    async def make(*, trap: bool = False, name: Name | None = None, parent: Puppet | None = None) -> Puppet:
        made = Puppet(node)
        if parent is None:
            made.pid = await node.start(Stringed, made, trap, name=name)
        else:
            made.pid = await parent.do(lambda me: me.start_link(Stringed, made, trap, name=name))
        return made

    return make
