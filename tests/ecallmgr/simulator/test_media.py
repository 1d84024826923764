"""Recording, hold and what ends a playback."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web

from mirliton.ecallmgr.simulator import RemoteCall, SimulatedSwitch, SimulatorClient, answer, hold, unhold


@pytest.fixture
async def call(switch: SimulatedSwitch, client: SimulatorClient) -> RemoteCall:
    """An answered, parked call."""
    call = await switch.place_call("1000", "2000")
    await client.execute(call.uuid, "answer")
    await call.wait_answered()
    return call


async def ended(client: SimulatorClient, uuid: str) -> dict[str, Any]:
    """The end of the command `uuid`."""
    return await client.event(
        lambda event: event["Event-Name"] == "CHANNEL_EXECUTE_COMPLETE" and event.get("Application-UUID") == uuid
    )


async def test_a_message_is_recorded_until_a_digit_and_can_be_played_and_fetched(
    switch: SimulatedSwitch, client: SimulatorClient, call: RemoteCall
) -> None:
    await client.execute(call.uuid, "set", "playback_terminators=#")
    await client.execute(call.uuid, "record", "/x/message.wav 60 200 5", event_uuid="record")
    await client.event("RECORD_START")
    await client.api("msleep 3000")
    await call.dial("5#")
    event = await ended(client, "record")
    assert 3 <= int(str(event["variable_record_seconds"])) < 60
    assert event["variable_playback_terminator_used"] == "#"
    await client.execute(call.uuid, "playback", "/x/message.wav", event_uuid="play")
    assert int(str((await ended(client, "play"))["variable_playback_seconds"])) >= 3

    uploads: list[bytes] = []

    async def take(request: web.Request) -> web.Response:
        uploads.append(await request.read())
        return web.Response(status=201)

    app = web.Application()
    app.router.add_put("/store/message.wav", take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    url = f"http://127.0.0.1:{port}/store"
    assert await client.api(f"http_put {{a=b}}{url}/message.wav /x/message.wav") == "+OK\n"
    assert uploads[0].startswith(b"RIFF") and len(uploads[0]) >= 3 * 16000
    assert await client.api(f"http_put {url}/elsewhere /x/message.wav") == "-ERR HTTP status 404\n"
    assert await client.api(f"http_put {url}/message.wav /x/other.wav") == "-ERR No such file\n"
    await runner.cleanup()
    assert (await client.api(f"http_put {url}/message.wav /x/message.wav")).startswith("-ERR Client")


async def test_a_message_ends_at_its_limit(client: SimulatorClient, call: RemoteCall) -> None:
    await client.execute(call.uuid, "record", "/x/m.wav 2", event_uuid="record")
    event = await ended(client, "record")
    assert event["variable_record_seconds"] == "2" and "variable_playback_terminator_used" not in event


async def test_a_call_is_recorded_beside_what_it_does(client: SimulatorClient, call: RemoteCall) -> None:
    assert await client.api(f"uuid_record {call.uuid} start /x/a.wav") == "+OK Success\n"
    assert await client.api(f"uuid_record {call.uuid} start /x/a.wav") == "-ERR Cannot record session!\n"
    await client.execute(call.uuid, "record_session", "/x/b.wav +2")
    assert (await client.event("RECORD_STOP"))["Record-File-Path"] == "/x/b.wav"
    assert await client.api(f"uuid_record {call.uuid} mask /x/a.wav") == "+OK Success\n"
    call.hang_up()
    event = await client.event("RECORD_STOP")
    assert (event["Record-File-Path"], event["Answer-State"]) == ("/x/a.wav", "hangup")


async def test_recording_that_is_stopped_twice_says_so(client: SimulatorClient, call: RemoteCall) -> None:
    await client.api(f"uuid_record {call.uuid} start /x/a.wav")
    assert await client.api(f"uuid_record {call.uuid} stop all") == "+OK Success\n"
    assert await client.api(f"uuid_record {call.uuid} stop all") == "-ERR Cannot record session!\n"
    assert await client.api("uuid_record nobody start /x/a.wav") == "-ERR Cannot locate session!\n"
    assert (await client.api("uuid_record")).startswith("-USAGE")


async def test_a_phone_that_holds_makes_the_other_hear_music(switch: SimulatedSwitch, client: SimulatorClient) -> None:
    switch.phone("1001", script=(answer(), hold(after=1.0), unhold(after=3.0)))
    call = await switch.place_call("1000", "2000")
    await client.execute(call.uuid, "bridge", "user/1001", lock=False)
    held = await client.event("CHANNEL_HOLD")
    await call.wait_heard("local_stream://moh")
    back = await client.event("CHANNEL_UNHOLD")
    assert back["Unique-ID"] == held["Unique-ID"]
    assert int(str(back["Caller-Channel-Hold-Accum"])) >= 3_000_000
    stopped = await client.event("PLAYBACK_STOP")
    assert (stopped["Unique-ID"], stopped["Playback-Status"]) == (call.uuid, "break")


async def test_hold_by_command_can_be_toggled(
    switch: SimulatedSwitch, client: SimulatorClient, call: RemoteCall
) -> None:
    assert await client.api(f"uuid_hold toggle {call.uuid}") == "+OK Success\n"
    assert (await client.event("CHANNEL_HOLD"))["Channel-Call-State"] == "HELD"
    assert await client.api(f"uuid_hold {call.uuid}") == "+OK Success\n"
    assert await client.api(f"uuid_hold off {call.uuid}") == "+OK Success\n"
    await client.event(lambda event: event.get("Original-Channel-Call-State") == "UNHELD")
    assert await client.api("uuid_hold nobody") == "-ERR Operation failed\n"


async def test_terminators_can_be_chosen_or_switched_off(client: SimulatorClient, call: RemoteCall) -> None:
    await client.execute(call.uuid, "set", "playback_terminators=5")
    await client.execute(call.uuid, "playback", "local_stream://moh", event_uuid="a")
    await client.event("PLAYBACK_START")
    await call.dial("*5", gap=0.0)
    assert (await ended(client, "a"))["variable_playback_terminator_used"] == "5"
    await client.execute(call.uuid, "set", "playback_terminators=none")
    await client.execute(call.uuid, "playback", "silence_stream://1000", event_uuid="b")
    await call.dial("5")
    assert (await ended(client, "b"))["variable_playback_ms"] == "1000"
