"""Lamps that callflows light: by hand, of parking slots, of agents, and whom a call's own lamp is."""

from __future__ import annotations

from typing import Any

import pytest

from mirliton.actors import manual_presence
from mirliton.actors.presence import OMNIPRESENCE, LampChanged
from mirliton.actors.queueing import AgentIs, agent_name
from mirliton.runtime.testing import Probe
from scripted_switch import CALL

REALM = "acme.example"


async def _watched(here: Any) -> Probe:
    """Who lights lamps, in an account with a realm."""
    await here.put({"_id": here.account_id, "pvt_type": "account", "name": "acme", "realm": REALM})
    return await Probe.start(here.node, name=OMNIPRESENCE)


def _words(lights: Probe) -> list[tuple[tuple[str, ...], str]]:
    return [(each.watched, each.state) for each in lights.messages if isinstance(each, LampChanged)]


@pytest.mark.parametrize(
    ("data", "presence_id", "state"),
    [
        ({"presence_id": "Night", "status": "busy"}, f"night@{REALM}", "confirmed"),
        ({"presence_id": "*72", "status": "ringing"}, f"*72@{REALM}", "early"),
        ({"presence_id": f"night@{REALM}"}, f"night@{REALM}", "terminated"),
        ({"presence_id": "night", "status": ["busy"]}, f"night@{REALM}", "terminated"),
    ],
    ids=str,
)
async def test_a_lamp_is_set_and_kept(world: Any, data: Any, presence_id: str, state: str) -> None:
    async with world() as here:
        lights = await _watched(here)
        await here.flow_of({"module": "manual_presence", "data": data})
        await here.call()
        assert lights.messages == [LampChanged(here.account_id, (presence_id,), "manual_presence", state, lasting=True)]
        kept = await here.node.drive(manual_presence.read(here.store, here.account_id))
        assert kept == ({presence_id: state} if state != "terminated" else {})


@pytest.mark.parametrize("presence_id", ["", None, 7, "a b", "x" * 400, "a@b@c", "<&>"], ids=lambda each: str(each)[:9])
async def test_what_is_no_presence_id_lights_nothing(world: Any, presence_id: Any) -> None:
    async with world() as here:
        lights = await _watched(here)
        await here.flow_of({"module": "manual_presence", "data": {"presence_id": presence_id, "status": "busy"}})
        await here.call()
        assert lights.messages == []


@pytest.mark.parametrize(
    ("data", "dialled", "captured", "watched"),
    [
        ({}, "*37", "7", ("*37", "*47")),
        ({}, "*4", "", ("*4101", "*3101")),
        ({}, "767", "7", ("767", "*37", "*47")),
        ({"custom_presence_id": True, "presence_id": "lot"}, "*37", "7", ("lot",)),
        ({"custom_presence_id": True}, "*37", "7", ("*37", "*47")),
        ({"presence_id": "lot"}, "*37", "7", ("*37", "*47")),
        ({"custom_presence_id": True, "slots": {"7": {"presence_id": "seven"}}}, "*37", "7", ("seven",)),
    ],
    ids=str,
)
async def test_a_slots_lamps_show_that_a_call_is_in_it(
    world: Any, caller: Any, data: Any, dialled: str, captured: str, watched: Any
) -> None:
    async with world(caller(holds=1)) as here:
        lights = await _watched(here)
        here.rename(to=f"{dialled}@{REALM}")
        here.ccvs["Capture-Group"] = captured
        await here.flow_of({"module": "park", "data": data})
        await here.call()
        slot = "parking-slot-7" if captured else "parking-slot-101"
        assert lights.messages == [
            LampChanged(here.account_id, watched, slot, "early", CALL),
            LampChanged(here.account_id, watched, slot, "terminated", CALL),
        ]


@pytest.mark.parametrize(
    ("data", "state"),
    [
        ({"default_presence_type": "confirmed"}, "confirmed"),
        ({"default_presence_type": "confirmed", "slots": {"7": {"presence_type": "early"}}}, "early"),
        ({"default_presence_type": "purple"}, "early"),
    ],
    ids=str,
)
async def test_a_slots_lamp_shows_as_the_action_says(world: Any, caller: Any, data: Any, state: str) -> None:
    async with world(caller(holds=1)) as here:
        lights = await _watched(here)
        await here.flow_of({"module": "park", "data": {"slot": "7", **data}})
        await here.call()
        assert [state for _, state in _words(lights)] == [state, "terminated"]


async def test_whoever_takes_a_call_out_of_its_slot_puts_out_its_lamps(world: Any) -> None:
    async with world() as here:
        lights = await _watched(here)
        slot = {"Call-ID": "parked", "Presence-IDs": ["*37"], "Presence-Type": "early"}
        await here.put({"_id": "parking-slot-7", "pvt_type": "parked_call", "slot": slot})
        here.others.append({"uuid": "parked", "account_id": here.account_id})
        await here.flow_of({"module": "park", "data": {"action": "retrieve", "slot": "7"}})
        await here.call()
        assert lights.messages == [LampChanged(here.account_id, ("*37",), "parking-slot-7", "terminated", "parked")]


@pytest.mark.parametrize(
    ("data", "state"),
    [
        ({"action": "paused"}, "early"),
        ({"action": "resume"}, "terminated"),
        ({"action": "logout"}, "confirmed"),
        ({"action": "logout", "presence_state": "red_flash"}, "early"),
        ({"action": "paused", "presence_state": "green"}, "terminated"),
    ],
    ids=str,
)
async def test_an_agents_lamp_shows_what_was_done(world: Any, data: Any, state: str) -> None:
    async with world() as here:
        lights = await _watched(here)
        here.ccvs["Owner-ID"] = "user-1"
        agent = agent_name(here.account_id, "user-1")
        await Probe.start(here.node, name=agent, answer=lambda request: AgentIs("user-1", "ready"))
        await here.put({"_id": "user-1", "pvt_type": "user"})
        await here.flow_of({"module": "acdc_agent", "data": {"presence_id": "agent1", **data}})
        await here.call()
        assert _words(lights) == [((f"agent1@{REALM}",), state)]
