"""Phones: registrations, scripts, calls they place."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from mirliton.ecallmgr.simulator import (
    BUSY,
    BadScript,
    Dialplan,
    Late,
    SimulatedSwitch,
    SimulatorClient,
    answer,
    await_answer,
    await_bridge,
    cancel,
    hang_up,
    read_script,
    refer,
    ring,
)
from mirliton.ecallmgr.simulator.scripts import USUAL, Step

ASwitch = Callable[..., Awaitable[SimulatedSwitch]]
AClient = Callable[..., Awaitable[SimulatorClient]]


async def test_a_phone_registers_is_found_and_unregisters(switch: SimulatedSwitch, client: SimulatorClient) -> None:
    phone = switch.phone("1001", "demo.local", contact="10.0.0.7:5070", variables={"ecallmgr_Account-ID": "acc"})
    event = await client.event(lambda event: event.get("Event-Subclass") == "sofia::register")
    assert (event["username"], event["realm"], event["ecallmgr_Account-ID"]) == ("1001", "demo.local", "acc")
    assert await client.api("sofia_contact */1001@demo.local") == "sofia/internal/sip:1001@10.0.0.7:5070"
    assert "1001@demo.local" in await client.api("sofia xmlstatus profile internal reg")
    assert '"reg_user":"1001"' in await client.api("show registrations as json")
    switch.registrations.unregister(phone)
    await client.event(lambda event: event.get("Event-Subclass") == "sofia::unregister")
    assert await client.api("sofia_contact 1001@demo.local") == "error/user_not_registered"


async def test_a_registration_expires(switch: SimulatedSwitch, client: SimulatorClient) -> None:
    phone = switch.phone("1001", register=False)
    switch.registrations.register(phone, expires=1)
    event = await client.event(lambda event: event.get("Event-Subclass") == "sofia::expire", within=10)
    assert event["user"] == "1001"
    assert switch.registrations.all() == []


async def test_a_wrong_password_does_not_register(switch: SimulatedSwitch, client: SimulatorClient) -> None:
    phone = switch.phone("1001", register=False)
    assert not switch.registrations.register(phone, password_ok=False)
    await client.event(lambda event: event.get("Event-Subclass") == "sofia::register_failure")
    assert switch.registrations.all() == []


async def test_each_next_script_is_used_once(switch: SimulatedSwitch, client: SimulatorClient) -> None:
    phone = switch.phone("1001", script=(answer(),)).next(BUSY)
    assert await client.api("originate user/1001 &park()") == "-ERR USER_BUSY\n"
    assert (await client.api("originate user/1001 &park()")).startswith("+OK ")
    assert [(await phone.next_call()).cause, (await phone.next_call()).cause] == ["USER_BUSY", ""]


async def test_a_wildcard_phone_takes_every_number_of_a_carrier(
    switch: SimulatedSwitch, client: SimulatorClient
) -> None:
    carrier = switch.phone("*", "carrier", script=(answer(),), register=False)
    assert (await client.api("originate sofia/gateway/carrier/+331234 &park()")).startswith("+OK ")
    assert (await carrier.next_call()).leg.name == "sofia/external/+331234@carrier"


async def test_a_caller_brings_its_directory_variables_and_headers(
    switch: SimulatedSwitch, client: SimulatorClient
) -> None:
    switch.phone("1000", variables={"ecallmgr_Account-ID": "acc"}, contact="10.0.0.9:5080")
    await switch.place_call("1000", "2000", name="Ann B", headers={"X-Token": "t"}, variables={"extra": "1"})
    event = await client.event("CHANNEL_CREATE")
    assert (event["Caller-Caller-ID-Name"], event["Caller-Network-Addr"]) == ("Ann B", "10.0.0.9")
    assert (event["variable_ecallmgr_Account-ID"], event["variable_sip_h_X-Token"]) == ("acc", "t")
    assert event["variable_extra"] == "1"


async def test_a_scripted_call_from_end_to_end(a_switch: ASwitch, a_client: AClient) -> None:
    switch = await a_switch(dialplan=Dialplan({"2000": [("bridge", "user/1001")]}))
    switch.phone("1001", script=(ring(after=0.5), answer(after=1.0)))
    client = await a_client(switch, "CHANNEL_HANGUP_COMPLETE")
    call = await switch.place_call("1000", "2000", script=(await_answer(), await_bridge(), hang_up(after=4.0)))
    assert await call.wait_ended() == "NORMAL_CLEARING"
    ends: dict[str, dict[str, Any]] = {}
    for _ in range(2):
        event = await client.event("CHANNEL_HANGUP_COMPLETE")
        ends[str(event["Call-Direction"])] = event
    assert ends["inbound"]["variable_sip_hangup_disposition"] == "recv_bye"
    assert ends["outbound"]["variable_sip_hangup_disposition"] == "send_bye"
    assert 3 <= int(ends["inbound"]["variable_billsec"]) <= 8
    assert int(ends["inbound"]["variable_duration"]) >= int(ends["inbound"]["variable_billsec"]) + 1


async def test_a_caller_may_give_up(switch: SimulatedSwitch) -> None:
    call = await switch.place_call("1000", "2000", script=(cancel(after=1.0),))
    assert await call.wait_ended() == "ORIGINATOR_CANCEL"
    assert call.leg.get("sip_term_status") == "487"


async def test_a_refer_sends_the_other_party_on(a_switch: ASwitch, a_client: AClient) -> None:
    switch = await a_switch()
    client = await a_client(switch, "CHANNEL_PARK")
    switch.phone("1001", script=(answer(), await_bridge(), refer("3000", after=1.0), hang_up(after=0.5)))
    call = await switch.place_call("1000", "2000")
    await client.event("CHANNEL_PARK")
    await client.execute(call.uuid, "bridge", "user/1001")
    parked = await client.event("CHANNEL_PARK")
    assert (parked["Unique-ID"], parked["Caller-Destination-Number"]) == (call.uuid, "3000")


async def test_waits_say_what_did_not_happen(switch: SimulatedSwitch) -> None:
    phone = switch.phone("1001")
    with pytest.raises(Late, match=r"a call to 1001@fs1\.local did not happen within 0.01 s"):
        await phone.next_call(within=0.01)
    call = await switch.place_call("1000", "2000", script=(cancel(after=0.5),))
    with pytest.raises(Late, match=r"an answer .* before its end with ORIGINATOR_CANCEL"):
        await call.wait_answered()


def test_scripts_can_be_written_as_json() -> None:
    steps = [{"do": "ring"}, {"do": "answer", "after": 2}, {"do": "digits", "text": "1#", "via": "info", "gap": 0.5}]
    assert read_script(steps) == (
        Step("ring"),
        Step("answer", 2.0),
        Step("digits", text="1#", via="info", gap=0.5),
    )
    assert read_script("busy") is USUAL["busy"]


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("bsy", r"script is 'bsy'; expected one of answer, busy"),
        ({"do": "ring"}, "expected a list of at most"),
        (["ring"], r"script\[0\] is 'ring'; expected an object"),
        ([{"do": "rign"}], r"script\[0\]\.do is 'rign'; expected one of ring"),
        ([{"do": "ring", "afer": 1}], "no such key"),
        ([{"do": "ring", "after": -1}], r"script\[0\]\.after is -1; expected seconds"),
        ([{"do": "ring", "after": "1"}], "expected seconds"),
        ([{"do": "reject", "status": 200}], "a SIP status from 300 to 699"),
        ([{"do": "digits", "text": 1}], "expected text"),
        ([{"do": "digits", "via": "smoke"}], "rtp or info"),
    ],
)
def test_a_wrong_script_is_refused_saying_where(script: object, complaint: str) -> None:
    with pytest.raises(BadScript, match=complaint):
        read_script(script)
