"""The connection to a switch, over real sockets: commands out, events in, and all that can go wrong between."""

import asyncio
import uuid

import pytest

from mirliton.actors.kapi import dialplan as kz
from mirliton.actors.kapi.call import ChannelAnswered, ChannelCreated, ChannelDestroyed, ChannelExecuteCompleted
from mirliton.actors.switching import (
    CHECKPOINT_VARIABLE,
    COMMAND_VARIABLE,
    DONE_VARIABLE,
    HOLD_VARIABLE,
    Accepted,
    Dispatch,
    Dump,
    LegEvent,
    LegParked,
    LegRenamed,
    ListLegs,
    NoSuchLeg,
    Refused,
    Settle,
    SetVariables,
    SwitchApi,
    SwitchUp,
    call_name,
)
from mirliton.ecallmgr.connection import BackgroundJob
from mirliton.ecallmgr.registrations import RegistrationEvent
from mirliton.ecallmgr.simulator import answer, await_answer, hang_up, ring
from mirliton.runtime import ServerDied
from mirliton.runtime.testing import Probe
from one_switch import one_switch

PATIENCE = 10.0


@pytest.fixture
async def house():
    async with one_switch() as made:
        yield made


def command_id():
    return str(uuid.uuid4())


# Events in


async def test_a_call_as_the_table_and_the_call_are_told(house):
    up = await house.connect()
    assert up == SwitchUp("sim", False, house.switch.core_uuid)
    assert await house.registrar.expect(SwitchUp) == up
    placed = await house.switch.place_call("alice", "1002", realm="demo.test", uuid=str(uuid.uuid4()))
    call = await Probe.start(house.node, name=call_name(placed.uuid))
    created = await house.event(ChannelCreated, placed.uuid)
    assert (created.switch, created.run, created.report) == ("sim", house.switch.core_uuid, None)
    parked = await house.channels.expect(LegParked)
    assert (parked.leg.call_id, parked.leg.caller_destination_number, parked.run) == (placed.uuid, "1002", up.run)
    assert await house.ask(Dispatch(placed.uuid, kz.Answer(placed.uuid), command_id())) != Refused("", "")
    answered = await house.event(ChannelAnswered, placed.uuid)
    assert await house.event(ChannelAnswered, placed.uuid, call) == answered
    placed.hang_up()
    destroyed = await house.event(ChannelDestroyed, placed.uuid)
    assert destroyed.event.hangup_cause == "NORMAL_CLEARING"
    assert (destroyed.report.call_id, destroyed.report.hangup_cause) == (placed.uuid, "NORMAL_CLEARING")
    assert await house.event(ChannelDestroyed, placed.uuid, call) == destroyed


async def test_events_of_a_call_without_an_actor_are_no_dead_letters(house):
    await house.connect()
    before = house.node.dead_letters
    _, placed = await house.parked()
    placed.hang_up()
    await house.event(ChannelDestroyed)
    assert house.node.dead_letters == before


async def test_registrations_and_renamed_legs_are_told(house):
    await house.connect()
    house.switch.phone("bob", "demo.test", script=(ring(), answer(after=1)))
    told = await house.registrar.expect(lambda news: isinstance(news, RegistrationEvent))
    assert (told.switch, told.subclass, told.headers["from-user"]) == ("sim", "sofia::register", "bob")
    leg, _ = await house.parked()
    wanted = str(uuid.uuid4())
    # Of the legs that we have made, these are the ones that get their ids late.
    number = kz.Endpoint("loopback", route="1003", outbound_call_id=wanted)
    await house.ask(Dispatch(leg, kz.Bridge(leg, (number,)), command_id()))
    renamed = await house.channels.expect(LegRenamed, PATIENCE)
    assert (renamed.leg.call_id, renamed.run) == (wanted, house.switch.core_uuid)
    assert renamed.old not in ("", wanted)


# Commands out


