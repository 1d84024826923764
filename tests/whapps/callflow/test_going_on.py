"""Actions by which a call goes on elsewhere: transfer, move, after_bridge, route_to_cid; and set."""

from __future__ import annotations

from typing import Any

import pytest

from killed_calls import Scenario, changes_nothing
from mirliton.actors.kapi.dialplan import Bridge, CallPickup, Set

ANSWERED = {"originate_disposition": "SUCCESS"}
USER, PHONE, OTHER, FLOW2, ALL = (str(number) * 32 for number in range(1, 6))
TONE = {"module": "play", "data": {"id": "tone_stream://1", "answer": False}}
THERE = {"module": "play", "data": {"id": "tone_stream://there", "answer": False}}
ANYWHERE = {"module": "play", "data": {"id": "tone_stream://anywhere", "answer": False}}


async def _world(here: Any, *actions: Any, user: Any = None) -> None:
    """A caller's own phone, another of the same user, and callflows of 2002 and of all other numbers."""
    await here.put({"_id": here.account_id, "pvt_type": "account", "name": "acme", "realm": "acme.example"})
    await here.put({"_id": USER, "pvt_type": "user", "first_name": "A"} | (user or {}))
    for doc, owner in ((PHONE, USER), (OTHER, USER)):
        await here.put({"_id": doc, "pvt_type": "device", "owner_id": owner, "sip": {"username": doc[:3]}})
    await here.put({"_id": FLOW2, "pvt_type": "callflow", "numbers": ["2002"], "flow": THERE})
    await here.put({"_id": ALL, "pvt_type": "callflow", "numbers": ["no_match"], "flow": ANYWHERE})
    here.ccvs.update({"Authorizing-ID": PHONE, "Owner-ID": USER})
    flow: Any = TONE
    for module, data in reversed(actions):
        flow = {"module": module, "data": data, "children": {"_": flow}}
    await here.flow_of(flow)


class TestTransfer:
    @pytest.mark.parametrize(
        ("data", "captured", "said"),
        [
            ({"target": "2002"}, "", ["tone_stream://there"]),
            ({"target": "4155550100"}, "", ["tone_stream://anywhere"]),
            ({}, "2002", ["tone_stream://there"]),
            ({"target": "sip:x@y"}, "", ["fault-can_not_be_completed_as_dialed"]),
            ({}, "", ["tone_stream://1"]),
            ({"target": "2002", "transfer_type": "attended"}, "", ["tone_stream://1"]),
            ({"target": "2002", "leg": "bleg"}, "", ["tone_stream://1"]),
            ({"target": 5}, "", ["tone_stream://1"]),
        ],
        ids=str,
    )
    async def test_the_call_goes_on_at_the_number(self, world: Any, data: Any, captured: str, said: Any) -> None:
        async with world() as here:
            await _world(here, ("transfer", data))
            here.ccvs["Capture-Group"] = captured
            assert (await here.call()).said() == said

    async def test_it_is_no_way_round_a_restriction(self, world: Any) -> None:
        async with world() as here:
            denied = {"call_restriction": {"did_us": {"action": "deny"}}}
            await _world(here, ("transfer", {"target": "4155550100"}), user=denied)
            assert (await here.call()).said() == ["cf-unauthorized_call"]


class TestMove:
    @staticmethod
    def _leg(uuid: str, device: str = OTHER, **fields: Any) -> dict[str, Any]:
        return {"uuid": uuid, "authorizing_id": device, "answered": True, "other_leg": "far", **fields}

    async def _moved(self, world: Any, *legs: Any, owner: bool = True) -> tuple[list[str], list[str]]:
        async with world() as here:
            await _world(here, ("move", {}))
            here.others = [{"account_id": here.account_id, **leg} for leg in legs]
            if not owner:
                del here.ccvs["Owner-ID"]
            log = await here.call()
            taken = [command.target_call_id for _, command in log.commands if isinstance(command, CallPickup)]
            return taken, log.said()

    async def test_the_one_call_of_the_caller_comes_here(self, world: Any) -> None:
        taken, _ = await self._moved(world, self._leg("there"), self._leg("ringing", answered=False, other_leg=None))
        assert taken == ["there"]

    @pytest.mark.parametrize(
        ("legs", "owner", "said"),
        [(0, True, "cf-move-no_channel"), (2, True, "cf-move-too_many_channels"), (1, False, "cf-move-no_owner")],
    )
    async def test_else_the_caller_is_told_why_not(self, world: Any, legs: int, owner: bool, said: str) -> None:
        found = await self._moved(world, *(self._leg(f"leg-{number}") for number in range(legs)), owner=owner)
        assert found == ([], [said, "tone_stream://1"])


