"""Faults on demand, as a controller meets them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest

from mirliton.ecallmgr.simulator import ClientError, Late, SimulatedSwitch, SimulatorClient
from mirliton.ecallmgr.simulator.clock import sleep

AClient = Callable[..., Awaitable[SimulatorClient]]


async def test_dropped_connections_leave_the_calls_alone(switch: SimulatedSwitch, a_client: AClient) -> None:
    events, commands = await a_client(switch, "all"), await a_client(switch)
    call = await switch.place_call("1000", "2000")
    assert switch.faults.drop("events") == 1
    await events.until_closed()
    assert events.notices == []
    assert await commands.api(f"uuid_exists {call.uuid}") == "true"
    assert switch.faults.drop("commands", with_notice=True) == 1
    await commands.until_closed()
    assert len(commands.notices) == 1


async def test_a_stalled_switch_accepts_and_says_nothing_until_it_recovers(
    switch: SimulatedSwitch, a_client: AClient
) -> None:
    client = await a_client(switch, "CHANNEL_PARK")
    assert switch.faults.stall() == 1
    late = SimulatorClient("127.0.0.1", switch.port, switch.password)
    await late.connect()
    with pytest.raises(Late, match="the greeting"):
        await late.login(within=0.05)
    client.send("api create_uuid")
    await switch.place_call("1000", "2000")
    with pytest.raises(Late):
        await client.answer(within=0.05)
    assert not client.events
    await switch.faults.clear()
    await client.answer()
    await client.event("CHANNEL_PARK")
    await late.close()


async def test_refused_connections(switch: SimulatedSwitch, a_client: AClient) -> None:
    client = await a_client(switch)
    switch.faults.refuse_connections()
    with pytest.raises(ClientError, match="cannot connect"):
        await a_client(switch)
    assert (await client.api("status")).startswith("UP")
    await switch.faults.clear()
    await a_client(switch)


async def test_rude_rejection(switch: SimulatedSwitch) -> None:
    switch.faults.refuse_connections(rude=True)
    client = SimulatorClient("127.0.0.1", switch.port, switch.password)
    await client.connect()
    await client.until_closed()
    assert client.notices[0] == "Access Denied, go away.\n"
    assert len(client.notices) == 2


async def test_refused_passwords(switch: SimulatedSwitch, a_client: AClient) -> None:
    switch.faults.refuse_auth()
    with pytest.raises(ClientError, match="login refused"):
        await a_client(switch)


async def test_answers_that_come_twice_late_or_never(switch: SimulatedSwitch, client: SimulatorClient) -> None:
    switch.faults.answer_twice()
    assert await client.api("create_uuid") == (await client.answer())[1].decode()
    switch.faults.delay_answers(10.0)
    started = switch.clock.now()
    await client.api("create_uuid")
    assert switch.clock.now() - started >= 10.0
    switch.faults.never_answer()
    client.send("api strepoch")
    assert len(await client.api("create_uuid")) == 36
    with pytest.raises(Late):
        await client.answer(within=0.05)


async def test_a_command_that_is_never_answered_is_done_all_the_same(
    switch: SimulatedSwitch, client: SimulatorClient
) -> None:
    call = await switch.place_call("1000", "2000")
    switch.faults.never_answer()
    client.send(f"api uuid_kill {call.uuid}")
    assert await call.wait_ended() == "NORMAL_CLEARING"


async def test_lost_events_leave_a_gap_in_the_numbers(switch: SimulatedSwitch, client: SimulatorClient) -> None:
    first = await switch.place_call("1000", "2000")
    await client.event("CHANNEL_PARK")
    switch.faults.lose_events(3)
    for name in ("lost", "lost", "lost", "heard"):
        switch.bus.fire("CUSTOM", {"what": name}, subclass="a::b")
    event = await client.event("CUSTOM")
    assert event["what"] == "heard"
    assert not first.ended


async def test_broken_frames(switch: SimulatedSwitch) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", switch.port)
    writer.write(b"auth ClueCon\n\nevent json HEARTBEAT\n\n")
    for _ in range(3):
        await asyncio.wait_for(reader.readuntil(b"\n\n"), 5)
    assert switch.faults.send_garbage() == 1
    assert b"Not a header" in await asyncio.wait_for(reader.readuntil(b"minus one\n\n"), 5)
    assert switch.faults.send_oversized(2_000_000_000) == 1
    assert b"Content-Length: 2000000000" in await asyncio.wait_for(reader.readuntil(b"\n\n"), 5)
    assert switch.faults.send_oversized(100_000, whole=True) == 1
    head = await asyncio.wait_for(reader.readuntil(b"\n\n"), 5)
    size = int(head.partition(b"Content-Length: ")[2].partition(b"\n")[0])
    assert size == 100_000
    assert json.loads(await asyncio.wait_for(reader.readexactly(size), 5))["Event-Name"] == "CUSTOM"
    assert switch.faults.send_truncated() == 1
    rest = await asyncio.wait_for(reader.read(), 5)
    assert b"CHANNEL_" in rest and len(rest) < 400
    writer.close()


async def test_a_restart_loses_every_call_without_a_word(switch: SimulatedSwitch, a_client: AClient) -> None:
    client = await a_client(switch, "all")
    phone = switch.phone("1001")
    calls = [await switch.place_call("1000", "2000") for _ in range(3)]
    await client.event("CHANNEL_PARK")
    before = switch.core_uuid
    await switch.faults.restart(down_for=1.0)
    await client.until_closed()
    assert all(call.gone for call in calls)
    assert not [event for event in client.events if "HANGUP" in str(event["Event-Name"])]
    again = await a_client(switch, "all")
    assert await again.api("show channels count") == "\n0 total.\n"
    assert switch.core_uuid != before
    assert switch.registrations.of("1001", phone.realm)
    await switch.place_call("1000", "2000")
    event = await again.event("CHANNEL_CREATE")
    assert event["Core-UUID"] == switch.core_uuid


async def test_a_restart_ends_recordings_in_silence(switch: SimulatedSwitch, a_client: AClient) -> None:
    call = await switch.place_call("1000", "2000")
    client = await a_client(switch)
    assert await client.api(f"uuid_record {call.uuid} start /x/a.wav 5") == "+OK Success\n"
    await switch.faults.restart()
    again = await a_client(switch, "all")
    await sleep(switch.clock, 6)
    await again.api("status")
    assert [event["Event-Name"] for event in again.events] == ["API"]


async def test_a_restart_may_forget_the_registrations(switch: SimulatedSwitch) -> None:
    switch.phone("1001")
    await switch.faults.restart(keep_registrations=False)
    assert switch.registrations.all() == []


async def test_an_orderly_shutdown_tells_of_every_end(switch: SimulatedSwitch, a_client: AClient) -> None:
    client = await a_client(switch, "all")
    call = await switch.place_call("1000", "2000")
    await client.event("CHANNEL_PARK")
    await switch.faults.shut_down()
    await client.until_closed()
    names = [event["Event-Name"] for event in client.events]
    assert names.index("SHUTDOWN") < names.index("CHANNEL_HANGUP_COMPLETE") < names.index("CHANNEL_DESTROY")
    assert client.notices == ["The system is being shut down.\n"]
    assert await call.wait_ended() == "SYSTEM_SHUTDOWN"
