"""A leg to a carrier is asked about first, where the operator wants it, and its answer is noted on it."""

from __future__ import annotations

from typing import Any

import pytest

from mirliton.actors.admission import AuthorizeLeg, LegAuthorized, LegBarred, LegReleased
from mirliton.actors.kapi.dialplan import Bridge, Set
from mirliton.actors.money import Rate
from mirliton.actors.switching import LOOPED_ACCOUNT

ANSWERED = {"originate_disposition": "SUCCESS"}
CONGESTED = {"originate_disposition": "NORMAL_CIRCUIT_CONGESTION"}
NUMBER = "+14155550100"


async def _world(here: Any, *, enabled: bool = True, dialled: str = "4155550100") -> None:
    await here.put({"_id": here.account_id, "pvt_type": "account", "name": "acme", "realm": "acme.example"})
    for name in ("offnet", "numbers/+1415", "system_config", "ratedeck"):
        await here.node.drive(here.store.create_database(name))
    gateways = [{"server": "one.example"}]
    carrier = {"_id": "one", "pvt_type": "resource", "name": "one", "gateways": gateways, "rules": [r"^(\+\d+|911)$"]}
    for one in (carrier, carrier | {"_id": "help", "emergency": True}):
        await here.node.drive(here.store.put("offnet", one))
    await here.node.drive(here.store.put("system_config", {"_id": "ecallmgr", "default": {"authz_enabled": enabled}}))
    rate = {"_id": "us", "pvt_type": "rate", "prefix": 1, "rate_cost": 0.02, "rate_increment": 6, "rate_minimum": 30}
    await here.node.drive(here.store.put("ratedeck", rate))
    here.rename(caller_destination_number=dialled)
    await here.flow_of({"module": "offnet"})


async def _noted(here: Any) -> list[dict[str, Any]]:
    """The Custom-Channel-Vars of the legs that were rung."""
    log = await here.call()
    return [
        dict(command.endpoints[0].custom_channel_vars) for _, command in log.commands if isinstance(command, Bridge)
    ]


async def test_nothing_is_asked_unless_the_operator_wants_it(world: Any, caller: Any) -> None:
    async with world(caller(bridges=[ANSWERED])) as here:
        await _world(here, enabled=False)
        [noted] = await _noted(here)
        assert "Account-Billing" not in noted
        assert here.asked == []


async def test_a_leg_by_a_trunk_is_noted_as_such_and_given_back(world: Any, caller: Any) -> None:
    async with world(caller(bridges=[CONGESTED])) as here:
        here.carrier_legs = LegAuthorized("flat_rate", usage="1/0/0/0/0/1")
        await _world(here)
        [noted] = await _noted(here)
        assert (noted["Account-Billing"], noted["Account-Trunk-Usage"]) == ("flat_rate", "1/0/0/0/0/1")
        assert "Rate" not in noted
        asked = here.asked[0]
        assert asked == AuthorizeLeg(asked.call_id, "outbound", NUMBER, Rate(200.0, 6, 30), asked.switch, "did_us")
        assert LegReleased(asked.call_id, "outbound", asked.switch) in here.account_told.messages


async def test_a_leg_by_the_minute_has_its_rate(world: Any, caller: Any) -> None:
    async with world(caller(bridges=[ANSWERED])) as here:
        here.carrier_legs = LegAuthorized("per_minute")
        await _world(here)
        [noted] = await _noted(here)
        assert {name: noted[name] for name in ("Account-Billing", "Rate", "Rate-Increment", "Rate-Minimum")} == {
            "Account-Billing": "per_minute",
            "Rate": "0.02",
            "Rate-Increment": "6",
            "Rate-Minimum": "30",
        }


async def test_an_account_that_may_not_rings_nobody(world: Any, caller: Any) -> None:
    async with world(caller()) as here:
        here.carrier_legs = LegBarred("no trunk and no credit")
        await _world(here)
        log = await here.call()
        assert not [command for _, command in log.commands if isinstance(command, Bridge)]
        assert [command.response_code for _, command in log.commands if hasattr(command, "response_code")] == [403]


async def test_help_is_called_without_asking(world: Any, caller: Any) -> None:
    async with world(caller(bridges=[ANSWERED])) as here:
        await _world(here, dialled="911")
        assert len(await _noted(here)) == 1
        assert here.asked == []


@pytest.mark.parametrize("tick", range(0, 40, 3))
async def test_a_kill_at_any_moment_asks_the_same_again(world: Any, caller: Any, tick: int) -> None:
    async with world(caller(bridges=[ANSWERED]), kill_at={tick: "executor"}) as here:
        here.carrier_legs = LegAuthorized("flat_rate")
        await _world(here)
        noted = await _noted(here)
        assert len(noted) == 1 and noted[0]["Account-Billing"] == "flat_rate"
        assert len({repr(one) for one in here.asked if isinstance(one, AuthorizeLeg)}) == 1


async def _from_outside(here: Any, **more: Any) -> None:
    """A call that a carrier brought to a number of the account's."""
    await _world(here)
    here.rename(caller_id_number="14155550199")
    here.ccvs = {"Account-ID": here.account_id, "Inception": "4155550100@carrier.example", **more}
    await here.flow_of({"module": "response", "data": {"code": 486}}, _rev=(await here.get(here.flow))["_rev"])


async def test_a_call_from_outside_is_asked_about_and_noted_on_its_leg(world: Any, caller: Any) -> None:
    async with world(caller()) as here:
        here.carrier_legs = LegAuthorized("allotment", allotment="inbound_did_us")
        await _from_outside(here)
        log = await here.call()
        [asked] = here.asked
        assert (asked.direction, asked.number, asked.classification) == ("inbound", "+14155550199", "did_us")
        [noted] = [command for _, command in log.commands if isinstance(command, Set)]
        assert noted.custom_channel_vars["Account-Billing"] == "allotment"
        assert noted.custom_channel_vars["Account-Allotment"] == "inbound_did_us"
        assert [command.response_code for _, command in log.commands if hasattr(command, "response_code")] == [486]


async def test_a_call_from_outside_that_no_trunk_takes_is_busy(world: Any, caller: Any) -> None:
    async with world(caller()) as here:
        here.carrier_legs = LegBarred("no trunk and no credit")
        await _from_outside(here)
        log = await here.call()
        assert log.hangups == ["USER_BUSY"]


@pytest.mark.parametrize("known", [{"Authorizing-ID": "phone"}, {LOOPED_ACCOUNT: "another"}, {"Inception": ""}])
async def test_calls_of_phones_and_between_accounts_use_no_trunk_to_come_in(
    world: Any, caller: Any, known: dict[str, str]
) -> None:
    async with world(caller()) as here:
        await _from_outside(here, **known)
        await here.call()
        assert here.asked == []


@pytest.mark.parametrize("tick", range(0, 20, 3))
async def test_a_kill_at_any_moment_of_a_call_from_outside_asks_the_same_again(
    world: Any, caller: Any, tick: int
) -> None:
    async with world(caller(), kill_at={tick: "executor"}) as here:
        here.carrier_legs = LegAuthorized("flat_rate")
        await _from_outside(here)
        log = await here.call()
        assert len({repr(one) for one in here.asked}) == 1
        assert [command.response_code for _, command in log.commands if hasattr(command, "response_code")] == [486]
