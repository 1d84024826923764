"""Actions that ring phones: device, user, ring_group; and the endpoints they make of documents."""

from __future__ import annotations

from typing import Any

import pytest

from mirliton.actors.kapi.dialplan import Bridge

ANSWERED = {"originate_disposition": "SUCCESS"}
BUSY = {"originate_disposition": "USER_BUSY"}
END = {"module": "response", "data": {}}


async def _account(here: Any) -> None:
    await here.put({"_id": here.account_id, "pvt_type": "account", "name": "acme", "realm": "acme.example"})


async def _device(here: Any, device_id: str, **fields: Any) -> None:
    await here.put({"_id": device_id, "pvt_type": "device", "name": "phone", "sip": {"username": device_id}, **fields})


async def _user(here: Any, user_id: str, **fields: Any) -> None:
    await here.put({"_id": user_id, "pvt_type": "user", "first_name": "Ada", "last_name": "L", **fields})


async def _flow(here: Any, module: str, data: Any, children: Any = None) -> None:
    await here.flow_of({"module": module, "data": data, "children": {"_": END} if children is None else children})


def _bridges(log: Any) -> list[Bridge]:
    return [command for _, command in log.commands if isinstance(command, Bridge)]


class TestADevice:
    async def test_it_rings_where_it_is_registered(self, world: Any, caller: Any) -> None:
        async with world(caller(bridges=[ANSWERED])) as here:
            await _account(here)
            await _device(here, "d1", owner_id="u1", presence_id="201@acme.example")
            await _flow(here, "device", {"id": "d1", "timeout": 15})
            log = await here.call()
            (bridge,) = _bridges(log)
            (endpoint,) = bridge.endpoints
            assert bridge.timeout == 15.0
            assert (endpoint.to_user, endpoint.to_realm) == ("d1", "acme.example")
            assert endpoint.presence_id == "201@acme.example"
            assert endpoint.custom_channel_vars["Authorizing-ID"] == "d1"
            assert endpoint.custom_channel_vars["Owner-ID"] == "u1"
            assert log.hangups == ["NORMAL_CLEARING"]

    @pytest.mark.parametrize(
        ("bridge", "child"),
        [
            ({"originate_disposition": "USER_BUSY"}, "busy"),
            ({"last_bridge_hangup_cause": "USER_BUSY"}, "busy"),
            ({"originate_disposition": "CALL_REJECTED"}, "else"),
            ({}, "else"),
        ],
        ids=str,
    )
    async def test_a_failure_takes_the_child_of_its_cause(
        self, world: Any, caller: Any, bridge: Any, child: str
    ) -> None:
        async with world(caller(bridges=[bridge])) as here:
            await _account(here)
            await _device(here, "d1")
            code = {"busy": {"module": "response", "data": {"code": 486}}, "else": {"module": "hangup"}}
            await _flow(here, "device", {"id": "d1"}, {"USER_BUSY": code["busy"], "_": code["else"]})
            said = (await here.call()).said()
            assert said == ["ring d1", *(["respond"] if child == "busy" else [])]

    @pytest.mark.parametrize(
        "fields",
        [
            {"enabled": False},
            {"pvt_deleted": True},
            {"do_not_disturb": {"enabled": True}},
            {"sip": {}},
            {"sip": "d1"},
            {"sip": {"username": 5}},
            {"pvt_type": "user"},
        ],
        ids=str,
    )
    async def test_one_that_cannot_be_rung_is_passed_over(self, world: Any, caller: Any, fields: Any) -> None:
        async with world(caller()) as here:
            await _account(here)
            await _device(here, "d1", **fields)
            await _flow(here, "device", {"id": "d1"})
            assert (await here.call()).said() == ["respond"]

    async def test_the_caller_does_not_ring_itself(self, world: Any, caller: Any) -> None:
        async with world(caller()) as here:
            here.ccvs["Authorizing-ID"] = "d1"
            await _account(here)
            await _device(here, "d1")
            await _flow(here, "device", {"id": "d1"})
            assert (await here.call()).said() == ["respond"]

    async def test_unless_the_flow_says_so(self, world: Any, caller: Any) -> None:
        async with world(caller()) as here:
            here.ccvs["Authorizing-ID"] = "d1"
            await _account(here)
            await _device(here, "d1")
            await _flow(here, "device", {"id": "d1", "can_call_self": True})
            assert (await here.call()).said() == ["ring d1", "respond"]


class TestAUser:
    async def test_all_phones_of_a_user_ring_at_once(self, world: Any, caller: Any) -> None:
        async with world(caller()) as here:
            await _account(here)
            await _user(here, "u1")
            for device_id in ("d1", "d2", "d3"):
                await _device(here, device_id, owner_id="u1" if device_id != "d3" else "u2")
            await _flow(here, "user", {"id": "u1"})
            (bridge,) = _bridges(await here.call())
            assert [endpoint.endpoint_id for endpoint in bridge.endpoints] == ["d1", "d2"]
            assert bridge.dial_endpoint_method == "simultaneous"

    @pytest.mark.parametrize(
        "fields", [{"enabled": False}, {"do_not_disturb": {"enabled": True}}, {"pvt_deleted": True}], ids=str
    )
    async def test_a_user_who_is_away_is_passed_over(self, world: Any, caller: Any, fields: Any) -> None:
        async with world(caller()) as here:
            await _account(here)
            await _user(here, "u1", **fields)
            await _device(here, "d1", owner_id="u1")
            await _flow(here, "user", {"id": "u1"})
            assert (await here.call()).said() == ["respond"]


