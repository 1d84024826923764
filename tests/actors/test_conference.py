"""Conferences on a whole node and a simulated switch."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from mirliton.actors.conferencing import (
    AskConference,
    ConferenceIs,
    NoSuchRoom,
    conference_name,
    room_of,
)
from mirliton.actors.entity_server import ENTITY_SERVER
from mirliton.actors.kapi.conference import commands as kapi
from mirliton.actors.presence import OMNIPRESENCE, LampChanged
from mirliton.actors.store.documents import stamp
from mirliton.actors.switching import CHANNELS, Accepted, Refused, call_name, executor_name, switch_name
from mirliton.ecallmgr.simulator.calls import RemoteCall
from mirliton.runtime import Name
from mirliton.runtime.testing import Probe
from mirliton.supervisors.entities.starting import ENTITIES_SUPERVISOR
from scene import PATIENCE, eventually
from tenants import ALICE, BOB, CAROL, DEMO, Person
from world import World, a_world

ID = "conference-1"
ROOM = room_of(DEMO.account_id, ID)
NAME = conference_name(ROOM)
AFTER = {"module": "response", "data": {"code": 486}, "children": {}}
MEMBERS, MODERATORS, ASKS, FEATURE = "6000", "6001", "6002", "*66"


class House:
    """The world, and its conference."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.node = world.node
        self.switch = world.switch

    async def conference(self, **wishes: Any) -> None:
        """Set it up."""
        doc = {"_id": ID, "name": "board", "play_welcome": False, **wishes}
        await self.put("conference", doc)
        for number, data in ((MEMBERS, {"id": ID}), (MODERATORS, {"id": ID, "moderator": True}), (ASKS, {})):
            flow = {"module": "conference", "data": data, "children": {"_": AFTER}}
            await self.put("callflow", {"_id": f"callflow-{number}", "numbers": [number], "flow": flow})
        flow = {"module": "conference_feature", "data": {}, "children": {"_": AFTER}}
        await self.put("callflow", {"_id": "callflow-feature", "patterns": [r"^\*66([0-9]+)$"], "flow": flow})

    async def put(self, kind: str, doc: dict[str, Any]) -> None:
        await self.world.store.put(DEMO.db, stamp(doc, type=kind, account_id=DEMO.account_id))

    async def joins(self, who: Person, number: str = MEMBERS, size: int = 1) -> RemoteCall:
        """Somebody calls in, and is in."""
        call = await self.world.place(who, number)
        await self.is_so(lambda now: len(now.participants) == size)
        return call

    async def is_so(self, holds: Callable[[ConferenceIs], bool], within: float = PATIENCE) -> ConferenceIs:
        """The conference will be like this."""
        seen: list[Any] = []

        async def look() -> bool:
            seen[:] = [await self.node.call(NAME, AskConference())]
            return holds(seen[0])

        assert await eventually(look, within), seen
        return seen[0]

    async def tell(self, command: Any) -> Any:
        """Have a command carried out."""
        return await self.node.call(NAME, command)

    def kill(self, *names: Name) -> None:
        for name in names:
            pid = self.node.whereis(name)
            if pid is not None:
                self.node.exit(pid, "kill")

    @property
    def room(self) -> Any:
        """The room on the switch."""
        return self.switch.conferences[ROOM]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with a_world(tmp_path) as world:
        yield House(world)
        await world.is_whole()
        await world.is_quiet()
        world.nothing_broke()


async def _ended(*calls: RemoteCall) -> None:
    for call in calls:
        assert await call.wait_ended(PATIENCE) == "NORMAL_CLEARING"


async def _all_go(*calls: RemoteCall) -> None:
    for call in calls:
        call.hang_up()
    await _ended(*calls)


async def test_three_meet_and_one_after_the_other_goes(house: House) -> None:
    await house.conference(play_entry_tone=True, play_exit_tone="tone_stream://%(100,0,300)")
    calls = [await house.joins(who, size=n) for n, who in enumerate((ALICE, BOB, CAROL), 1)]
    now = await house.is_so(lambda now: len(now.participants) == 3)
    assert [one.call_id for one in now.participants] == [call.uuid for call in calls]
    assert now.focus == "sim"
    await _all_go(calls[0])
    await house.is_so(lambda now: len(now.participants) == 2)
    await calls[1].wait_heard("tone_stream://%(100,0,300)", PATIENCE)
    assert [path for path in house.room.played if "200,0,500" in path] != []
    await _all_go(*calls[1:])
    assert (await house.is_so(lambda now: not now.participants)).focus == ""