class TestAfterBridge:
    @pytest.mark.parametrize(
        ("data", "said"),
        [
            ({"action": "hangup", "data": True}, []),
            ({"action": "transfer", "data": "2002"}, ["tone_stream://there"]),
            ({"action": "transfer", "data": "sip:@"}, []),
            ({"action": "park", "data": True}, ["hold"]),
            ({"action": "park", "data": False}, []),
            ({"action": "transfer", "data": True}, []),
            ({"action": "explode"}, []),
        ],
        ids=str,
    )
    async def test_the_caller_goes_on_when_the_other_has_hung_up(
        self, world: Any, caller: Any, data: Any, said: Any
    ) -> None:
        async with world(caller(bridges=[ANSWERED], holds=1)) as here:
            await _world(here, ("after_bridge", data), ("device", {"id": OTHER, "can_call_self": True}))
            assert (await here.call()).said()[1:] == said

    async def test_only_when_somebody_has_answered(self, world: Any, caller: Any) -> None:
        async with world(caller(bridges=[{}])) as here:
            transfer = ("after_bridge", {"action": "transfer", "data": "2002"})
            await _world(here, transfer, ("device", {"id": OTHER, "can_call_self": True}))
            assert (await here.call()).said()[1:] == ["tone_stream://1"]


class TestRouteToCid:
    @pytest.mark.parametrize(
        ("data", "dialled", "rung"),
        [
            ({}, "301", [OTHER]),
            ({"cid_types": ["external"]}, "4155550100", [OTHER]),
            ({"cid_types": ["external"]}, "+14155550100", [OTHER]),
            ({"cid_types": ["external", "internal"]}, "301", [OTHER]),
            ({"endpoint_types": ["device"]}, "301", [OTHER]),
            ({"endpoint_types": ["user"]}, "301", []),
            ({}, "4155550100", []),
            ({"cid_types": "x", "endpoint_types": 7}, "301", [OTHER]),
        ],
        ids=str,
    )
    async def test_whoever_has_the_number_is_rung(
        self, world: Any, caller: Any, data: Any, dialled: str, rung: Any
    ) -> None:
        async with world(caller(bridges=[ANSWERED])) as here:
            await _world(here, ("route_to_cid", data))
            ids = {"internal": {"number": "301"}, "external": {"number": "+14155550100"}}
            doc = await here.get(OTHER)
            await here.node.drive(here.store.put(here.db, {**doc, "owner_id": None, "caller_id": ids}))
            here.rename(caller_destination_number=dialled)
            bridges = [command for _, command in (await here.call()).commands if isinstance(command, Bridge)]
            assert [endpoint.endpoint_id for bridge in bridges for endpoint in bridge.endpoints] == rung

    async def test_a_users_number_rings_all_the_users_phones(self, world: Any, caller: Any) -> None:
        async with world(caller(bridges=[ANSWERED])) as here:
            await _world(
                here, ("route_to_cid", {"can_call_self": True}), user={"caller_id": {"internal": {"number": "9"}}}
            )
            here.rename(caller_destination_number="9")
            (bridge,) = [command for _, command in (await here.call()).commands if isinstance(command, Bridge)]
            assert sorted(str(endpoint.endpoint_id) for endpoint in bridge.endpoints) == [PHONE, OTHER]


async def test_set_sets_what_is_the_tenants(world: Any) -> None:
    async with world() as here:
        await _world(here, ("set", {"skip_module": False, "crm": "7", "vip": True, "Account-ID": "x", "list": [1]}))
        (command, _) = [command for _, command in (await here.call()).commands]
        assert isinstance(command, Set)
        assert command.custom_application_vars == {"crm": "7", "vip": True, "Account-ID": "x"}
        assert not command.custom_channel_vars


def _scenario(*actions: Any, **wishes: Any) -> Scenario:
    async def prepare(here: Any) -> None:
        await _world(here, *actions)
        leg = {"uuid": "there", "authorizing_id": OTHER, "answered": True, "other_leg": "far"}
        here.others = [{"account_id": here.account_id, **leg}]

    known = {"Authorizing-ID": PHONE, "Owner-ID": USER}
    return Scenario({}, prepare, bridges=(ANSWERED,), ccvs=known, wishes=wishes, least=1)


RINGS = ("device", {"id": OTHER, "can_call_self": True})
SCENARIOS = {
    "transfer": _scenario(("transfer", {"target": "2002"})),
    "move": _scenario(("move", {})),
    "after_bridge transfer": _scenario(("after_bridge", {"action": "transfer", "data": "2002"}), RINGS),
    "after_bridge park": _scenario(("after_bridge", {"action": "park", "data": True}), RINGS, holds=1),
}


@pytest.mark.parametrize("who", ["executor", "executor+call"])
@pytest.mark.parametrize("name", SCENARIOS)
async def test_a_kill_at_any_moment_changes_nothing(world: Any, caller: Any, name: str, who: str) -> None:
    await changes_nothing(world, caller, SCENARIOS[name], who, share=8)
