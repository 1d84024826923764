"""The simulated mod_conference: against the recording, and what the recording does not have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from eventually import until
from mirliton.ecallmgr.simulator import Dialplan, SimulatedSwitch
from mirliton.ecallmgr.simulator.calls import RemoteCall
from mirliton.ecallmgr.simulator.replay import read_recording, replay

MAINTENANCE = "conference::maintenance"
TOLD = ("Conference-Name", "Conference-Size", "Floor", "Hear", "Speak", "Member-ID", "Member-Type", "Old-ID", "New-ID")
OF_ITS_TIME = {"Event-Calling-File", "Event-Calling-Function", "Event-Calling-Line-Number", "FreeSWITCH-IPv6"}


def _of_conferences(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event for event in events if event.get("Event-Subclass") == MAINTENANCE]


async def test_the_recorded_commands_yield_the_recorded_events(reference: Path) -> None:
    recording = read_recording(reference / "esl-captures", "conference")
    dialplan = Dialplan({"answer_park": [("answer", None), ("park", None)]}, pattern="park")
    replayed = await replay(recording, dialplan=dialplan)
    recorded, seen = (
        _of_conferences([dict(event) for event in events]) for events in (recording.events(), replayed.events)
    )
    for of_a_leg in (True, False):
        wanted, found = ([event for event in each if ("Unique-ID" in event) is of_a_leg] for each in (recorded, seen))
        assert sorted(event["Action"] for event in found) == sorted(event["Action"] for event in wanted)
        for event in wanted:
            same = [
                other
                for other in found
                if other["Action"] == event["Action"] and other.get("Member-ID") == event.get("Member-ID")
            ]
            assert len(same) == 1, event["Action"]
            assert {name: same[0].get(name) for name in TOLD} == {name: event.get(name) for name in TOLD}
            assert not [
                name
                for name in event.keys() - same[0].keys() - OF_ITS_TIME
                if not name.startswith(("Channel-Read", "Channel-Write", "Caller-", "FreeSWITCH"))
            ]
    wanted, found = ([str(event["Action"]) for event in each if "Member-ID" in event] for each in (recorded, seen))
    assert found == wanted


@pytest.fixture
async def switch() -> Any:
    rooms = {
        "3000": [("answer", None), ("conference", "room@default")],
        "3001": [("answer", None), ("conference", "room@default+flags{moderator|endconf}")],
        "3002": [("answer", None), ("conference", "room@default+flags{wait-mod}")],
    }
    async with SimulatedSwitch(speed=50, dialplan=Dialplan(rooms)) as switch:
        yield switch


async def _joined(switch: SimulatedSwitch, number: str, size: int) -> RemoteCall:
    call = await switch.place_call("1000", number, context="public")
    await call.wait_answered(5.0)
    await until(lambda: "room" in switch.conferences and len(switch.conferences["room"].members) == size)
    return call


async def test_a_room_that_is_locked_or_full_lets_nobody_in(switch: SimulatedSwitch) -> None:
    first = await _joined(switch, "3000", 1)
    assert switch.run_api("conference room lock") == "+OK room locked\n"
    second = await switch.place_call("1001", "3000", context="public")
    await second.wait_heard("conference/conf-locked.wav", 5.0)
    assert switch.run_api("conference room unlock") == "+OK room unlocked\n"
    switch.run_api("conference room set max_members 1")
    third = await switch.place_call("1001", "3000", context="public")
    await third.wait_heard("conference/conf-conference-full.wav", 5.0)
    assert len(switch.conferences["room"].members) == 1
    first.hang_up()
    await first.wait_ended(5.0)
    await until(lambda: not switch.conferences)


async def test_members_wait_for_a_moderator_with_music_and_leave_with_one(switch: SimulatedSwitch) -> None:
    member = await _joined(switch, "3002", 1)
    await member.wait_heard("local_stream://moh", 5.0)
    moderator = await _joined(switch, "3001", 2)
    listed = orjson.loads(str(switch.run_api("conference room json_list")))[0]
    assert [each["flags"]["is_moderator"] for each in listed["members"]] == [True, False]
    moderator.hang_up()
    await member.wait_ended(5.0)


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("conference nowhere list", "-ERR Conference nowhere not found\n"),
        ("conference room mute 9", "-ERR Non-Existant ID 9\n"),
        ("conference room dance", "-ERR Conference command"),
        ("conference room", "-USAGE"),
        ("conference json_list", "["),
    ],
)
async def test_what_cannot_be_done_is_told(switch: SimulatedSwitch, command: str, answer: str) -> None:
    call = await _joined(switch, "3000", 1)
    assert str(switch.run_api(command)).startswith(answer)
    call.hang_up()
    await call.wait_ended(5.0)