async def test_what_is_done_to_participants_is_done_on_the_switch_and_known(house: House) -> None:
    await house.conference()
    calls = [await house.joins(ALICE), await house.joins(BOB, size=2)]
    of = {one.call_id: str(one.id) for one in (await house.is_so(lambda now: True)).participants}
    bob = of[calls[1].uuid]
    done = {
        "mute": (kapi.MuteParticipant(ID, bob), lambda one: not one.speak),
        "unmute": (kapi.UnmuteParticipant(ID, bob), lambda one: one.speak),
        "deaf": (kapi.DeafParticipant(ID, bob), lambda one: not one.hear),
        "undeaf": (kapi.UndeafParticipant(ID, bob), lambda one: one.hear),
    }
    for command, holds in done.values():
        assert isinstance(await house.tell(command), Accepted)
        await house.is_so(lambda now, holds=holds: holds(now.participants[1]))  # type: ignore[misc]
    assert isinstance(await house.tell(kapi.Play(ID, "tone_stream://%(300,0,440)")), Accepted)
    await calls[0].wait_heard("tone_stream://%(300,0,440)", PATIENCE)
    assert isinstance(await house.tell(kapi.Record(ID, "mirliton-x.wav")), Accepted)
    assert list(house.room.recordings) == ["mirliton-x.wav"]
    assert isinstance(await house.tell(kapi.RecordStop(ID, "mirliton-x.wav")), Accepted)
    assert isinstance(await house.tell(kapi.Kick(ID, bob)), Accepted)
    await _ended(calls[1])
    for wrong in (
        kapi.MuteParticipant(ID, "all\nx"),
        kapi.Record(ID, "/etc/x"),
        kapi.Play(ID, "x::y"),
        kapi.MuteParticipant(ID, "9"),
    ):
        assert isinstance(await house.tell(wrong), Refused), wrong
    await _all_go(calls[0])
    assert isinstance(await house.tell(kapi.Lock(ID)), NoSuchRoom)


async def test_nobody_gets_into_one_that_is_locked_or_full(house: House) -> None:
    await house.conference(max_participants=2)
    first = await house.joins(ALICE)
    await house.tell(kapi.Lock(ID))
    await house.is_so(lambda now: now.locked)
    second = await house.world.place(BOB, MEMBERS)
    assert await second.wait_ended(PATIENCE) == "USER_BUSY"
    await house.tell(kapi.Unlock(ID))
    await house.is_so(lambda now: not now.locked)
    third = await house.joins(BOB, size=2)
    fourth = await house.world.place(CAROL, MEMBERS)
    assert await fourth.wait_ended(PATIENCE) == "USER_BUSY"
    await _all_go(first, third)


@pytest.mark.parametrize(
    "victim", ["nobody", "both", *(pytest.param(who, marks=pytest.mark.chaos) for who in ("conference", "executor"))]
)
async def test_members_wait_for_a_moderator(house: House, victim: str) -> None:
    await house.conference(wait_for_moderator=True, moderator={"pins": ["77"]})
    member = await house.world.place(ALICE, MEMBERS)
    await member.wait_heard("mirliton/en-us/conf-enter_conf_pin.wav", PATIENCE)
    await member.wait_heard("local_stream://moh", PATIENCE)
    names = {"conference": [NAME], "executor": [executor_name(member.uuid)]}
    names["both"] = [*names["conference"], *names["executor"]]
    house.kill(*names.get(victim, []))
    await house.is_so(lambda now: now.waiting == (member.uuid,) and not now.participants)
    moderator = await house.world.place(BOB, MODERATORS)
    await moderator.wait_heard("mirliton/en-us/conf-enter_conf_pin.wav", PATIENCE)
    await moderator.dial("77#")
    now = await house.is_so(lambda now: len(now.participants) == 2)
    assert [one.moderator for one in now.participants] == [True, False]
    await _all_go(moderator)
    await house.is_so(lambda now: len(now.participants) == 1)
    await _all_go(member)


async def test_who_waits_for_a_moderator_may_go(house: House) -> None:
    await house.conference(wait_for_moderator=True)
    member = await house.world.place(ALICE, MEMBERS)
    await member.wait_heard("local_stream://moh", PATIENCE)
    await _all_go(member)
    await house.is_so(lambda now: not now.waiting)


