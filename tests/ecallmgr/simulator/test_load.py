"""Many calls at once, and nothing left of them afterwards."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

from mirliton.ecallmgr.simulator import (
    Dialplan,
    SimulatedSwitch,
    SimulatorClient,
    answer,
    await_bridge,
    digits,
    hang_up,
    ring,
)

ASwitch = Callable[..., Awaitable[SimulatedSwitch]]
AClient = Callable[..., Awaitable[SimulatorClient]]
CALLS = 250
NAMES = "CHANNEL_CREATE CHANNEL_ANSWER CHANNEL_BRIDGE CHANNEL_UNBRIDGE CHANNEL_HANGUP_COMPLETE CHANNEL_DESTROY DTMF"


async def test_250_bridged_calls_at_once_leave_nothing_behind(a_switch: ASwitch, a_client: AClient) -> None:
    switch = await a_switch(dialplan=Dialplan({"2000": [("bridge", "user/1001")]}))
    switch.phone("1001", script=(ring(), answer(after=20.0)))
    client = await a_client(switch, NAMES)
    script = (await_bridge(), digits("1"), hang_up(after=20.0))
    calls = [await switch.place_call("1000", "2000", script=script) for _ in range(CALLS)]
    await calls[-1].wait_bridged(within=30)
    assert switch.counts.peak == 2 * CALLS
    causes = await asyncio.gather(*(call.wait_ended(within=30) for call in calls))
    assert Counter(causes) == {"NORMAL_CLEARING": CALLS}
    seen: Counter[str] = Counter()
    while seen["CHANNEL_DESTROY"] < 2 * CALLS:
        seen[str((await client.event(lambda _event: True))["Event-Name"])] += 1
    assert seen == {
        "CHANNEL_CREATE": 2 * CALLS,
        "CHANNEL_ANSWER": 2 * CALLS,
        "CHANNEL_BRIDGE": CALLS,
        "CHANNEL_UNBRIDGE": CALLS,
        "CHANNEL_HANGUP_COMPLETE": 2 * CALLS,
        "CHANNEL_DESTROY": 2 * CALLS,
        "DTMF": CALLS,
    }
    assert switch.legs == {}
    assert not switch.running_tasks()
