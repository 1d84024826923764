"""Calls with a known end: who dials what, what the phones do, how each leg must end, and the stages on the way.

A stage is something that happens on the switch in the course of the call; there a test can strike.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from mirliton.ecallmgr.simulator import Script, await_answer, await_bridge, digits, hang_up
from mirliton.ecallmgr.simulator.calls import RemoteCall
from mirliton.ecallmgr.simulator.clock import sleep
from scene import PATIENCE, Scene
from tenants import ALICE, DEMO, TIM, TINY, Person, Tenant
from watched_switch import Headers, WatchedSwitch
from world import World

Legs = Counter[tuple[str, str]]
Drive = Callable[[RemoteCall, WatchedSwitch, float], Awaitable[None]]
"""What a caller does whom no script can play. The number is the real seconds that anything may take."""


@dataclass(frozen=True)
class Stage:
    """An event of the call's own leg, or (`called`) of a leg that it rings. `application`: of an execution, of what."""

    name: str
    event: str
    called: bool = False
    application: str | None = None

    def is_reached(self, call_id: str, event: str, headers: Headers) -> bool:
        if event != self.event:
            return False
        if self.application is not None and headers.get("Application") != self.application:
            return False
        uuid, caller = headers.get("Unique-ID"), headers.get("Other-Leg-Unique-ID")
        return (caller == call_id and uuid != call_id) if self.called else uuid == call_id


PARKED: Final = Stage("parked", "CHANNEL_PARK")
RINGING: Final = Stage("ringing", "CHANNEL_CREATE", called=True)
TALKING: Final = Stage("talking", "CHANNEL_BRIDGE")
BEING_ASKED: Final = Stage("being_asked", "CHANNEL_EXECUTE", application="play_and_get_digits")
RECORDING: Final = Stage("recording", "CHANNEL_EXECUTE", application="record")
GONE: Final = Stage("gone", "CHANNEL_DESTROY")


@dataclass(frozen=True)
class Scenario:
    """`ends` is the cause of the caller's own leg, `legs` how all its legs end, by (direction, cause), in the records.

    As in Kazoo the record of a caller whom nobody answered says why the last one rung did not.
    """

    name: str
    number: str
    ends: str
    legs: Mapping[tuple[str, str], int]
    stages: tuple[Stage, ...]
    caller: Person = ALICE
    tenant: Tenant = DEMO
    script: Script = ()
    drive: Drive | None = None
    messages: int = 0
    """Voicemail messages that are there afterwards because of it."""
    beside: Scenario | None = field(default=None)
    """A call that must be up before this one is placed, and is hung up after it."""

    def __str__(self) -> str:
        return self.name

    @property
    def expected(self) -> Legs:
        """The legs of it and of what is beside it."""
        return Counter(self.legs) + (self.beside.expected if self.beside is not None else Counter())

    async def run(self, world: Scene, uuid: str | None = None, patience: float = PATIENCE) -> list[RemoteCall]:
        """Place the call and see it to its end, whatever that is; the calls it took, this one first.

        Raises Late or TimeoutError when it does not end within `patience` seconds.
        """
        others = []
        if self.beside is not None:
            assert isinstance(world, World), "only a node in this process can be asked for its accounts' calls"
            await world.counts_no_calls(self.tenant)
            other = await world.place(self.beside.caller, self.beside.number, tenant=self.tenant)
            await other.wait_bridged(patience)
            others.append(other)
        call = await world.place(self.caller, self.number, tenant=self.tenant, script=self.script, uuid=uuid)
        if self.drive is not None:
            await self.drive(call, world.switch, patience)
        await call.wait_ended(patience)
        for other in others:
            other.hang_up()
            await other.wait_ended(patience)
        return [call, *others]


async def cancel_while_it_rings(call: RemoteCall, switch: WatchedSwitch, patience: float) -> None:
    await _reaches(switch, call, Stage("rings", "CHANNEL_PROGRESS", called=True), patience)
    await sleep(switch.clock, 0.3)
    call.cancel()