async def test_a_commands_end_bears_its_id(house):
    await house.connect()
    leg, _ = await house.parked()
    play = command_id()
    assert await house.ask(Dispatch(leg, kz.Play(leg, "silence_stream://2000"), play, "menu/1")) == Accepted(play, True)
    seen = await house.seen(leg, lambda seen: seen.application == "playback")
    assert seen.run == house.switch.core_uuid
    assert seen.variables[COMMAND_VARIABLE] == play
    assert seen.variables[CHECKPOINT_VARIABLE] == "menu/1"
    assert DONE_VARIABLE not in seen.variables
    ended = await house.event(ChannelExecuteCompleted, leg)
    assert (ended.event.msg_id, ended.event.application_name) == (play, "play")
    # Once more: the note behind it has been made by the time another command comes to its turn.
    noop = command_id()
    await house.ask(Dispatch(leg, kz.Noop(leg), noop))
    assert (await house.event(ChannelExecuteCompleted, leg)).event.msg_id == noop
    seen = await house.ask(Dump(leg))
    assert seen.variables[DONE_VARIABLE] in (play, noop)
    assert not [
        news
        for news in house.channels.messages
        if isinstance(news, LegEvent) and (news.event.msg_id or "").startswith("beside")
    ]


async def test_hold_plays_until_the_next_command(house):
    await house.connect()
    leg, _ = await house.parked()
    hold, play = command_id(), command_id()
    assert await house.ask(Dispatch(leg, kz.Hold(leg), hold)) == Accepted(hold, False)
    seen = await house.ask(Dump(leg))
    assert (seen.variables[HOLD_VARIABLE], seen.variables[DONE_VARIABLE]) == ("true", hold)
    await house.ask(Dispatch(leg, kz.Play(leg, "silence_stream://100"), play, interrupt=True))
    assert (await house.event(ChannelExecuteCompleted, leg)).event.msg_id == play
    assert HOLD_VARIABLE not in (await house.ask(Dump(leg))).variables


async def test_settling_an_endless_command_ends_it(house):
    await house.connect()
    leg, _ = await house.parked()
    play = command_id()
    await house.ask(Dispatch(leg, kz.Play(leg, "silence_stream://100", endless_playback=True), play))
    assert await house.ask(Settle(leg, play, interrupt=True)) == Accepted(play, False)
    await house.seen(leg, lambda seen: seen.variables.get(DONE_VARIABLE) == play)


async def test_looking_setting_listing(house):
    await house.connect()
    first, _ = await house.parked()
    second, placed = await house.parked()
    assert await house.ask(SetVariables(first, {"ecallmgr_Account-ID": "a1", "cav_x": "O'Brien; \\o/"})) == Accepted(
        "", False
    )
    seen = await house.ask(Dump(first))
    assert seen.leg.custom_channel_vars["Account-ID"] == "a1"
    assert seen.leg.custom_application_vars["x"] == "O\u2019Brien; /o/"
    assert set(await house.ask(ListLegs())) == {first, second}
    placed.hang_up()
    await house.event(ChannelDestroyed, second)
    assert await house.ask(Dump(second)) == NoSuchLeg(second)
    assert await house.ask(ListLegs()) == (first,)
    refused = await house.ask(SetVariables(second, {"a": "1"}))
    assert isinstance(refused, Refused)
    refused = await house.ask(Dispatch(second, kz.Answer(second), "an-id"))
    assert refused.command_id == "an-id"


async def test_phones_are_rung_where_they_are_registered(house):
    await house.connect()
    house.switch.phone("bob", "demo.test", script=(ring(), answer(after=1)))
    leg, placed = await house.parked(script=(await_answer(), hang_up(after=1)))
    endpoints = tuple(kz.Endpoint("username", to_user=user, to_realm="demo.test") for user in ("nobody", "bob"))
    bridge = command_id()
    await house.ask(Dispatch(leg, kz.Bridge(leg, endpoints, timeout=30), bridge))
    await placed.wait_bridged(PATIENCE)
    await placed.wait_ended(PATIENCE)


async def test_an_api_command(house):
    await house.connect()
    assert (await house.ask(SwitchApi("status"))).startswith("UP")
    assert isinstance(await house.ask(SwitchApi("no_such_command")), Refused)
    assert isinstance(await house.ask(SwitchApi("status\n\napi shutdown")), Refused)


async def test_a_job_is_answered_when_it_is_done(house):
    await house.connect()
    legs = [(await house.parked())[0] for _ in range(5)]
    answers = await asyncio.gather(*(house.ask(BackgroundJob(f"uuid_getvar {leg} uuid")) for leg in legs))
    assert [answer.strip() for answer in answers] == legs
    assert house.state()["jobs"] == 0


async def test_what_is_no_request_is_refused(house):
    await house.connect()
    with pytest.raises(ServerDied):
        await house.ask(SwitchUp("sim", False))
    await house.is_up()
