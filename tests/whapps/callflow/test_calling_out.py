"""resources, offnet: calling the world by carriers, one after the other, and numbers of our own without any."""

from __future__ import annotations

from typing import Any

import pytest

from killed_calls import Scenario, changes_nothing, several_change_nothing
from mirliton.actors.kapi.dialplan import Bridge, Endpoint, Respond
from mirliton.actors.store.names import account_db
from mirliton.runtime.testing import Probe
from mirliton.whapps.stepswitch.messages import STEPSWITCH

ANSWERED = {"originate_disposition": "SUCCESS"}
CONGESTED = {"originate_disposition": "NORMAL_CIRCUIT_CONGESTION"}
BUSY = {"originate_disposition": "USER_BUSY", "last_bridge_proto_specific_hangup_cause": "sip:486"}
DECLINED = {"originate_disposition": "CALL_REJECTED", "last_bridge_proto_specific_hangup_cause": "sip:603"}
FORBIDDEN = {"originate_disposition": "CALL_REJECTED", "last_bridge_proto_specific_hangup_cause": "sip:403"}
USER, PHONE, OTHER = "1" * 32, "2" * 32, "b" * 32
TONE = {"module": "play", "data": {"id": "tone_stream://1", "answer": False}}


def _carrier(name: str, **fields: Any) -> dict[str, Any]:
    gateways = [{"server": f"{name}.example"}]
    return {
        "_id": name,
        "pvt_type": "resource",
        "name": name,
        "gateways": gateways,
        "rules": [r"^(\+\d+|911)$"],
        **fields,
    }


async def _world(
    here: Any, *carriers: Any, db: str | None = None, flow: Any = None, account: Any = None, user: Any = None
) -> None:
    """An account whose `no_match` calls out, and the carriers, which are the system's unless `db` says otherwise."""
    db = db or "offnet"
    known = {"_id": here.account_id, "pvt_type": "account", "name": "acme", "realm": "acme.example"}
    await here.put(known | (account or {}))
    await here.put({"_id": USER, "pvt_type": "user", "first_name": "A", "last_name": "B"} | (user or {}))
    await here.put({"_id": PHONE, "pvt_type": "device", "owner_id": USER, "sip": {"username": "a"}})
    for name in {db, "numbers/+1415", "system_config"} - {here.db}:
        await here.node.drive(here.store.create_database(name))
    for carrier in carriers:
        await here.node.drive(here.store.put(db, carrier))
    here.rename(caller_destination_number="4155550100")
    here.ccvs.update({"Authorizing-ID": PHONE, "Owner-ID": USER})
    await here.flow_of(flow or {"module": "offnet"})


async def _called(here: Any) -> list[Endpoint]:
    """What was rung, one after the other."""
    bridges = [command for _, command in (await here.call()).commands if isinstance(command, Bridge)]
    assert all(len(bridge.endpoints) == 1 for bridge in bridges)
    return [bridge.endpoints[0] for bridge in bridges]


def _routes(endpoints: list[Endpoint]) -> list[str]:
    return [str(endpoint.route).removeprefix("sip:+14155550100@").removesuffix(".example") for endpoint in endpoints]


