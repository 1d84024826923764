"""The actor of a call, killed at every one of its messages: nobody notices.

The same scripted call is run once without a kill, and then once for each message that its actor takes (and each way to
die there); what the switch did, in which order, and what was told to the controller must be the same, and no command
may be given to the switch a second time that it was doing, or had done.
"""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from fake_switch import LEG, SWITCH
from mirliton.actors.call import Call
from mirliton.actors.kapi import dialplan as kz
from mirliton.actors.kapi.route import RouteReq, RouteResp, RouteWin
from mirliton.actors.switching import (
    ROUTER,
    Attach,
    CommandResult,
    Detach,
    Execute,
    call_name,
    channels_name,
    executor_name,
)
from mirliton.runtime import CallError, CoroutineProcess, From, GenServer, Reply
from mirliton.runtime.testing import Probe, VirtualNode, virtual_node
from one_call import OWNED, OneCall

LASTS = {"short": 1.0, "long": 20.0}
SCRIPT = (
    (kz.Answer(LEG), 0.0),
    (kz.Play(LEG, "short"), 0.0),
    (kz.Hold(LEG), 2.0),
    (kz.Play(LEG, "short"), 0.0),
    (kz.PlayAndCollectDigits(LEG, "short"), 0.0),
    (kz.SetTerminators(LEG, ("#",)), 0.0),
    (kz.Noop(LEG), 0.0),
)
"""Commands, and how long the controller rests after each."""
FLUSHED_AFTER = 4.0
"""Seconds into a long command that the controller does not wait for: it flushes it."""
HANGS_UP_AFTER = 2.0
"""Seconds into the last command: the caller does."""


class Mortal(Call):
    """Dies at its `at`-th message, counted over all its lives."""

    count: ClassVar[int] = 0
    at: ClassVar[int] = 0
    how: ClassVar[str] = ""

    def receiveMessage(self, message: Any, sender: Any) -> Any:
        Mortal.count += 1
        struck = Mortal.count == Mortal.at
        if struck and Mortal.how == "with it":
            self.node.exit(self.pid, "kill")
            return None
        if struck and Mortal.how == "crash":
            raise RuntimeError("struck")
        result = super().receiveMessage(message, sender)
        if struck and Mortal.how == "after it":
            self.node.exit(self.pid, "kill")
        return result


class Controller(CoroutineProcess):
    """Goes through the script, asking again whenever the call's actor died, as a callflow's executor does."""

    async def init(self, told: dict[str, CommandResult]) -> None:
        self.told = told

    async def run(self) -> None:
        await self.ask(Attach(executor_name(LEG)))
        for number, (command, rest) in enumerate(SCRIPT):
            await self.give(f"step-{number}", command)
            await self.sleep(rest)
        self.spawn(Asker, self.told, "flushed", kz.Play(LEG, "long"))
        await self.sleep(FLUSHED_AFTER)
        await self.give("flush", kz.Play(LEG, "short", insert_at="flush"))
        await self.give("last", kz.Play(LEG, "long"))
        self.cast(call_name(LEG), Detach())

    async def give(self, command_id: str, command: Any) -> None:
        self.told[command_id] = await self.ask(Execute(command_id, command, f"at-{command_id}"))

    async def ask(self, request: Any) -> Any:
        while True:
            try:
                return await self.call(call_name(LEG), request, timeout=60.0)
            except CallError:
                await self.sleep(0.05)


class Asker(Controller):
    """Gives one command, so that the controller need not wait for it."""

    async def init(self, told: dict[str, CommandResult], command_id: str, command: Any) -> None:  # type: ignore[override]
        self.told = told
        self.command_id = command_id
        self.command = command

    async def run(self) -> None:
        await self.give(self.command_id, self.command)


class Router(GenServer):
    """Starts the controller of a call that was won, once."""

    def init(self, told: dict[str, CommandResult]) -> None:
        self.told = told

    def handle_call(self, request: RouteReq, sender: From) -> Any:
        return Reply(RouteResp(method="park", custom_channel_vars=OWNED))

    def handle_cast(self, request: RouteWin) -> None:
        if self.whereis(executor_name(LEG)) is None:
            self.spawn(Controller, self.told, name=executor_name(LEG))


async def run(at: int, how: str, **switch: float) -> tuple[list[str], dict[str, str], list[str], int]:
    """What was begun, what came of each command, what was doubled, and how many messages there were."""
    async with virtual_node() as node:
        here = OneCall(node)
        here.switch.lasts = LASTS
        for name, value in switch.items():
            setattr(here.switch, name, value)
        told: dict[str, CommandResult] = {}
        await here.switch.start()
        await Probe.start(node, name=channels_name(SWITCH))
        await node.start(Router, told, name=ROUTER)
        Mortal.count, Mortal.at, Mortal.how = 0, at, how
        await here.start_call(Mortal)
        await until_begun(node, here, "last")
        await node.advance(HANGS_UP_AFTER)
        here.switch.hang_up("ORIGINATOR_CANCEL")
        await node.advance(30.0)
        assert not here.alive, "the actor of a call that is over is left"
        return (
            here.switch.begun,
            {name: result.status for name, result in told.items()},
            here.switch.doubled,
            Mortal.count,
        )


async def until_begun(node: VirtualNode, here: OneCall, command_id: str) -> None:
    for _ in range(400):
        if command_id in here.switch.begun:
            return
        await node.advance(0.1)
    raise AssertionError(f"{command_id} was never begun: {here.switch.begun}")


async def test_every_command_of_the_script_is_done_once() -> None:
    begun, told, doubled, messages = await run(0, "")
    ids = [*(f"step-{number}" for number in range(len(SCRIPT))), "flushed", "flush", "last"]
    assert begun == ids
    assert told == {**dict.fromkeys(ids, "done"), "last": "gone"}
    assert not doubled
    assert messages > 35


@pytest.mark.parametrize("how", ["with it", "after it", "crash"])
async def test_killed_at_any_message_it_is_as_if_nothing_had_happened(how: str) -> None:
    begun, told, _, messages = await run(0, "")
    for at in range(1, messages + 1):
        result = await run(at, how)
        assert result[:3] == (begun, told, []), f"killed at message {at}"


SLOW = [{"begins_after": 0.3}, {"answers_after": 0.4, "begins_after": 0.0}, {"answers_after": 0.0, "begins_after": 0.0}]


@pytest.mark.parametrize("switch", SLOW, ids=["begins late", "answers late", "at once"])
async def test_however_the_switch_takes_its_time(switch: dict[str, float]) -> None:
    """What is given may show only after a while, and answers may come when it has long begun."""
    begun, told, _, messages = await run(0, "", **switch)
    for at in range(1, messages + 1):
        result = await run(at, "with it", **switch)
        assert result[:3] == (begun, told, []), f"killed at message {at}"