class TestARingGroup:
    async def test_devices_users_and_groups_ring(self, world: Any, caller: Any) -> None:
        async with world(caller(bridges=[ANSWERED])) as here:
            await _account(here)
            await _user(here, "u1")
            for device_id in ("d1", "d2", "d3"):
                await _device(here, device_id, **({"owner_id": "u1"} if device_id == "d2" else {}))
            await here.put({"_id": "g1", "pvt_type": "group", "name": "g", "endpoints": {"d3": {"type": "device"}}})
            members = [
                {"id": "d1", "endpoint_type": "device", "delay": 5, "timeout": 10},
                {"id": "u1", "endpoint_type": "user"},
                {"id": "g1", "endpoint_type": "group"},
                {"id": "absent", "endpoint_type": "device"},
            ]
            await _flow(here, "ring_group", {"endpoints": members, "timeout": 30})
            (bridge,) = _bridges(await here.call())
            assert [endpoint.endpoint_id for endpoint in bridge.endpoints] == ["d1", "d2", "d3"]
            assert (bridge.endpoints[0].endpoint_delay, bridge.endpoints[0].endpoint_timeout) == (5.0, 10.0)

    async def test_it_rings_as_often_as_it_says(self, world: Any, caller: Any) -> None:
        async with world(caller(bridges=[{}, {}, ANSWERED])) as here:
            await _account(here)
            await _device(here, "d1")
            await _flow(here, "ring_group", {"endpoints": [{"id": "d1"}], "repeats": 5})
            assert (await here.call()).said() == ["ring d1"] * 3

    async def test_each_ringing_has_legs_of_its_own(self, world: Any, caller: Any) -> None:
        async with world(caller()) as here:
            await _account(here)
            await _device(here, "d1")
            await _flow(here, "ring_group", {"endpoints": [{"id": "d1"}], "repeats": 3})
            legs = [bridge.endpoints[0].outbound_call_id for bridge in _bridges(await here.call())]
            assert len(set(legs)) == 3

    async def test_by_chance_every_member_comes_once(self, world: Any, caller: Any) -> None:
        async with world(caller()) as here:
            await _account(here)
            ids = [f"d{number}" for number in range(8)]
            for device_id in ids:
                await _device(here, device_id)
            members = [{"id": device_id, "weight": 1 + number * 12} for number, device_id in enumerate(ids)]
            await _flow(here, "ring_group", {"endpoints": members, "strategy": "weighted_random", "repeats": 2})
            first, second = _bridges(await here.call())
            assert sorted(endpoint.endpoint_id for endpoint in first.endpoints) == ids
            assert first.dial_endpoint_method == "single"
            assert [e.endpoint_id for e in first.endpoints] != [e.endpoint_id for e in second.endpoints]


HOSTILE: list[tuple[str, Any]] = [
    ("device", {}),
    ("device", {"id": 5}),
    ("device", {"id": "_design/x"}),
    ("device", {"id": "\0"}),
    ("device", {"id": "d1", "timeout": "long", "dial_strategy": 7, "can_call_self": []}),
    ("user", {"id": ["u1"]}),
    ("user", {"id": "u1", "timeout": -1, "delay": {}, "strategy": "all"}),
    ("ring_group", {"endpoints": "all"}),
    ("ring_group", {"endpoints": []}),
    ("ring_group", {"endpoints": [None, 5, "d1", {}, {"id": 5}, {"id": "d1", "endpoint_type": ["x"]}]}),
    ("ring_group", {"endpoints": [{"id": "g1", "endpoint_type": "group"}], "repeats": 10**9}),
    ("ring_group", {"endpoints": [{"id": "d1", "weight": "x", "delay": "y"}], "strategy": {}, "repeats": "2"}),
    ("ring_group", {"endpoints": [{"id": "d1", "weight": 10**9}], "strategy": "weighted_random"}),
    ("ring_group", {"endpoints": [{"id": "d1"}] * 10_000}),
    ("play", {"id": 7}),
    ("play", {"id": "/etc/passwd"}),
    ("play", {"id": "tone_stream://%(1,1,1)", "loop_count": "x", "terminators": [5], "answer": 0}),
    ("callflow", {"id": {}}),
    ("callflow", {"id": "_local/x"}),
    ("response", {"code": "6\n00", "message": ["x"], "media": "no such document"}),
    ("no_such_module", {}),
]


@pytest.mark.parametrize(("module", "data"), HOSTILE, ids=lambda value: str(value)[:60])
async def test_a_flow_of_wrong_types_ends_the_call_in_order(world: Any, caller: Any, module: str, data: Any) -> None:
    """Whatever the document says: no crash, no endless ringing, and the leg is hung up."""
    async with world(caller()) as here:
        await _account(here)
        await _user(here, "u1", do_not_disturb="no", enabled="maybe")
        await _device(here, "d1", owner_id="u1", do_not_disturb=[], presence_id=9)
        await here.put(
            {"_id": "g1", "pvt_type": "group", "endpoints": {"d1": {"weight": "x"}, "g1": 5, "d2": {"id": 7}}}
        )
        await _flow(here, module, data)
        log = await here.call()
        assert len(log.hangups) == 1
        assert len(_bridges(log)) <= 20
        assert not any("passwd" in word for word in log.said())
        assert here.restarts == 0