class TestCarriers:
    @pytest.mark.parametrize(
        ("ends", "tried"),
        [
            ([ANSWERED], ["one"]),
            ([CONGESTED, ANSWERED], ["one", "two"]),
            ([FORBIDDEN, CONGESTED, ANSWERED], ["one", "two", "three"]),
            ([CONGESTED] * 3, ["one", "two", "three"]),
            ([BUSY], ["one"]),
            ([DECLINED], ["one"]),
            ([{"originate_disposition": "NO_ANSWER"}], ["one"]),
        ],
        ids=str,
    )
    async def test_the_next_takes_what_one_cannot(self, world: Any, caller: Any, ends: Any, tried: Any) -> None:
        async with world(caller(bridges=ends)) as here:
            await _world(here, _carrier("two"), _carrier("one", weight_cost=1), _carrier("three", weight_cost=90))
            assert _routes(await _called(here)) == tried

    async def test_each_try_is_a_leg_of_its_own(self, world: Any, caller: Any) -> None:
        async with world(caller(bridges=[CONGESTED, ANSWERED])) as here:
            await _world(here, _carrier("one"), _carrier("two"))
            assert len({endpoint.outbound_call_id for endpoint in await _called(here)}) == 2

    async def test_a_carrier_that_fails_is_out_for_its_grace_period(self, world: Any, caller: Any) -> None:
        async with world(caller(bridges=[CONGESTED, ANSWERED])) as here:
            await _world(here, _carrier("one", weight_cost=1, grace_period=20), _carrier("two"))
            assert _routes(await _called(here)) == ["one", "two"]
            second = [command for _, command in (await here.call_again(caller(bridges=[ANSWERED]), after=15)).commands]
            assert _routes([second[0].endpoints[0]]) == ["two"]
            third = [command for _, command in (await here.call_again(caller(bridges=[ANSWERED]), after=6)).commands]
            assert _routes([third[0].endpoints[0]]) == ["one"]

    @pytest.mark.parametrize(
        ("end", "children", "said"),
        [
            (BUSY, ("USER_BUSY", "_"), "tone_stream://USER_BUSY"),
            (BUSY, ("486", "_"), "tone_stream://486"),
            (BUSY, ("_",), "tone_stream://_"),
            (BUSY, ("CALL_REJECTED",), "respond"),
            (CONGESTED, ("NORMAL_CIRCUIT_CONGESTION",), "tone_stream://NORMAL_CIRCUIT_CONGESTION"),
        ],
        ids=str,
    )
    async def test_a_failure_has_children(self, world: Any, caller: Any, end: Any, children: Any, said: str) -> None:
        async with world(caller(bridges=[end])) as here:
            flows = {
                key: {"module": "play", "data": {"id": f"tone_stream://{key}", "answer": False}} for key in children
            }
            await _world(here, _carrier("one"), flow={"module": "offnet", "children": flows})
            assert (await here.call()).said() == ["ring one", said]

    @pytest.mark.parametrize(
        ("carriers", "ends", "code"),
        [([], [], 404), (["one"], [BUSY], 486), (["one"], [DECLINED], 603), (["one"], [CONGESTED], 480)],
        ids=str,
    )
    async def test_without_a_child_the_phone_is_told(
        self, world: Any, caller: Any, carriers: Any, ends: Any, code: int
    ) -> None:
        async with world(caller(bridges=ends)) as here:
            await _world(here, *map(_carrier, carriers))
            answers = [command for _, command in (await here.call()).commands if isinstance(command, Respond)]
            assert [answer.response_code for answer in answers] == [code]

    async def test_an_accounts_own_carriers_are_for_resources(self, world: Any, caller: Any) -> None:
        for module, data, tried in (
            ("resources", {}, ["one"]),
            ("resources", {"use_local_resources": False}, []),
            ("resources", {"hunt_account_id": OTHER}, []),
            ("offnet", {}, []),
        ):
            async with world(caller(bridges=[ANSWERED])) as here:
                await _world(here, _carrier("one"), db=here.db, flow={"module": module, "data": data})
                assert _routes(await _called(here)) == tried

    @pytest.mark.parametrize(("tree", "tried"), [([], []), ([OTHER], ["one"]), ("x", [])], ids=str)
    async def test_carriers_of_others_are_only_for_accounts_below_them(
        self, world: Any, caller: Any, tree: Any, tried: Any
    ) -> None:
        async with world(caller(bridges=[ANSWERED])) as here:
            flow = {"module": "resources", "data": {"hunt_account_id": OTHER}}
            db = account_db(OTHER)
            await _world(here, _carrier("one"), db=db, flow=flow, account={"pvt_tree": tree})
            assert _routes(await _called(here)) == tried

    async def test_the_number_may_be_given_and_left_as_it_is(self, world: Any, caller: Any) -> None:
        for data, route in (
            ({"to_did": "+442079460000"}, "sip:+442079460000@one.example"),
            ({"to_did": "+1415-555-0199"}, "sip:+14155550199@one.example"),
            ({"bypass_e164": True, "to_did": "+1(415)5550199"}, None),
        ):
            async with world(caller(bridges=[ANSWERED])) as here:
                await _world(here, _carrier("one"), flow={"module": "offnet", "data": data})
                assert [endpoint.route for endpoint in await _called(here)] == ([route] if route else [])

    async def test_flags_of_the_action_and_the_caller_choose(self, world: Any, caller: Any) -> None:
        async with world(caller(bridges=[ANSWERED])) as here:
            carriers = _carrier("one"), _carrier("two", flags=["fax", USER, "eu"])
            data = {"outbound_flags": ["fax"], "dynamic_flags": ["owner_id", "no_such_thing"]}
            await _world(here, *carriers, flow={"module": "offnet", "data": data}, account={"outbound_flags": ["eu"]})
            assert _routes(await _called(here)) == ["two"]