async def test_the_right_pin_opens_and_three_wrong_ones_do_not(house: House) -> None:
    await house.conference(member={"pins": ["1234"]})
    call = await house.world.place(ALICE, MEMBERS)
    await call.wait_heard("mirliton/en-us/conf-enter_conf_pin.wav", PATIENCE)
    await call.dial("9#")
    await call.wait_heard("mirliton/en-us/conf-bad_pin.wav", PATIENCE)
    await call.wait_heard("mirliton/en-us/conf-enter_conf_pin.wav", PATIENCE)
    await call.dial("1234#")
    await house.is_so(lambda now: len(now.participants) == 1)
    wrong = await house.world.place(BOB, MEMBERS)
    assert await wrong.wait_ended(PATIENCE) == "USER_BUSY"
    await _all_go(call)


@pytest.mark.parametrize("number", ["77", "78"])
async def test_a_conference_is_found_by_its_number(house: House, number: str) -> None:
    await house.conference(conference_numbers=["77"], moderator={"numbers": ["78"]})
    call = await house.world.place(ALICE, ASKS)
    await call.wait_heard("mirliton/en-us/conf-enter_conf_number.wav", PATIENCE)
    await call.dial(f"{number}#")
    now = await house.is_so(lambda now: len(now.participants) == 1)
    assert now.participants[0].moderator is (number == "78")
    other = await house.world.place(BOB, f"{FEATURE}{number}")
    await house.is_so(lambda now: len(now.participants) == 2)
    await _all_go(call, other)


BLOWS = {
    "conference": [NAME],
    "entities": [ENTITIES_SUPERVISOR],
    "entity server": [ENTITY_SERVER],
    "channel table": [CHANNELS],
    "switch connection": [switch_name("sim")],
    "switch connection and conference": [switch_name("sim"), NAME],
}
RARE = [*sorted(BLOWS.keys() - {"conference"}), "executors", "calls"]
"""What is tried by `-m chaos` alone."""


@pytest.mark.parametrize("blow", ["conference", "all", *(pytest.param(blow, marks=pytest.mark.chaos) for blow in RARE)])
async def test_a_kill_changes_nothing_in_the_room(house: House, blow: str) -> None:
    await house.conference(max_participants=2)
    calls = [await house.joins(ALICE, MODERATORS), await house.joins(BOB, size=2)]
    before = await house.is_so(lambda now: len(now.participants) == 2)
    instance = house.room.uuid
    runs = [executor_name(call.uuid) for call in calls]
    actors = [call_name(call.uuid) for call in calls]
    house.kill(*{**BLOWS, "executors": runs, "calls": actors, "all": [NAME, *runs, *actors]}[blow])
    now = await house.is_so(lambda now: len(now.participants) == 2)
    assert [one.call_id for one in now.participants] == [one.call_id for one in before.participants]
    assert [one.moderator for one in now.participants] == [True, False]
    assert house.room.uuid == instance
    # The limit still holds, and so do commands and the end of each.
    third = await house.world.place(CAROL, MEMBERS)
    assert await third.wait_ended(PATIENCE) == "USER_BUSY"
    number = str(now.participants[1].id)
    assert await eventually(lambda: _is_accepted(house, kapi.MuteParticipant(ID, number)), PATIENCE)
    await house.is_so(lambda now: not now.participants[1].speak)
    await _all_go(*calls)
    await house.is_so(lambda now: not now.participants)


async def _is_accepted(house: House, command: Any) -> bool:
    return isinstance(await house.tell(command), Accepted)


async def test_when_the_switch_dies_the_next_make_a_new_room(house: House) -> None:
    await house.conference(max_participants=1)
    call = await house.joins(ALICE)
    await house.switch.faults.restart(0.5)
    await house.world.connected()
    assert call.ended
    again = await house.joins(BOB)
    now = await house.is_so(lambda now: [one.call_id for one in now.participants] == [again.uuid])
    assert now.focus == "sim"
    await _all_go(again)


async def test_lamps_show_whether_anybody_is_in(house: House) -> None:
    lights = await Probe.start(house.node, name=OMNIPRESENCE)
    await house.conference(conference_numbers=["6000"], member={"numbers": ["6100"]})
    call = await house.joins(ALICE)
    watched = (ID, "6000", "6100")
    lit = LampChanged(DEMO.account_id, watched, f"conference-{ID}", "confirmed")
    assert lights.messages[0] == lit
    call.hang_up()
    out = LampChanged(DEMO.account_id, watched, f"conference-{ID}", "terminated")

    async def is_out() -> bool:
        return bool(lights.messages) and lights.messages[-1] == out

    assert await eventually(is_out, PATIENCE)
    house.node.exit(lights.pid, "kill")
    await house.node.wait_exit(lights.pid)
