"""A call's actor between a fake switch, a table, a router and a controller, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from fake_switch import LEG, SWITCH, FakeSwitch
from mirliton.actors.call import Call
from mirliton.actors.kapi.dialplan import Command
from mirliton.actors.kapi.route import RouteReq, RouteResp, RouteWin
from mirliton.actors.switching import (
    ROUTER,
    Attach,
    CallInfo,
    CommandResult,
    Execute,
    call_name,
    channels_name,
    executor_name,
)
from mirliton.runtime import CallError
from mirliton.runtime.testing import Probe, VirtualNode
from mirliton.supervisors import Supervisor, Tree, worker

ACCOUNT = "a" * 32
OWNED = {"Account-ID": ACCOUNT, "CallFlow-ID": "flow-1"}


class OneCall:
    """`results` holds what came of each command, by id. `route` answers the question where the call goes."""

    def __init__(self, node: VirtualNode) -> None:
        self.node = node
        self.switch = FakeSwitch(node)
        self.results: dict[str, CommandResult] = {}
        self.route: Callable[[RouteReq], Any] = lambda request: RouteResp(method="park", custom_channel_vars=OWNED)
        self.asks: dict[str, asyncio.Task[CommandResult]] = {}
        self.channels: Probe
        self.router: Probe
        self.controller: Probe

    async def start(self, *, cls: type = Call, call: bool = True) -> None:
        await self.switch.start()
        self.channels = await Probe.start(self.node, name=channels_name(SWITCH))
        self.router = await Probe.start(self.node, name=ROUTER, answer=lambda request: self.route(request))
        if call:
            await self.start_call(cls)

    async def start_call(self, cls: type = Call) -> None:
        child = worker(cls, SWITCH, LEG, id="call", name=call_name(LEG), keep_mail=True, restart="transient")
        await self.node.start(Supervisor, Tree("one_for_one", [child], intensity=10_000, period=1.0))

    @property
    def call(self) -> Any:
        """The actor itself."""
        cell = self.node.find(call_name(LEG))
        assert cell is not None
        return cell.actor

    @property
    def alive(self) -> bool:
        return self.node.whereis(call_name(LEG)) is not None

    @property
    def wins(self) -> list[RouteWin]:
        """How often the router was asked to start a controller."""
        return [message for message in self.router.messages if isinstance(message, RouteWin)]

    def kill(self, reason: str = "kill") -> None:
        pid = self.node.whereis(call_name(LEG))
        if pid is not None:
            self.node.exit(pid, reason)

    async def attach(self) -> CallInfo:
        """The controller, which is started if need be, takes the call over."""
        if self.node.whereis(executor_name(LEG)) is None:
            self.controller = await Probe.start(self.node, name=executor_name(LEG))
        request = Attach(executor_name(LEG))
        info: CallInfo = await self.node.drive(self.node.call(call_name(LEG), request, timeout=60.0))
        return info

    def ask(self, command: Command, command_id: str, checkpoint: str = "") -> None:
        """Give a command as a controller does: asked again until there is a result, which goes to `results`."""
        self.asks[command_id] = asyncio.ensure_future(self._ask(Execute(command_id, command, checkpoint)))

    async def _ask(self, request: Execute) -> CommandResult:
        for _ in range(100):
            try:
                result: CommandResult = await self.node.call(call_name(LEG), request, timeout=3600.0)
            except CallError:
                await asyncio.sleep(0)
                continue
            self.results[request.command_id] = result
            return result
        raise AssertionError(f"no result of {request.command_id}")

    async def result(self, command: Command, command_id: str, checkpoint: str = "") -> CommandResult:
        """Give a command and let time pass until its result is there."""
        self.ask(command, command_id, checkpoint)
        return await self.node.drive(self.asks[command_id])
