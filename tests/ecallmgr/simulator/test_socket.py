"""The event socket: logging in, subscribing, the order and form of what comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from mirliton.ecallmgr.simulator import ClientError, PortInUse, SimulatedSwitch, SimulatorClient

ASwitch = Callable[..., Awaitable[SimulatedSwitch]]
AClient = Callable[..., Awaitable[SimulatorClient]]


async def test_a_wrong_password_is_refused_with_a_notice(switch: SimulatedSwitch) -> None:
    client = SimulatorClient("127.0.0.1", switch.port, "wrong")
    await client.connect()
    with pytest.raises(ClientError, match="-ERR invalid"):
        await client.login()
    await client.until_closed()
    assert client.notices == ["Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n"]


async def test_nothing_works_before_the_login(switch: SimulatedSwitch) -> None:
    client = SimulatorClient("127.0.0.1", switch.port, switch.password)
    await client.connect()
    assert (await client.command("api status"))[0] == "-ERR command not found"
    await client.login()
    assert (await client.api("status")).startswith("UP ")
    await client.close()


async def test_two_switches_cannot_share_a_port(switch: SimulatedSwitch) -> None:
    with pytest.raises(PortInUse, match=f"127.0.0.1:{switch.port}"):
        await SimulatedSwitch(port=switch.port).start()


async def test_commands_may_arrive_in_pieces_and_in_heaps(switch: SimulatedSwitch) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", switch.port)
    await reader.readuntil(b"\n\n")
    for byte in b"auth ClueCon\n\napi create_uuid\n":
        writer.write(bytes([byte]))
        await writer.drain()
    writer.write(b"\napi strepoch\r\n\r\nexit\n\n")
    answers = await asyncio.wait_for(reader.read(), 5)
    assert answers.count(b"Content-Type: api/response") == 2
    assert answers.index(b"+OK accepted") < answers.index(b"api/response") < answers.index(b"+OK bye")
    writer.close()


async def test_a_command_without_end_closes_the_connection(
    switch: SimulatedSwitch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mirliton.ecallmgr.simulator.frames.MAX_FRAME", 1000)
    reader, writer = await asyncio.open_connection("127.0.0.1", switch.port)
    writer.write(b"x" * 2000)
    await reader.readuntil(b"\n\n")
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()


async def test_bytes_that_are_no_text_come_back_as_they_went(switch: SimulatedSwitch, a_client: AClient) -> None:
    call = await switch.place_call("1000", "2000")
    client = await a_client(switch)
    await client.api(f"uuid_setvar {call.uuid} odd a\udcffb")
    assert await client.api(f"uuid_getvar {call.uuid} odd") == "a\udcffb"
    raw = switch.connect()
    raw.send(b"auth ClueCon\n\nevent json CHANNEL_HANGUP\n\n")
    await client.api(f"uuid_kill {call.uuid}")
    await call.wait_ended()
    assert b'"variable_odd":"a\xffb"' in raw.take()


async def test_only_what_was_asked_for_comes(switch: SimulatedSwitch, a_client: AClient) -> None:
    client = await a_client(switch, "CHANNEL_CREATE CHANNEL_DESTROY CUSTOM kz::yes")
    call = await switch.place_call("1000", "2000")
    await client.event("CHANNEL_CREATE")
    await client.command("sendevent CUSTOM\nEvent-Subclass: kz::no")
    await client.command("sendevent CUSTOM\nEvent-Subclass: kz::yes\nA: b")
    event = await client.event("CUSTOM")
    assert (event["Event-Subclass"], event["A"]) == ("kz::yes", "b")
    call.cancel()
    event = await client.event(lambda _event: True)
    assert event["Event-Name"] == "CHANNEL_DESTROY"


async def test_nixed_events_stay_away(switch: SimulatedSwitch, a_client: AClient) -> None:
    client = await a_client(switch, "CHANNEL_CREATE CHANNEL_PARK")
    assert (await client.command("nixevent CHANNEL_CREATE"))[0] == "+OK events nixed"
    await switch.place_call("1000", "2000")
    assert (await client.event(lambda _event: True))["Event-Name"] == "CHANNEL_PARK"
    assert (await client.command("noevents"))[0] == "+OK no longer listening for events"
    assert (await client.command("noevents"))[0] == "-ERR not listening for events"


async def test_filters_are_alternatives_and_can_forbid(switch: SimulatedSwitch, a_client: AClient) -> None:
    client = await a_client(switch, "all")
    for line in ("filter Event-Name CHANNEL_PARK", "filter Event-Name /CREATE$/", "filter Unique-ID -hidden"):
        assert (await client.command(line))[0].startswith("+OK filter added.")
    await switch.place_call("1000", "2000", uuid="hidden")
    await switch.place_call("1000", "2000", uuid="shown")
    for name in ("CHANNEL_CREATE", "CHANNEL_PARK"):
        event = await client.event(lambda _event: True)
        assert (event["Event-Name"], event["Unique-ID"]) == (name, "shown")
    assert (await client.command("filter delete Event-Name"))[0] == "+OK filter deleted. [Event-Name][]"
    assert (await client.command("filter"))[0] == "-ERR invalid syntax"


async def test_an_event_has_the_same_headers_in_every_format(switch: SimulatedSwitch) -> None:
    raw = {form: switch.connect() for form in ("json", "plain", "xml")}
    for form, connection in raw.items():
        connection.send(f"auth ClueCon\n\nevent {form} CUSTOM a::b\n\n".encode())
        connection.take()
    raw["json"].send(b"sendevent CUSTOM\nEvent-Subclass: a::b\nOdd: 50% \xc3\xa9\nContent-Length: 5\n\nhello")
    assert b'"Odd":"50% \xc3\xa9"' in (text := raw["json"].take()) and b'"_body":"hello"' in text
    assert b"\nOdd: 50%25%20%C3%A9\n" in (text := raw["plain"].take())
    assert text.endswith(b"\n\nhello")
    assert b"<Odd>50%25%20%C3%A9</Odd>" in (text := raw["xml"].take()) and b"<body>hello</body>" in text


async def test_an_api_that_takes_long_holds_up_the_events_of_its_connection(
    switch: SimulatedSwitch, a_client: AClient
) -> None:
    busy, other = await a_client(switch, "CHANNEL_PARK"), await a_client(switch, "CHANNEL_PARK")
    busy.send("api msleep 10000")
    await other.api("status")
    await switch.place_call("1000", "2000")
    await other.event("CHANNEL_PARK")
    assert not busy.events
    await busy.answer()
    await busy.event("CHANNEL_PARK")


async def test_a_reader_that_is_too_slow_loses_events_and_then_its_connection(
    switch: SimulatedSwitch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mirliton.ecallmgr.simulator.connection.MAX_EVENTS", 10)
    connection = switch.connect()
    connection.send(b"auth ClueCon\n\nevent json all\n\n")
    connection.pause_writing()
    for _ in range(10 + 500):
        switch.bus.fire("CUSTOM", {}, subclass="a::b")
    assert not connection.closed
    switch.bus.fire("CUSTOM", {}, subclass="a::b")
    assert connection.closed


async def test_background_jobs_are_told_by_the_uuid_that_was_given(client: SimulatorClient) -> None:
    reply, headers = await client.command("bgapi status\nJob-UUID: mine")
    assert (reply, headers["Job-UUID"]) == ("+OK Job-UUID: mine", "mine")
    event = await client.event("BACKGROUND_JOB")
    assert event["Job-UUID"] == "mine" and str(event["_body"]).startswith("UP ")
    assert int(str(event["Content-Length"])) == len(str(event["_body"]))


async def test_heartbeats_come_at_their_interval(a_switch: ASwitch, a_client: AClient) -> None:
    switch = await a_switch(heartbeat=20.0)
    client = await a_client(switch, "HEARTBEAT")
    first, second = await client.event("HEARTBEAT"), await client.event("HEARTBEAT")
    gap = int(str(second["Event-Date-Timestamp"])) - int(str(first["Event-Date-Timestamp"]))
    assert gap >= 20_000_000
    assert first["Core-UUID"] == switch.core_uuid
