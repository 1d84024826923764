"""Commands and applications: order, nesting, event-lock, breaks, what a reconnecting controller can see."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from mirliton.ecallmgr.simulator import RemoteCall, SimulatedSwitch, SimulatorClient, Sounds, answer, ring

ASwitch = Callable[..., Awaitable[SimulatedSwitch]]
AClient = Callable[..., Awaitable[SimulatorClient]]
LONG = "silence_stream://5000"


@pytest.fixture
async def call(switch: SimulatedSwitch, client: SimulatorClient) -> RemoteCall:
    """An answered, parked call."""
    call = await switch.place_call("1000", "2000")
    await client.execute(call.uuid, "answer", event_uuid="answered")
    await ended(client, "answered")
    return call


async def ended(client: SimulatorClient, uuid: str) -> dict[str, Any]:
    """The end of the command `uuid`."""
    return await client.event(
        lambda event: event["Event-Name"] == "CHANNEL_EXECUTE_COMPLETE" and event.get("Application-UUID") == uuid
    )


async def beginnings_and_ends(client: SimulatorClient, last: str) -> list[str]:
    """Which command began (+) and ended (-), in order, until `last` has ended."""
    order: list[str] = []
    while not order or order[-1] != f"-{last}":
        event = await client.event(lambda event: str(event["Event-Name"]).startswith("CHANNEL_EXECUTE"))
        mark = "-" if str(event["Event-Name"]).endswith("COMPLETE") else "+"
        order.append(f"{mark}{event['Application-UUID']}")
    return order


async def test_locked_commands_run_one_after_another(client: SimulatorClient, call: RemoteCall) -> None:
    for name in ("a", "b", "c"):
        await client.execute(call.uuid, "playback", LONG, event_uuid=name)
    assert await beginnings_and_ends(client, "c") == ["+a", "-a", "+b", "-b", "+c", "-c"]


async def test_without_the_lock_a_command_runs_nested_in_the_one_that_waits(
    client: SimulatorClient, call: RemoteCall
) -> None:
    await client.execute(call.uuid, "playback", LONG, event_uuid="outer", lock=False)
    await client.execute(call.uuid, "playback", "silence_stream://1000", event_uuid="inner", lock=False)
    assert await beginnings_and_ends(client, "outer") == ["+outer", "+inner", "-inner", "-outer"]


async def test_an_unlocked_command_waits_for_a_locked_one(client: SimulatorClient, call: RemoteCall) -> None:
    await client.execute(call.uuid, "playback", LONG, event_uuid="locked")
    await client.execute(call.uuid, "set", "a=b", event_uuid="other", lock=False)
    assert await beginnings_and_ends(client, "other") == ["+locked", "-locked", "+other", "-other"]


async def test_what_plays_goes_on_where_it_was_when_the_nested_command_is_done(
    client: SimulatorClient, call: RemoteCall
) -> None:
    await client.execute(call.uuid, "playback", LONG, event_uuid="outer", lock=False)
    await client.event("PLAYBACK_START")
    await client.execute(call.uuid, "playback", "silence_stream://20000", event_uuid="inner", lock=False)
    inner = await ended(client, "inner")
    outer = await ended(client, "outer")
    later = int(str(outer["Event-Date-Timestamp"])) - int(str(inner["Event-Date-Timestamp"]))
    assert 2_000_000 < later < 20_000_000


async def test_a_break_ends_what_plays_and_all_forgets_what_waits(client: SimulatorClient, call: RemoteCall) -> None:
    for name in ("a", "b"):
        await client.execute(call.uuid, "playback", "local_stream://moh", event_uuid=name)
    await client.event("PLAYBACK_START")
    assert await client.api(f"uuid_break {call.uuid}") == "+OK\n"
    assert (await client.event("PLAYBACK_STOP"))["Playback-Status"] == "break"
    await client.event("PLAYBACK_START")
    await client.execute(call.uuid, "set", "a=b", event_uuid="c")
    assert await client.api(f"uuid_break {call.uuid} all") == "+OK\n"
    await ended(client, "b")
    await client.execute(call.uuid, "set", "a=b", event_uuid="d")
    assert await beginnings_and_ends(client, "d") == ["+d", "-d"]


async def test_a_hangup_ends_everything_that_runs_inside_out(client: SimulatorClient, call: RemoteCall) -> None:
    await client.execute(call.uuid, "endless_playback", "local_stream://moh", event_uuid="music")
    await client.event("PLAYBACK_START")
    call.hang_up()
    names = []
    while "CHANNEL_DESTROY" not in names:
        names.append(str((await client.event(lambda event: event.get("Unique-ID") == call.uuid))["Event-Name"]))
    wanted = [
        "CHANNEL_HANGUP",
        "PLAYBACK_STOP",
        "CHANNEL_EXECUTE_COMPLETE",
        "CHANNEL_UNPARK",
        "CHANNEL_HANGUP_COMPLETE",
    ]
    assert [name for name in names if name in wanted] == [*wanted[:4], "CHANNEL_EXECUTE_COMPLETE", wanted[4]]
    assert await client.sendmsg(call.uuid, {"call-command": "hangup"}) == f"-ERR invalid session id [{call.uuid}]"


async def test_loops_repeat_an_application(client: SimulatorClient, call: RemoteCall) -> None:
    await client.sendmsg(
        call.uuid,
        {"call-command": "execute", "execute-app-name": "playback", "execute-app-arg": "x.wav", "loops": "3"},
    )
    loops = [(await client.event("PLAYBACK_START"))["variable_current_loop"] for _ in range(3)]
    assert loops == ["1", "2", "3"]


async def test_an_endless_loop_of_what_cannot_play_ends(client: SimulatorClient, call: RemoteCall) -> None:
    await client.sendmsg(
        call.uuid,
        {
            "call-command": "execute",
            "execute-app-name": "set",
            "execute-app-arg": "a=b",
            "loops": "-1",
            "Event-UUID": "x",
        },
    )
    await ended(client, "x")
    assert await client.api(f"uuid_getvar {call.uuid} a") == "b"


async def test_an_unknown_application_is_skipped(client: SimulatorClient, call: RemoteCall) -> None:
    assert await client.execute(call.uuid, "no_such_application", event_uuid="x") == "+OK"
    await client.execute(call.uuid, "set", "a=b", event_uuid="y")
    assert await beginnings_and_ends(client, "y") == ["+y", "-y"]


async def test_the_argument_may_be_a_body(client: SimulatorClient, call: RemoteCall) -> None:
    headers = "call-command: execute\nexecute-app-name: set\nEvent-UUID: x\nContent-Length: 9"
    client.send(f"sendmsg {call.uuid}\n{headers}\n\na=b: c\nd!")
    await client.answer()
    await ended(client, "x")
    assert await client.api(f"uuid_getvar {call.uuid} a") == "b: c\nd!"


async def test_a_controller_that_comes_back_sees_what_runs_and_what_it_noted(
    switch: SimulatedSwitch, client: SimulatorClient, call: RemoteCall, a_client: AClient
) -> None:
    switch.phone("1001", script=(ring(), answer(after=0.1)))
    await client.api(f"uuid_setvar_multi {call.uuid} ecallmgr_checkpoint=step-3;ecallmgr_x=1")
    await client.execute(call.uuid, "bridge", "user/1001", event_uuid="bridge")
    partner = await call.wait_bridged()
    await client.close()
    again = await a_client(switch)
    dump = json.loads(await again.api(f"uuid_dump {call.uuid} json"))
    assert dump["Event-Name"] == "CHANNEL_DATA"
    assert dump["variable_current_application"] == "bridge"
    assert dump["variable_current_application_data"] == "user/1001"
    assert dump["variable_ecallmgr_checkpoint"] == "step-3"
    assert dump["Other-Leg-Unique-ID"] == dump["variable_bridge_to"] == partner.uuid
    assert (dump["Answer-State"], dump["Channel-Call-State"]) == ("answered", "ACTIVE")
    channels = json.loads(await again.api("show channels as json"))
    assert channels["row_count"] == 2
    assert {row["uuid"]: row["callstate"] for row in channels["rows"]} == {call.uuid: "ACTIVE", partner.uuid: "ACTIVE"}
    calls = json.loads(await again.api("show calls as json"))
    assert [(row["uuid"], row["b_uuid"]) for row in calls["rows"]] == [(call.uuid, partner.uuid)]


async def test_variables_are_expanded_in_arguments(
    switch: SimulatedSwitch, client: SimulatorClient, call: RemoteCall
) -> None:
    switch.phone("1001", "r", contact="10.0.0.1:5070")
    await client.execute(
        call.uuid, "set", "who=${caller_id_number}/${sofia_contact(*/1001@r)}/${nothing}", event_uuid="x"
    )
    assert (await ended(client, "x"))["variable_who"] == "1000/sofia/internal/sip:1001@10.0.0.1:5070/"
    assert await client.api(f"eval uuid:{call.uuid} ${{who}}") == "1000/sofia/internal/sip:1001@10.0.0.1:5070/"
    assert await client.api("expand uuid_exists ${create_uuid()}") == "false"


async def test_setting_and_unsetting_variables(client: SimulatorClient, call: RemoteCall) -> None:
    for name, data in (
        ("multiset", "a=1 b=2"),
        ("multiset", "^^;c=3, 4;d=5"),
        ("unset", "a"),
        ("set", "b="),
        ("export", "nolocal:e=6"),
        ("export", "f=7"),
    ):
        await client.execute(call.uuid, name, data)
    await client.execute(call.uuid, "set", "z=1", event_uuid="last")
    variables = {name.removeprefix("variable_"): value for name, value in (await ended(client, "last")).items()}
    assert "a" not in variables and "b" not in variables and "e" not in variables
    assert (variables["c"], variables["d"], variables["f"]) == ("3, 4", "5", "7")
    assert variables["export_vars"] == "nolocal:e,f"


async def test_scheduled_hangup_and_transfer_inline(client: SimulatorClient, call: RemoteCall) -> None:
    assert await client.api(f"sched_hangup +30 {call.uuid} ALLOTTED_TIMEOUT") == "+OK\n"
    assert await client.api(f"uuid_transfer {call.uuid} 'set:a=b,park' inline") == "+OK\n"
    assert await call.wait_ended() == "ALLOTTED_TIMEOUT"


async def test_files_that_do_not_exist_and_files_that_do(a_switch: ASwitch, a_client: AClient) -> None:
    switch = await a_switch(sounds=Sounds({"gone.wav": None, "long.wav": 30.0}, default=0.5))
    client = await a_client(switch, "PLAYBACK_STOP CHANNEL_EXECUTE_COMPLETE")
    call = await switch.place_call("1000", "2000")
    responses = {}
    for path in (
        "gone.wav",
        "long.wav",
        "other.wav",
        "tone_stream://%(1000,500,440);loops=2",
        "file_string://other.wav!long.wav",
    ):
        await client.execute(call.uuid, "playback", path, event_uuid=path)
        event = await ended(client, path)
        responses[path] = (event["Application-Response"], event.get("variable_playback_ms"))
    assert responses == {
        "gone.wav": ("FILE NOT FOUND", None),
        "long.wav": ("FILE PLAYED", "30000"),
        "other.wav": ("FILE PLAYED", "500"),
        "tone_stream://%(1000,500,440);loops=2": ("FILE PLAYED", "3000"),
        "file_string://other.wav!long.wav": ("FILE PLAYED", "30500"),
    }
    assert call.heard[0] == "long.wav" and not call.answered and call.leg.media


async def test_speech_is_heard_as_text(client: SimulatorClient, call: RemoteCall) -> None:
    await client.execute(call.uuid, "say", "en number iterated 42")
    await client.execute(call.uuid, "speak", "flite|kal|good day", event_uuid="x")
    await ended(client, "x")
    assert call.heard == ["say:42", "tts:good day"]


async def test_a_broadcast_plays_to_both_legs(
    switch: SimulatedSwitch, client: SimulatorClient, call: RemoteCall
) -> None:
    switch.phone("1001", script=(answer(),))
    await client.execute(call.uuid, "bridge", "user/1001", lock=False)
    partner = await call.wait_bridged()
    assert await client.api(f"uuid_broadcast {call.uuid} beep.wav both") == "+OK Message sent\n"
    await call.wait_heard("beep.wav")
    await partner.wait_heard("beep.wav")


async def test_respond_and_hangup_give_their_causes(switch: SimulatedSwitch, client: SimulatorClient) -> None:
    for application, data, cause in (
        ("respond", "480 Temporarily Unavailable", "NO_USER_RESPONSE"),
        ("hangup", "21", "CALL_REJECTED"),
        ("hangup", "no such cause", "NORMAL_CLEARING"),
    ):
        call = await switch.place_call("1000", "2000")
        await client.execute(call.uuid, application, data)
        assert await call.wait_ended() == cause
        assert call.leg.get("sip_hangup_disposition") == "send_refuse"
