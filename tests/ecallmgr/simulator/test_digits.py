"""Collecting digits."""

from __future__ import annotations

from typing import Any

import pytest

from mirliton.ecallmgr.simulator import RemoteCall, SimulatedSwitch, SimulatorClient, await_answer, digits, info

PROMPT = "silence_stream://2000"


@pytest.fixture
async def call(switch: SimulatedSwitch, client: SimulatorClient) -> RemoteCall:
    """An answered, parked call."""
    call = await switch.place_call("1000", "2000")
    await client.execute(call.uuid, "answer")
    await call.wait_answered()
    return call


async def ask(client: SimulatorClient, call: RemoteCall, data: str) -> None:
    """Send a play_and_get_digits."""
    await client.execute(call.uuid, "play_and_get_digits", data, event_uuid="ask")


async def result(client: SimulatorClient) -> tuple[Any, Any]:
    """The variable `got` and read_result at the end of the command."""
    event = await client.event(
        lambda event: event["Event-Name"] == "CHANNEL_EXECUTE_COMPLETE" and event["Application-UUID"] == "ask"
    )
    return event.get("variable_got"), event.get("variable_read_result")


async def test_a_digit_cuts_the_prompt_short(client: SimulatorClient, call: RemoteCall) -> None:
    await ask(client, call, "1 4 1 5000 # local_stream://moh silence_stream://100 got \\d+ 2000")
    await call.wait_heard("moh")
    await call.dial("12#")
    assert (await client.event("PLAYBACK_STOP"))["Playback-Status"] == "break"
    assert await result(client) == ("12", "success")


async def test_the_most_digits_end_it_without_a_terminator(client: SimulatorClient, call: RemoteCall) -> None:
    await ask(client, call, f"1 3 1 5000 # {PROMPT} {PROMPT} got \\d+ 60000")
    await call.dial("1234", gap=0.01)
    assert await result(client) == ("123", "success")


async def test_the_digit_timeout_ends_it(client: SimulatorClient, call: RemoteCall) -> None:
    await ask(client, call, f"1 9 1 60000 # {PROMPT} {PROMPT} got \\d+ 2000")
    await call.dial("12", gap=0.01)
    assert await result(client) == ("12", "success")


async def test_wrong_digits_are_asked_for_again(client: SimulatorClient, call: RemoteCall) -> None:
    await ask(client, call, "2 2 2 60000 # prompt.wav wrong.wav got [12]+ 60000")
    await call.wait_heard("prompt.wav")
    await call.dial("19", gap=0.01)
    await call.wait_heard("wrong.wav")
    await client.event(
        lambda event: event["Event-Name"] == "PLAYBACK_STOP" and event["Playback-File-Path"] == "wrong.wav"
    )
    await call.dial("12", gap=0.01)
    assert await result(client) == ("12", "success")
    assert call.heard == ["prompt.wav", "wrong.wav", "prompt.wav"]


async def test_silence_is_a_failure_without_digits(client: SimulatorClient, call: RemoteCall) -> None:
    await ask(client, call, "1 4 1 1000 # prompt.wav wrong.wav got \\d+ 1000")
    assert await result(client) == (None, "failure")


async def test_digits_typed_ahead_are_kept_and_can_be_flushed(client: SimulatorClient, call: RemoteCall) -> None:
    await call.dial("12", gap=0.0)
    await ask(client, call, "2 2 1 1000 # prompt.wav wrong.wav got \\d+ 1000")
    assert await result(client) == ("12", "success")
    await call.dial("34", gap=0.0)
    assert await client.api(f"uuid_flush_dtmf {call.uuid}") == "+OK Success\n"
    await ask(client, call, "2 2 1 500 # prompt.wav wrong.wav got \\d+ 500")
    assert await result(client) == (None, "failure")


async def test_digits_by_command_and_by_info(client: SimulatorClient, call: RemoteCall) -> None:
    await ask(client, call, f"1 4 1 60000 # {PROMPT} {PROMPT} got \\d+ 60000")
    assert await client.api(f"uuid_recv_dtmf {call.uuid} 1") == f"+OK {call.uuid} received DTMF 1.\n"
    call.press("2", "info")
    await call.dial("#")
    sources = [(await client.event("DTMF"))["DTMF-Source"] for _ in range(3)]
    assert sources == ["APP", "ENDPOINT", "RTP"]
    assert await result(client) == ("12", "success")


async def test_hanging_up_while_asked_ends_the_command(client: SimulatorClient, call: RemoteCall) -> None:
    await ask(client, call, f"1 4 3 60000 # {PROMPT} {PROMPT} got \\d+ 60000")
    await client.event("PLAYBACK_START")
    call.hang_up()
    assert (await result(client))[0] is None
    assert await call.wait_ended() == "NORMAL_CLEARING"


async def test_a_scripted_caller_types_by_itself(switch: SimulatedSwitch, client: SimulatorClient) -> None:
    script = (await_answer(), digits("5#", after=1.0), info("a: b\r\n", "text/x", after=1.0))
    call = await switch.place_call("1000", "2000", script=script)
    await client.execute(call.uuid, "answer")
    await ask(client, call, f"1 4 1 60000 # {PROMPT} {PROMPT} got \\d+ 60000")
    assert await result(client) == ("5", "success")
    event = await client.event("RECV_INFO")
    assert (event["_body"], event["SIP-Content-Type"]) == ("a: b\r\n", "text/x")


async def test_read_and_send_dtmf(client: SimulatorClient, call: RemoteCall) -> None:
    await client.execute(call.uuid, "read", "1 2 prompt.wav got 60000 # 60000", event_uuid="ask")
    await call.dial("7#", gap=0.01)
    assert await result(client) == ("7", "success")
    await client.execute(call.uuid, "send_dtmf", "89@200")
    await client.api(f"uuid_send_dtmf {call.uuid} 0")
    await client.execute(call.uuid, "set", "a=b", event_uuid="ask")
    await result(client)
    assert sorted(call.digits_heard) == ["0", "8", "9"]


async def test_arguments_that_make_no_sense_end_at_once(client: SimulatorClient, call: RemoteCall) -> None:
    for data in ("", "1 2", "1 4 1 1000 # p.wav w.wav got [ 10"):
        await ask(client, call, data)
        assert (await result(client))[0] is None