class TestWhoCalls:
    async def test_the_world_sees_the_external_caller_id(self, world: Any, caller: Any) -> None:
        ids = {"external": {"name": "Acme", "number": "+14155550999"}, "internal": {"number": "201"}}
        for data, outside, number in (
            ({}, False, "+14155550999"),
            ({"caller_id_type": "internal"}, False, "201"),
            ({}, True, "1001"),
        ):
            async with world(caller(bridges=[ANSWERED])) as here:
                await _world(here, _carrier("one"), flow={"module": "offnet", "data": data}, user={"caller_id": ids})
                if outside:
                    here.ccvs["Inception"] = "+1@carrier"
                (endpoint,) = await _called(here)
                assert endpoint.outbound_caller_id_number == number

    @pytest.mark.parametrize(
        ("mode", "hides"), [("full", (True, True)), ("number", (None, True)), ("none", (None, None))]
    )
    async def test_it_can_be_hidden(self, world: Any, caller: Any, mode: str, hides: Any) -> None:
        async with world(caller(bridges=[ANSWERED])) as here:
            await _world(here, _carrier("one"), user={"caller_id_options": {"outbound_privacy": mode}})
            (endpoint,) = await _called(here)
            assert (endpoint.privacy_hide_name, endpoint.privacy_hide_number) == hides

    async def test_help_sees_where_to_go(self, world: Any, caller: Any) -> None:
        async with world(caller(bridges=[ANSWERED])) as here:
            ids = {"external": {"number": "+1"}, "emergency": {"number": "+14155550911"}}
            await _world(
                here, _carrier("one"), account={"caller_id": ids, "call_restriction": {"emergency": {"action": "deny"}}}
            )
            here.rename(caller_destination_number="911")
            (endpoint,) = await _called(here)
            assert (endpoint.route, endpoint.outbound_caller_id_number) == ("sip:911@one.example", "+14155550911")

    @pytest.mark.parametrize(("known", "rung"), [(False, 0), (True, 1)])
    async def test_help_is_not_called_without_a_number_where_an_operator_says_so(
        self, world: Any, caller: Any, known: bool, rung: int
    ) -> None:
        async with world(caller(bridges=[ANSWERED])) as here:
            await _world(here, _carrier("one"), account={"caller_id": {"emergency": {"number": "+1"}}} if known else {})
            config = {"_id": "stepswitch", "default": {"deny_invalid_emergency_cid": True}}
            await here.node.drive(here.store.put("system_config", config))
            here.rename(caller_destination_number="911")
            assert len(await _called(here)) == rung
            assert ("stepswitch-emergency_not_configured" in here.channel.log.said()) is not known

    async def test_who_may_not_call_a_number_does_not(self, world: Any) -> None:
        async with world() as here:
            await _world(here, _carrier("one"), user={"call_restriction": {"did_us": {"action": "deny"}}})
            assert (await here.call()).said() == ["cf-unauthorized_call"]


