"""Dialling and joining: who rings, who wins, how it ends and what the caller's variables say."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from mirliton.ecallmgr.simulator import (
    BUSY,
    MANUAL,
    NO_ANSWER,
    RemoteCall,
    SimulatedSwitch,
    SimulatorClient,
    answer,
    early_media,
    hang_up,
    reject,
    ring,
)

AClient = Callable[..., Awaitable[SimulatorClient]]
ANSWERS = (ring(), answer(after=1.0))
QUICK = (ring(), answer(after=0.2))
SLOW = (ring(), answer(after=5.0))


@pytest.fixture
async def caller(switch: SimulatedSwitch) -> RemoteCall:
    """A parked call."""
    return await switch.place_call("1000", "2000", name="Ann")


async def bridge(client: SimulatorClient, call: RemoteCall, target: str, **variables: str) -> None:
    """Send a bridge command; it is under way, not done."""
    for name, value in variables.items():
        await client.execute(call.uuid, "set", f"{name}={value}")
    await client.execute(call.uuid, "bridge", target, event_uuid="bridge")


def parked(number: str) -> Callable[[dict[str, Any]], bool]:
    """A test for the event that a leg is parked at an extension."""
    return lambda event: event["Event-Name"] == "CHANNEL_PARK" and event["Caller-Destination-Number"] == number


async def done(client: SimulatorClient, uuid: str = "bridge") -> dict[str, Any]:
    """The end of the command `uuid`."""
    return await client.event(
        lambda event: event["Event-Name"] == "CHANNEL_EXECUTE_COMPLETE" and event["Application-UUID"] == uuid
    )


async def test_two_phones_talk_until_one_hangs_up(
    switch: SimulatedSwitch, client: SimulatorClient, caller: RemoteCall
) -> None:
    phone = switch.phone("1001", script=ANSWERS)
    await bridge(client, caller, "user/1001", park_after_bridge="true")
    bridged = await client.event("CHANNEL_BRIDGE")
    partner = await caller.wait_bridged()
    assert partner is await phone.next_call()
    assert (bridged["Bridge-A-Unique-ID"], bridged["Bridge-B-Unique-ID"]) == (caller.uuid, partner.uuid)
    partner.hang_up()
    event = await done(client)
    assert event["variable_bridge_hangup_cause"] == "NORMAL_CLEARING"
    assert event["variable_originate_disposition"] == "SUCCESS"
    assert await partner.wait_ended() == "NORMAL_CLEARING"
    again = await client.event("CHANNEL_PARK")
    assert (again["Channel-State"], again["Unique-ID"]) == ("CS_PARK", caller.uuid)


async def test_digits_pressed_in_a_bridge_reach_the_other_phone(
    switch: SimulatedSwitch, client: SimulatorClient, caller: RemoteCall
) -> None:
    switch.phone("1001", script=QUICK)
    await bridge(client, caller, "user/1001")
    partner = await caller.wait_bridged()
    await caller.dial("12")
    assert (partner.digits_heard, caller.digits_heard) == ("12", "")
    await client.event(lambda event: event.get("DTMF-Digit") == "2")


async def test_the_first_to_answer_wins_and_the_others_lose_the_race(
    switch: SimulatedSwitch, client: SimulatorClient, caller: RemoteCall
) -> None:
    slow, quick, busy = (switch.phone(user, script=script) for user, script in (("1", SLOW), ("2", QUICK), ("3", BUSY)))
    await bridge(client, caller, "user/1,user/2,user/3")
    partner = await caller.wait_bridged()
    assert partner is await quick.next_call()
    assert await (await slow.next_call()).wait_ended() == "LOSE_RACE"
    assert await (await busy.next_call()).wait_ended() == "USER_BUSY"
    causes = caller.leg.variables()["originate_causes"]
    assert [text.split(";")[1] for text in causes] == ["LOSE_RACE", "NONE", "USER_BUSY"]


async def test_phones_after_a_bar_ring_when_those_before_it_failed(
    switch: SimulatedSwitch, client: SimulatorClient, caller: RemoteCall
) -> None:
    switch.phone("1", script=BUSY)
    second = switch.phone("2", script=QUICK)
    await bridge(client, caller, "user/1|user/2")
    assert await caller.wait_bridged() is await second.next_call()


async def test_branches_run_beside_each_other(
    switch: SimulatedSwitch, client: SimulatorClient, caller: RemoteCall
) -> None:
    for user, script in (("1", BUSY), ("2", QUICK), ("3", SLOW)):
        switch.phone(user, script=script)
    await bridge(client, caller, "user/1|user/2:_:user/3")
    partner = await caller.wait_bridged()
    assert partner.phone is switch.phones.get("2", "")
    lost = await switch.phones.require("3", "").next_call()
    assert await lost.wait_ended() == "LOSE_RACE"


@pytest.mark.parametrize("target", ["user/1:_:user/2", "user/1", "user/1,user/2"])
async def test_a_winner_that_is_gone_at_once_does_not_hold_the_caller(
    target: str, switch: SimulatedSwitch, client: SimulatorClient, caller: RemoteCall
) -> None:
    switch.phone("1", script=(answer(), hang_up()))
    switch.phone("2", script=BUSY)
    await bridge(client, caller, target)
    assert (await done(client))["Application"] == "bridge"


async def test_branches_that_all_fail_leave_a_cause(
    switch: SimulatedSwitch, client: SimulatorClient, caller: RemoteCall
) -> None:
    await bridge(client, caller, "error/user_busy:_:error/no_answer", continue_on_fail="true")
    assert (await done(client))["variable_originate_disposition"] in ("USER_BUSY", "NO_ANSWER")


@pytest.mark.parametrize(
    ("target", "cause", "status"),
    [
        ("[leg_timeout=3]user/silent", "ALLOTTED_TIMEOUT", "ALLOTTED_TIMEOUT"),
        ("{originate_timeout=3}user/silent", "NO_ANSWER", "NOANSWER"),
        ("{call_timeout=3}user/silent|user/busy", "NO_ANSWER", "NOANSWER"),
        ("user/busy", "USER_BUSY", "BUSY"),
        ("user/rejects", "CALL_REJECTED", "CALL_REJECTED"),
        ("user/nobody", "SUBSCRIBER_ABSENT", "SUBSCRIBER_ABSENT"),
        ("user/away", "USER_NOT_REGISTERED", "USER_NOT_REGISTERED"),
        ("${sofia_contact(*/away@fs1.local)}", "USER_NOT_REGISTERED", "USER_NOT_REGISTERED"),
        ("error/user_busy", "USER_BUSY", "BUSY"),
        ("sofia/internal/x@nowhere:5099", "NORMAL_TEMPORARY_FAILURE", "NORMAL_TEMPORARY_FAILURE"),
        ("sofia/gateway/carrier/123", "NORMAL_TEMPORARY_FAILURE", "NORMAL_TEMPORARY_FAILURE"),
        ("tapestry/x", "CHAN_NOT_IMPLEMENTED", "CHAN_NOT_IMPLEMENTED"),
        ("[unclosed", "DESTINATION_OUT_OF_ORDER", "DESTINATION_OUT_OF_ORDER"),
    ],
)
async def test_a_failed_bridge_says_why(
    target: str, cause: str, status: str, switch: SimulatedSwitch, client: SimulatorClient, caller: RemoteCall
) -> None:
    switch.phone("silent", script=NO_ANSWER)
    switch.phone("busy", script=BUSY)
    switch.phone("rejects", script=(reject(603),))
    switch.phone("away", register=False)
    await bridge(client, caller, target, continue_on_fail="true")
    event = await done(client)
    assert (event["variable_originate_disposition"], event["variable_DIALSTATUS"]) == (cause, status)
    assert event["variable_originate_failed_cause"] == cause
    assert not caller.ended


async def test_without_continue_on_fail_the_call_ends_with_the_cause(
    switch: SimulatedSwitch, client: SimulatorClient, caller: RemoteCall
) -> None:
    await bridge(client, caller, "error/user_busy")
    assert await caller.wait_ended() == "USER_BUSY"


async def test_continue_on_fail_may_name_the_causes(
    switch: SimulatedSwitch, client: SimulatorClient, caller: RemoteCall
) -> None:
    await bridge(client, caller, "error/user_busy", continue_on_fail="USER_BUSY,NO_ANSWER")
    await done(client)
    assert not caller.ended
    await bridge(client, caller, "error/call_rejected")
    assert await caller.wait_ended() == "CALL_REJECTED"


async def test_a_caller_that_cancels_cancels_what_rings(
    switch: SimulatedSwitch, client: SimulatorClient, caller: RemoteCall
) -> None:
    phone = switch.phone("1001", script=NO_ANSWER)
    await bridge(client, caller, "user/1001")
    called = await phone.next_call()
    caller.cancel()
    assert await called.wait_ended() == await caller.wait_ended() == "ORIGINATOR_CANCEL"
    assert called.leg.get("sip_hangup_disposition") == "send_cancel"


async def test_hangup_after_bridge_ends_the_caller_with_the_callees_cause(
    switch: SimulatedSwitch, client: SimulatorClient, caller: RemoteCall
) -> None:
    switch.phone("1001", script=QUICK)
    await bridge(client, caller, "user/1001", hangup_after_bridge="true")
    (await caller.wait_bridged()).hang_up()
    assert await caller.wait_ended() == "NORMAL_CLEARING"


async def test_early_media_joins_at_once_unless_it_is_ignored(
    switch: SimulatedSwitch, client: SimulatorClient, caller: RemoteCall
) -> None:
    switch.phone("1001", script=(early_media(), answer(after=2.0)))
    await bridge(client, caller, "user/1001", park_after_bridge="true")
    joined = await client.event("CHANNEL_BRIDGE")
    assert joined["Answer-State"] == "early"
    answered = await client.event(
        lambda event: event["Event-Name"] == "CHANNEL_ANSWER" and event["Unique-ID"] == caller.uuid
    )
    assert answered["Other-Leg-Unique-ID"] == joined["Bridge-B-Unique-ID"]
    (await caller.wait_bridged()).hang_up()
    await done(client)
    await client.execute(caller.uuid, "bridge", "{ignore_early_media=true}user/1001")
    assert (await client.event("CHANNEL_BRIDGE"))["Answer-State"] == "answered"


async def test_ringback_is_early_media_for_the_caller(
    switch: SimulatedSwitch, client: SimulatorClient, caller: RemoteCall
) -> None:
    switch.phone("1001", script=NO_ANSWER)
    await bridge(client, caller, "{ringback=%(2000\\,4000\\,440\\,480)}user/1001")
    await client.event(
        lambda event: event["Event-Name"] == "CHANNEL_PROGRESS_MEDIA" and event["Unique-ID"] == caller.uuid
    )


async def test_a_delayed_leg_rings_later_and_not_at_all_when_another_answers(
    switch: SimulatedSwitch, client: SimulatorClient, caller: RemoteCall
) -> None:
    late = switch.phone("late", script=NO_ANSWER)
    switch.phone("1001", script=(ring(), answer(after=1.0)))
    await bridge(client, caller, "user/1001,[leg_delay_start=30]user/late")
    await caller.wait_bridged()
    await client.event(lambda event: event["Event-Name"] == "CHANNEL_DESTROY" and event["Hangup-Cause"] == "LOSE_RACE")
    assert not late._arrived


async def test_caller_ids_and_variables_reach_the_called_leg(
    switch: SimulatedSwitch, client: SimulatorClient, caller: RemoteCall
) -> None:
    phone = switch.phone("1001", script=MANUAL)
    await client.execute(caller.uuid, "export", "ecallmgr_Account-ID=acc")
    await client.execute(caller.uuid, "set", "effective_caller_id_name=Shown")
    await bridge(client, caller, "{origination_caller_id_number=555,a=1}[origination_uuid=mine,a=2]user/1001")
    called = await phone.next_call()
    assert called.uuid == "mine"
    assert (called.leg.get("a"), called.leg.get("ecallmgr_Account-ID")) == ("2", "acc")
    assert called.leg.profile.get("Caller-ID-Number") == "555"
    assert called.leg.profile.get("Caller-ID-Name") == "Shown"


async def test_uuid_bridge_joins_two_parked_calls(switch: SimulatedSwitch, client: SimulatorClient) -> None:
    first, second = await switch.place_call("1", "2000"), await switch.place_call("2", "2000")
    await client.api(f"uuid_answer {first.uuid}")
    await client.api(f"uuid_answer {second.uuid}")
    assert await client.api(f"uuid_bridge {first.uuid} {second.uuid}") == f"+OK {second.uuid}\n"
    assert await first.wait_bridged() is second
    second.hang_up()
    assert await first.wait_ended() == "NORMAL_CLEARING"


async def test_one_leg_of_a_uuid_bridge_sent_elsewhere_does_not_hang_the_other(
    switch: SimulatedSwitch, client: SimulatorClient
) -> None:
    first, second = await switch.place_call("1", "2000"), await switch.place_call("2", "2000")
    await client.api(f"uuid_answer {first.uuid}")
    client.send(f"api uuid_bridge {first.uuid} {second.uuid}\n\napi uuid_transfer {second.uuid} 3000")
    assert await first.wait_ended() == "NORMAL_CLEARING"
    assert not second.ended


async def test_transferring_both_legs_parks_both(
    switch: SimulatedSwitch, client: SimulatorClient, caller: RemoteCall
) -> None:
    switch.phone("1001", script=QUICK)
    await bridge(client, caller, "user/1001")
    partner = await caller.wait_bridged()
    assert await client.api(f"uuid_transfer {caller.uuid} -both 3000") == "+OK\n"
    assert {(await client.event(parked("3000")))["Unique-ID"] for _ in range(2)} == {caller.uuid, partner.uuid}


async def test_transferring_one_leg_ends_the_other(
    switch: SimulatedSwitch, client: SimulatorClient, caller: RemoteCall
) -> None:
    switch.phone("1001", script=QUICK)
    await bridge(client, caller, "user/1001")
    partner = await caller.wait_bridged()
    assert await client.api(f"uuid_transfer {caller.uuid} 3000 XML default") == "+OK\n"
    assert (await client.event(parked("3000")))["Unique-ID"] == caller.uuid
    assert await partner.wait_ended() == "NORMAL_CLEARING"


async def test_a_loopback_pair_joins_two_dialplans(
    switch: SimulatedSwitch, client: SimulatorClient, caller: RemoteCall
) -> None:
    await bridge(client, caller, "loopback/3000/default")
    executing = await client.event(parked("3000"))
    await client.execute(str(executing["Unique-ID"]), "answer")
    await client.event("CHANNEL_BRIDGE")
    await client.api(f"uuid_kill {executing['Unique-ID']}")
    await done(client)
    assert caller.answered and not caller.ended


async def test_originate_without_a_caller(switch: SimulatedSwitch, client: SimulatorClient) -> None:
    switch.phone("1001", script=QUICK)
    assert (await client.api("originate {origination_uuid=mine}user/1001 &park()")) == "+OK mine\n"
    assert (await client.event("CHANNEL_PARK"))["Unique-ID"] == "mine"
    assert (await client.api("originate error/user_busy &park()")) == "-ERR USER_BUSY\n"
    assert (await client.api("originate null/x 3000 XML default Ann 555 9")).startswith("+OK ")
    await client.event(parked("3000"))
    assert (await client.api("originate user/1001")).startswith("-USAGE")