async def speak_after_the_beep(call: RemoteCall, switch: WatchedSwitch, patience: float) -> None:
    await _reaches(switch, call, RECORDING, patience)
    await sleep(switch.clock, 5.0)
    call.hang_up()


async def _reaches(switch: WatchedSwitch, call: RemoteCall, stage: Stage, patience: float) -> None:
    await switch.happened(lambda event, headers: stage.is_reached(call.uuid, event, headers), patience)


async def strike(switch: WatchedSwitch, call_id: str, stage: Stage, blow: Callable[[], object], after: float) -> None:
    """When the call comes to this stage, `after` real seconds later, do it."""
    await switch.happened(lambda event, headers: stage.is_reached(call_id, event, headers), PATIENCE)
    if after:
        await asyncio.sleep(after)
    blow()


ANSWERED = Scenario(
    "answered",
    "1002",
    "NORMAL_CLEARING",
    {("inbound", "NORMAL_CLEARING"): 1, ("outbound", "NORMAL_CLEARING"): 1},
    (PARKED, RINGING, TALKING, GONE),
    script=(await_answer(), hang_up(after=8)),
)
BUSY = Scenario(
    "busy",
    "1003",
    "NORMAL_CLEARING",
    {("inbound", "USER_BUSY"): 1, ("outbound", "USER_BUSY"): 1},
    (PARKED, RINGING, GONE),
)
NO_ANSWER = Scenario(
    "no_answer",
    "1004",
    "NORMAL_CLEARING",
    {("inbound", "NO_ANSWER"): 1, ("outbound", "NO_ANSWER"): 1},
    (PARKED, RINGING, GONE),
)
CANCELLED = Scenario(
    "cancelled",
    "1004",
    "ORIGINATOR_CANCEL",
    {("inbound", "ORIGINATOR_CANCEL"): 1, ("outbound", "ORIGINATOR_CANCEL"): 1},
    (PARKED, RINGING, GONE),
    drive=cancel_while_it_rings,
)
RING_GROUP = Scenario(
    "ring_group",
    "2000",
    "NORMAL_CLEARING",
    {("inbound", "NORMAL_CLEARING"): 1, ("outbound", "NORMAL_CLEARING"): 1, ("outbound", "USER_BUSY"): 1},
    (PARKED, RINGING, TALKING, GONE),
    script=(await_bridge(), hang_up(after=8)),
)
MENU = Scenario(
    "menu",
    "3000",
    "NORMAL_CLEARING",
    {("inbound", "NORMAL_CLEARING"): 1, ("outbound", "NORMAL_CLEARING"): 1},
    (PARKED, BEING_ASKED, RINGING, TALKING, GONE),
    script=(await_answer(), digits("1", after=2), await_bridge(), hang_up(after=8)),
)
VOICEMAIL = Scenario(
    "voicemail",
    "4000",
    "NORMAL_CLEARING",
    {("inbound", "NORMAL_CLEARING"): 1},
    (PARKED, RECORDING, GONE),
    drive=speak_after_the_beep,
    messages=1,
)
UNKNOWN_NUMBER = Scenario(
    "unknown_number",
    "1009",
    "UNALLOCATED_NUMBER",
    {("inbound", "UNALLOCATED_NUMBER"): 1},
    (PARKED, GONE),
)
LIMIT_REACHED = Scenario(
    "limit_reached",
    "1002",
    "USER_BUSY",
    {("inbound", "USER_BUSY"): 1},
    (PARKED, GONE),
    caller=TIM,
    tenant=TINY,
    beside=Scenario(
        "first",
        "1002",
        "NORMAL_CLEARING",
        {("inbound", "NORMAL_CLEARING"): 1, ("outbound", "NORMAL_CLEARING"): 1},
        (),
        caller=TIM,
        tenant=TINY,
    ),
)

SCENARIOS: Final = (
    ANSWERED,
    BUSY,
    NO_ANSWER,
    CANCELLED,
    RING_GROUP,
    MENU,
    VOICEMAIL,
    UNKNOWN_NUMBER,
    LIMIT_REACHED,
)