async def _number(here: Any, **fields: Any) -> None:
    doc = {"_id": "+14155550100", "pvt_type": "number", "pvt_state": "in_service", "pvt_assigned_to": OTHER, **fields}
    await here.node.drive(here.store.put("numbers/+1415", doc))


class TestOurOwnNumbers:
    async def test_they_need_no_carrier(self, world: Any, caller: Any) -> None:
        async with world(caller(bridges=[ANSWERED])) as here:
            await _world(here, _carrier("one"))
            await _number(here)
            (endpoint,) = await _called(here)
            known = endpoint.custom_channel_vars
            assert (endpoint.invite_format, endpoint.route) == ("loopback", "+14155550100")
            assert (known["Account-ID"], known["Loopback-Account-ID"]) == (OTHER, here.account_id)
            assert "Authorizing-ID" not in known

    async def test_unless_they_have_to_go_out(self, world: Any, caller: Any) -> None:
        async with world(caller(bridges=[ANSWERED])) as here:
            await _world(here, _carrier("one"))
            await _number(here, force_outbound=True)
            assert _routes(await _called(here)) == ["one"]

    async def test_round_in_circles_it_ends(self, world: Any, caller: Any) -> None:
        async with world(caller(bridges=[ANSWERED])) as here:
            await _world(here)
            await _number(here)
            here.ccvs["Loopback-Hops"] = "5"
            assert (await here.call()).said() == ["respond"]


async def test_a_feature_code_calls_the_number_behind_it(world: Any, caller: Any) -> None:
    async with world(caller(bridges=[ANSWERED])) as here:
        await _world(here, _carrier("one"), flow={"module": "privacy"})
        await here.put({"_id": OTHER, "pvt_type": "callflow", "numbers": ["no_match"], "flow": {"module": "offnet"}})
        here.rename(caller_destination_number="*674155550100")
        here.ccvs["Capture-Group"] = "4155550100"
        (endpoint,) = await _called(here)
        assert (_routes([endpoint]), endpoint.privacy_hide_number) == (["one"], True)


async def test_who_can_ask_nobody_says_so(world: Any) -> None:
    async with world() as here:
        await _world(here, _carrier("one"))
        here.node.exit(here.node.whereis(STEPSWITCH), "kill")
        await Probe.start(here.node, name=STEPSWITCH, answer=lambda request: "what?")
        assert (await here.call()).said() == ["respond"]


def _scenario(*ends: Any, ours: bool = False) -> Scenario:
    async def prepare(here: Any) -> None:
        await _world(
            here,
            _carrier("one", weight_cost=1),
            _carrier("two"),
            flow={"module": "offnet", "data": {"to_did": "4155550100"}, "children": {"_": TONE}},
        )
        if ours:
            await _number(here)

    return Scenario({}, prepare, bridges=ends, ccvs={"Authorizing-ID": PHONE, "Owner-ID": USER}, least=1)


SCENARIOS = {
    "two carriers": _scenario(CONGESTED, ANSWERED),
    "all refuse": _scenario(CONGESTED, CONGESTED),
    "busy": _scenario(BUSY),
    "ours": _scenario(ANSWERED, ours=True),
}


@pytest.mark.parametrize("who", ["executor", "call", "executor+call"])
@pytest.mark.parametrize("name", SCENARIOS)
async def test_a_kill_at_any_moment_changes_nothing(world: Any, caller: Any, name: str, who: str) -> None:
    await changes_nothing(world, caller, SCENARIOS[name], who, share=3 if who == "executor" else 8)


@pytest.mark.parametrize("name", SCENARIOS)
async def test_several_kills_change_nothing(world: Any, caller: Any, name: str) -> None:
    await several_change_nothing(world, caller, SCENARIOS[name], name, 0)
