"""Taking over and listening to legs, as FreeSWITCH's documentation and the captures have it."""

from __future__ import annotations

from typing import Any

import pytest

from mirliton.ecallmgr.simulator import RemoteCall, SimulatedSwitch, SimulatorClient, answer, ring

RINGS = (ring(), answer(after=60.0))
ANSWERS = (ring(), answer(after=0.2))


async def _done(client: SimulatorClient, uuid: str) -> dict[str, Any]:
    return await client.event(
        lambda event: event["Event-Name"] == "CHANNEL_EXECUTE_COMPLETE" and event["Application-UUID"] == uuid
    )


async def _bridged(client: SimulatorClient, one: str, other: str) -> None:
    await client.event(
        lambda event: (
            event["Event-Name"] == "CHANNEL_BRIDGE"
            and {event["Bridge-A-Unique-ID"], event["Bridge-B-Unique-ID"]} == {one, other}
        )
    )


@pytest.fixture
async def caller(switch: SimulatedSwitch) -> RemoteCall:
    """Whose call is picked up."""
    return await switch.place_call("1000", "2000", name="Ann")


@pytest.fixture
async def third(switch: SimulatedSwitch) -> RemoteCall:
    """Who picks it up."""
    return await switch.place_call("1003", "*8", name="Cleo")


async def _rung(switch: SimulatedSwitch, client: SimulatorClient, caller: RemoteCall, script: Any) -> str:
    """A phone that the caller's leg rings: its leg's id."""
    switch.phone("1001", script=script)
    await client.execute(caller.uuid, "bridge", "user/1001", event_uuid="bridge")
    outbound = await client.event(
        lambda event: event["Event-Name"] == "CHANNEL_CREATE" and event["Call-Direction"] == "outbound"
    )
    return str(outbound["Unique-ID"])


async def test_the_caller_of_a_ringing_phone_is_picked_up(
    switch: SimulatedSwitch, client: SimulatorClient, caller: RemoteCall, third: RemoteCall
) -> None:
    rung = await _rung(switch, client, caller, RINGS)
    await client.event("CHANNEL_PROGRESS")
    await client.execute(third.uuid, "intercept", f"-bleg {rung}", event_uuid="pickup")
    told = await _done(client, "pickup")
    assert told["variable_uuid_bridge"] == caller.uuid
    assert (await _done(client, "bridge"))["variable_signal_bond"] == third.uuid
    ended = await client.event(
        lambda event: event["Event-Name"] == "CHANNEL_HANGUP_COMPLETE" and event["Unique-ID"] == rung
    )
    assert ended["Hangup-Cause"] == "ORIGINATOR_CANCEL"
    await _bridged(client, caller.uuid, third.uuid)


@pytest.mark.parametrize("wish", ["intercept_unbridged_only", "intercept_unanswered_only"])
async def test_a_call_that_is_not_as_wished_is_left_alone(
    switch: SimulatedSwitch, client: SimulatorClient, caller: RemoteCall, third: RemoteCall, wish: str
) -> None:
    rung = await _rung(switch, client, caller, ANSWERS)
    await _bridged(client, caller.uuid, rung)
    await client.execute(third.uuid, "set", f"{wish}=true")
    await client.execute(third.uuid, "intercept", f"-bleg {rung}", event_uuid="pickup")
    assert "variable_uuid_bridge" not in await _done(client, "pickup")
    assert switch.legs[caller.uuid].bridge is not None


@pytest.mark.parametrize("target", ["", "gone", "-bleg gone"])
@pytest.mark.parametrize("application", ["intercept", "eavesdrop"])
async def test_a_leg_that_is_not_there_is_neither_taken_nor_heard(
    switch: SimulatedSwitch, client: SimulatorClient, third: RemoteCall, application: str, target: str
) -> None:
    await client.execute(third.uuid, application, target, event_uuid="it")
    assert "variable_uuid_bridge" not in await _done(client, "it")
    assert switch.legs[third.uuid].executor.ready


async def test_listening_goes_on_until_the_other_leg_ends(
    switch: SimulatedSwitch, client: SimulatorClient, caller: RemoteCall, third: RemoteCall
) -> None:
    await client.execute(third.uuid, "eavesdrop", caller.uuid, event_uuid="ears")
    await client.event(lambda event: event["Event-Name"] == "CHANNEL_ANSWER" and event["Unique-ID"] == third.uuid)
    assert switch.legs[third.uuid].get("current_application") == "eavesdrop"
    await client.api(f"uuid_kill {caller.uuid}")
    await _done(client, "ears")
    assert switch.legs[third.uuid].executor.ready
