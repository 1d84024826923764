"""Calls that change hands, on a whole node and a simulated switch: picked up, listened to, parked and taken out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mirliton.actors.store.documents import stamp
from mirliton.actors.switching import executor_name
from mirliton.ecallmgr.simulator.calls import RemoteCall
from scene import PATIENCE, eventually
from tenants import ALICE, BOB, DAVE, DEMO
from world import World, a_world

FLOWS = {
    r"^\*8([0-9]+)$": {"module": "group_pickup_feature", "data": {"type": "extension"}},
    r"^\*9([0-9]+)$": {"module": "intercept_feature", "data": {"type": "extension"}},
    r"^\*5([0-9]+)$": {"module": "eavesdrop_feature", "data": {"approved_device_id": BOB.device_id}},
    r"^\*3([0-9]*)$": {"module": "park", "data": {}},
    r"^\*4([0-9]+)$": {"module": "park", "data": {"action": "retrieve"}},
}


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[World]:
    """A world with feature codes, in which nothing breaks and of which nothing is left."""
    async with a_world(tmp_path) as world:
        for number, (pattern, flow) in enumerate(FLOWS.items()):
            doc = {"_id": f"feature-{number}", "patterns": [pattern], "flow": {**flow, "children": {}}}
            await world.store.put(DEMO.db, stamp(doc, type="callflow", account_id=DEMO.account_id))
        yield world
        await world.is_whole()
        await world.is_quiet()
        world.nothing_broke()


async def _ended(*calls: RemoteCall) -> None:
    for call in calls:
        assert await call.wait_ended(10.0) == "NORMAL_CLEARING"


def _kill(world: World, call: RemoteCall) -> None:
    """Kill whoever runs the callflow of a call."""
    executor = world.node.whereis(executor_name(call.uuid))
    assert executor is not None
    world.node.exit(executor, "kill")


async def _is_ringing(world: World, match: Any) -> None:
    await world.switch.happened(lambda name, headers: name == "CHANNEL_PROGRESS" and match(headers))


@pytest.mark.parametrize("kills", [False, True])
@pytest.mark.parametrize("who_ends", ["caller", "third"])
async def test_a_ringing_call_is_answered_at_another_phone(office: World, who_ends: str, kills: bool) -> None:
    caller = await office.place(ALICE, DAVE.number)
    await _is_ringing(office, lambda headers: headers["Call-Direction"] == "outbound")
    third = await office.place(BOB, f"*8{DAVE.number}")
    assert await caller.wait_bridged(10.0) is third
    await caller.wait_answered(10.0)
    if kills:
        _kill(office, caller)
        _kill(office, third)
    (caller if who_ends == "caller" else third).hang_up()
    await _ended(caller, third)
    assert len(await office.cdrs(of=3)) == 3


async def test_a_call_that_talks_is_taken_over(office: World) -> None:
    caller = await office.place(ALICE, BOB.number)
    await caller.wait_bridged(10.0)
    third = await office.place(DAVE, f"*9{BOB.number}")
    await office.switch.happened(lambda name, headers: name == "CHANNEL_BRIDGE")
    assert await third.wait_bridged(10.0) is caller
    third.hang_up()
    await _ended(caller, third)


async def test_a_call_is_listened_to_until_it_is_over(office: World) -> None:
    caller = await office.place(ALICE, BOB.number)
    await caller.wait_bridged(10.0)
    third = await office.place(BOB, f"*5{BOB.number}")
    await third.wait_answered(10.0)
    caller.hang_up()
    await _ended(caller, third)


@pytest.mark.parametrize("kills", [False, True])
@pytest.mark.parametrize("slot", ["", "7"])
async def test_a_call_is_parked_and_taken_out_of_its_slot(office: World, slot: str, kills: bool) -> None:
    parked = await office.place(ALICE, f"*3{slot}")
    await parked.wait_heard("local_stream://moh", 10.0)
    if kills:
        _kill(office, parked)
    third = await office.place(BOB, f"*4{slot or 101}")
    assert await parked.wait_bridged(10.0) is third
    if kills:
        _kill(office, third)
        _kill(office, parked)
    third.hang_up()
    await _ended(parked, third)

    async def free() -> bool:
        return not (await office.store.view(DEMO.db, "parking/parked_call")).rows

    assert await eventually(free, PATIENCE)
