"""Taking over and listening to other people's calls: whose, by whom, and what follows."""

from __future__ import annotations

from typing import Any

import pytest

from mirliton.actors.kapi.dialplan import CallPickup, Eavesdrop

USER, DEVICE, SECOND, GROUP, FLOW2 = "1" * 32, "2" * 32, "3" * 32, "4" * 32, "5" * 32
RINGS = {"uuid": "rings", "answered": False, "direction": "outbound", "timestamp": 2}
TALKS = {"uuid": "talks", "answered": True, "direction": "outbound", "other_leg": "x", "timestamp": 1}
DIALS = {"uuid": "dials", "answered": False, "direction": "inbound"}
END = {"module": "response", "data": {}}


async def _office(here: Any, module: str, data: Any, *legs: Any, captured: str = "", me: str = "me") -> None:
    """A user with two phones, in a group; number 201 rings the user."""
    here.ccvs.update({"Authorizing-ID": me, "Capture-Group": captured})
    here.others = [{"account_id": here.account_id, "authorizing_id": DEVICE, **leg} for leg in legs]
    await here.put({"_id": USER, "pvt_type": "user", "first_name": "A", "last_name": "B"})
    for doc in (DEVICE, SECOND):
        await here.put({"_id": doc, "pvt_type": "device", "name": "phone", "owner_id": USER})
    await here.put({"_id": GROUP, "pvt_type": "group", "name": "g", "endpoints": {USER: {"type": "user"}}})
    user = {"module": "user", "data": {"id": USER}}
    flow = {"module": "set_cid", "data": {}, "children": {"_": user}}
    await here.put({"_id": FLOW2, "pvt_type": "callflow", "numbers": ["201"], "flow": flow})
    await here.flow_of({"module": module, "data": data, "children": {"_": END}})


async def _taken(here: Any) -> CallPickup | None:
    commands = [command for _, command in (await here.call()).commands]
    pickups = [command for command in commands if isinstance(command, CallPickup)]
    return pickups[0] if pickups else None


@pytest.mark.parametrize("data", [{"device_id": DEVICE}, {"user_id": USER}, {"group_id": GROUP}], ids=str)
async def test_a_ringing_call_is_answered_here(world: Any, data: Any) -> None:
    async with world() as here:
        await _office(here, "group_pickup", data, TALKS, DIALS, RINGS)
        taken = await _taken(here)
        assert taken is not None
        assert (taken.target_call_id, taken.other_leg, taken.unbridged_only) == ("rings", True, True)
        # They have talked, and parted; nothing of the flow followed.
        assert (here.channel.log.said(), here.channel.log.hangups) == (["callpickup"], ["NORMAL_CLEARING"])


@pytest.mark.parametrize("module", ["group_pickup_feature", "intercept_feature"])
async def test_a_number_stands_for_whom_its_callflow_rings(world: Any, module: str) -> None:
    async with world() as here:
        await _office(here, module, {"type": "extension"}, RINGS, captured="201")
        taken = await _taken(here)
        assert taken is not None
        assert taken.target_call_id == "rings"


@pytest.mark.parametrize(
    "flow",
    [
        {"module": "ring_group", "data": {"endpoints": [5, {"id": USER, "endpoint_type": "user"}]}},
        {"module": "group", "data": {"id": GROUP}},
        {"module": "device", "data": {"id": DEVICE}},
    ],
    ids=lambda flow: str(flow["module"]),
)
async def test_a_number_may_ring_a_group(world: Any, flow: Any) -> None:
    async with world() as here:
        await _office(here, "group_pickup_feature", {"type": "extension"}, RINGS, captured="201")
        await here.put({**(await here.get(FLOW2)), "flow": flow})
        assert await _taken(here) is not None


@pytest.mark.parametrize("captured", ["", "999", "../x"])
async def test_a_number_that_rings_nobody_has_no_call(world: Any, captured: str) -> None:
    async with world() as here:
        await _office(here, "group_pickup_feature", {"type": "extension"}, RINGS, captured=captured)
        assert await _taken(here) is None
        assert here.channel.log.said() == ["pickup-no_channels", "respond"]


async def test_intercept_takes_a_call_that_talks_when_none_rings(world: Any) -> None:
    async with world() as here:
        await _office(here, "intercept", {"device_id": DEVICE}, DIALS, TALKS)
        taken = await _taken(here)
        assert taken is not None
        assert (taken.target_call_id, taken.unbridged_only) == ("talks", None)


@pytest.mark.parametrize("legs", [(), (DIALS,), (TALKS,), ({**RINGS, "account_id": "another"},)], ids=str)
async def test_there_may_be_no_call_to_pick_up(world: Any, legs: Any) -> None:
    """A leg of another account's is none, whatever device a document names."""
    async with world() as here:
        await _office(here, "group_pickup", {"device_id": DEVICE}, *legs)
        assert await _taken(here) is None
        assert here.channel.log.said() == ["pickup-no_channels", "respond"]


async def test_somebody_else_may_be_quicker(world: Any, caller: Any) -> None:
    async with world(caller(picks_up=False)) as here:
        await _office(here, "group_pickup", {"device_id": DEVICE}, RINGS)
        assert (await here.call()).said() == ["callpickup", "respond"]


PERMISSIONS = [
    ({}, "me", True),
    ({"approved_device_id": "me"}, "me", True),
    ({"approved_device_id": "you"}, "me", False),
    ({"approved_user_id": USER}, "me", False),
    ({"approved_group_id": GROUP}, "me", False),
    ({"approved_group_id": GROUP}, USER, True),
]


@pytest.mark.parametrize(("who", "me", "may"), PERMISSIONS, ids=str)
async def test_who_may(world: Any, who: Any, me: str, may: bool) -> None:
    async with world() as here:
        await _office(here, "group_pickup", {"device_id": DEVICE, **who}, RINGS, me=me)
        assert (await _taken(here) is not None) is may


@pytest.mark.parametrize(("who", "me", "may"), [({}, "me", False), *PERMISSIONS[1:]], ids=str)
async def test_who_may_listen(world: Any, who: Any, me: str, may: bool) -> None:
    async with world() as here:
        await _office(here, "eavesdrop", {"device_id": DEVICE, **who}, RINGS, TALKS, me=me)
        commands = [command for _, command in (await here.call()).commands]
        ears = [command.target_call_id for command in commands if isinstance(command, Eavesdrop)]
        assert ears == (["talks"] if may else [])


@pytest.mark.parametrize(("group", "may"), [(GROUP, True), ("6" * 32, False)])
async def test_only_members_of_a_group_are_listened_to(world: Any, group: str, may: bool) -> None:
    async with world() as here:
        data = {"group_id": group, "approved_device_id": "me"}
        await _office(here, "eavesdrop_feature", data, TALKS, captured="201")
        await here.put({"_id": "6" * 32, "pvt_type": "group", "name": "others", "endpoints": {}})
        said = (await here.call()).said()
        assert ("eavesdrop" in said) is may


async def test_a_call_that_was_picked_up_goes_no_further_in_its_flow(world: Any, caller: Any) -> None:
    picked = {"originate_disposition": "ORIGINATOR_CANCEL", "signal_bond": "who took it"}
    async with world(caller(bridges=[picked])) as here:
        await here.put({"_id": "device-1", "name": "phone", "sip": {"username": "ph", "realm": "acme.example"}})
        flow = {"module": "device", "data": {"id": "device-1"}, "children": {"_": END}}
        await here.flow_of(flow)
        log = await here.call()
        assert (log.said(), log.hangups) == (["ring device-1", "answer"], ["NORMAL_CLEARING"])
