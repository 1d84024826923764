"""A switch that drops, stalls, refuses, restarts, answers twice or never; a connection that is killed at any moment."""

import asyncio
import random
import uuid

import pytest

from mirliton.actors.kapi import dialplan as kz
from mirliton.actors.kapi.call import ChannelExecuteCompleted
from mirliton.actors.switching import (
    Accepted,
    Dispatch,
    Dump,
    ListLegs,
    Refused,
    Snapshot,
    SwitchApi,
    SwitchDown,
    SwitchUnavailable,
    SwitchUp,
)
from mirliton.ecallmgr import connection
from mirliton.ecallmgr.connection import BackgroundJob, SwitchAddress
from mirliton.ecallmgr.simulator.events import EventBus
from mirliton.runtime import CallError, CallTimeout
from mirliton.supervisors import restart_child, terminate_child
from one_switch import PATIENCE, SIM, hub_threads, one_switch, until


@pytest.fixture
async def house():
    async with one_switch() as made:
        yield made


def command_id():
    return str(uuid.uuid4())


async def is_down(house):
    return await house.channels.expect(SwitchDown, PATIENCE)


async def works(house):
    """Whether a command goes out and its end comes in."""
    leg, placed = await house.parked()
    noop = command_id()
    assert await house.ask(Dispatch(leg, kz.Noop(leg), noop)) == Accepted(noop, True)
    assert (await house.event(ChannelExecuteCompleted, leg)).event.msg_id == noop
    placed.hang_up()


# A connection that is lost


@pytest.mark.parametrize("which", ["all", "events", "commands"])
@pytest.mark.parametrize("notice", [False, True], ids=["cut", "with-notice"])
async def test_a_dropped_connection_comes_back(house, which, notice):
    up = await house.connect()
    leg, _ = await house.parked()
    assert house.switch.faults.drop(which, with_notice=notice) >= 1
    await is_down(house)
    assert await house.is_up() == SwitchUp("sim", False, up.run)
    assert isinstance(await house.ask(Dump(leg)), Snapshot), "the call is on the switch and goes on"
    await until(lambda: len(house.switch.connections) == 2, "both sockets were renewed, no more")
    await works(house)
    assert house.state()["connects"] == 2


async def test_while_it_is_away_the_switch_is_not_available(house):
    await house.connect()
    house.switch.faults.refuse_connections()
    house.switch.faults.drop()
    down = await is_down(house)
    assert down.reason
    for request in (
        Dispatch("leg", kz.Answer("leg"), "id"),
        Dump("leg"),
        ListLegs(),
        SwitchApi("status"),
        BackgroundJob("x"),
    ):
        answer = await house.ask(request)
        assert isinstance(answer, SwitchUnavailable), request
        assert answer.reason
    await house.switch.faults.clear()
    await house.is_up()
    await works(house)


async def test_a_switch_that_is_not_there_yet_is_waited_for(house):
    house.switch.faults.refuse_connections()
    await house.connect(up=False)
    await until(lambda: "refused" in house.state()["last_error"].lower(), "no error is shown")
    assert not [news for news in house.channels.messages if isinstance(news, SwitchDown)], "it was never up"
    await house.switch.faults.clear()
    await house.is_up()


async def test_a_wrong_password_is_shown_and_tried_again(house):
    house.switch.faults.refuse_auth()
    await house.connect(up=False)
    await until(lambda: house.state()["last_error"], "no error is shown")
    assert "ClueCon" not in house.state()["last_error"]
    await house.switch.faults.clear()
    await house.is_up()


async def test_an_access_list_that_says_no(house):
    house.switch.faults.refuse_connections(rude=True)
    await house.connect(up=False)
    await until(lambda: house.state()["last_error"], "no error is shown")
    await house.switch.faults.clear()
    await house.is_up()


async def test_a_stalled_switch_is_given_up(house):
    await house.connect(silence=0.4, connect_timeout=0.2)
    house.switch.faults.stall()
    down = await is_down(house)
    assert down.reason
    await house.switch.faults.clear()
    await house.is_up()
    await works(house)


@pytest.mark.parametrize("which", ["events", "commands"])
@pytest.mark.parametrize("fault", ["send_garbage", "send_oversized", "send_truncated"])
async def test_what_is_no_frame_ends_the_connection_and_no_more(house, which, fault):
    await house.connect()
    faults = house.switch.faults
    {
        "send_garbage": lambda: faults.send_garbage(which=which),
        "send_oversized": lambda: faults.send_oversized(2_000_000_000, which),
        "send_truncated": lambda: faults.send_truncated(which),
    }[fault]()
    await is_down(house)
    await house.is_up()
    await works(house)


# A switch that was restarted


async def test_another_run_of_the_switch_is_told_from_the_same(house):
    first = await house.connect()
    leg, _ = await house.parked()
    await house.switch.faults.restart(down_for=1.0)
    await is_down(house)
    second = await house.is_up()
    assert (second.restarted, second.run) == (True, house.switch.core_uuid)
    assert second.run != first.run
    assert await house.ask(ListLegs()) == ()
    assert not isinstance(await house.ask(Dump(leg)), Snapshot)
    await works(house)


async def test_a_switch_that_stops_in_order(house):
    await house.connect()
    leg, _ = await house.parked()
    await house.switch.faults.shut_down()
    await is_down(house)
    ended = [news for news in house.channels.messages if getattr(getattr(news, "event", None), "hangup_cause", None)]
    assert [(news.event.call_id, news.event.hangup_cause) for news in ended] == [(leg, "SYSTEM_SHUTDOWN")]
    await house.switch.faults.restart()
    await house.switch.faults.clear()
    assert (await house.is_up()).restarted


async def test_events_of_another_run_end_the_connection(house):
    """Should a switch be replaced behind an address that keeps connections (a proxy, say)."""
    await house.connect()
    bus = house.switch.bus
    house.switch.bus = EventBus(house.switch.clock, "another-run", "fs1.local", "fs1.local")
    house.switch.bus.wanted, house.switch.bus.deliver = bus.wanted, bus.deliver
    house.switch.bus.fire("HEARTBEAT", {})
    down = await is_down(house)
    assert down.reason == "the switch was restarted"
    house.switch.bus = bus
    await house.is_up()


@pytest.mark.parametrize("told", ["", "-ERR no reply"])
async def test_a_switch_that_does_not_tell_its_run_is_not_used(house, told):
    house.switch.globals["core_uuid"] = told
    await house.connect(up=False)
    await until(lambda: "core_uuid" in house.state()["last_error"], "no error is shown")
    assert not house.state()["connected"]
    house.switch.globals["core_uuid"] = house.switch.core_uuid
    await house.is_up()


# Answers that do not come, or too often


async def test_a_command_that_is_never_answered_ends_with_the_connection(house):
    """Whether it was done is unknown, and what comes after it is, too."""
    await house.connect(command_timeout=0.3)
    leg, _ = await house.parked()
    house.switch.faults.never_answer()
    answer = await house.ask(Dispatch(leg, kz.Answer(leg), command_id()))
    assert isinstance(answer, SwitchUnavailable)
    await until(lambda: isinstance_of(house.channels.messages, SwitchDown) or house.state()["connected"], "stuck")
    await settled(house)
    await works(house)


async def test_an_answer_that_comes_twice_does_not_pass_for_the_next_one(house):
    await house.connect()
    leg, _ = await house.parked()
    house.switch.faults.answer_twice()
    await house.ask(Dispatch(leg, kz.Answer(leg), command_id()))
    await settled(house)
    legs = await again(house, ListLegs())
    assert legs == (leg,)
    await works(house)


def isinstance_of(messages, kind):
    return [message for message in messages if isinstance(message, kind)]


async def settled(house):
    """The connection stands, and has answered something since."""
    assert isinstance(await again(house, SwitchApi("status")), str)


async def again(house, request):
    """Ask until the switch is available."""
    async with asyncio.timeout(PATIENCE):
        while True:
            answer = await house.ask(request)
            if not isinstance(answer, SwitchUnavailable):
                return answer
            await asyncio.sleep(0.01)


async def test_answers_that_come_late_are_waited_for(house):
    await house.connect()
    leg, _ = await house.parked()
    house.switch.faults.delay_answers(4.0, 10)  # of the switch's time: 0.2 s
    noop = command_id()
    assert await house.ask(Dispatch(leg, kz.Noop(leg), noop)) == Accepted(noop, True)


async def test_jobs_end_with_the_connection(house):
    await house.connect()
    house.switch.faults.lose_events(1000)
    job = asyncio.create_task(house.ask(BackgroundJob("status")))
    await until(lambda: house.state()["jobs"] == 1, "the job has not begun")
    house.switch.faults.drop()
    assert isinstance(await job, SwitchUnavailable)
    await settled(house)
    assert house.state()["jobs"] == 0


async def test_a_job_whose_end_is_never_told_is_given_up(house, monkeypatch):
    monkeypatch.setattr(connection, "JOB_TIMEOUT", 0.2)
    await house.connect()
    house.switch.faults.lose_events(1000)
    answer = await house.ask(BackgroundJob("status"))
    assert answer == SwitchUnavailable("sim", "the job did not end in time")
    assert house.state()["jobs"] == 0


async def test_a_job_that_the_switch_refuses(house):
    await house.connect()
    answer = await house.ask(BackgroundJob("status\napi shutdown"))
    assert isinstance(answer, Refused)
    assert house.state()["jobs"] == 0


# Too much


async def test_more_events_than_can_be_kept_end_the_connection(house):
    """What was missed is found by comparing with the switch; the memory stays bounded."""
    await house.connect(event_backlog=200)
    await house.node.sys.suspend(SIM)
    cell = house.node.find(SIM)
    for _ in range(1000):
        house.switch.bus.fire("HEARTBEAT", {})
    await until(lambda: not house.switch.connections, "the connection was not given up")
    assert 200 <= len(cell) < 210
    await house.node.sys.resume(SIM)
    await is_down(house)
    await house.is_up()
    await works(house)


async def test_more_requests_than_can_be_under_way_are_told_so(house, monkeypatch):
    monkeypatch.setattr(connection, "MOST_WORK", 3)
    await house.connect()
    house.switch.faults.delay_answers(10.0, 3)
    answers = await asyncio.gather(*(house.ask(SwitchApi("status")) for _ in range(10)))
    assert sum(isinstance(answer, SwitchUnavailable) for answer in answers) == 7
    assert sum(isinstance(answer, str) for answer in answers) == 3
    assert house.state()["under_way"] == 0


# Kills


async def test_killed_at_any_moment_it_leaves_nothing_and_its_successor_works(house):
    """Also in the middle of connecting, with commands and jobs under way."""
    await house.connect(up=False)
    chance = random.Random(4711)
    for _ in range(60):
        await asyncio.sleep(chance.choice([0, 0, 0.001, 0.003, 0.01, 0.03]))
        pid = house.node.whereis(SIM)
        if pid is None:
            continue
        asks = [
            asyncio.create_task(house.node.call(SIM, request, timeout=2.0))
            for request in (SwitchApi("status"), ListLegs(), BackgroundJob("status"), Dump("leg"))
        ]
        await asyncio.sleep(0)
        house.node.exit(pid, chance.choice(["kill", "boom"]))
        answers = await asyncio.gather(*asks, return_exceptions=True)
        # Whoever asked is told at once that the process died, and does not wait for a time-out.
        assert not [answer for answer in answers if isinstance(answer, CallTimeout)]
        faults = [answer for answer in answers if isinstance(answer, Exception) and not isinstance(answer, CallError)]
        assert not faults
    await settled(house)
    await until(lambda: len(house.switch.connections) == 2, "a killed connection's sockets are left")
    await until(lambda: len(hub_threads()) <= 1, "a killed connection's thread is left")
    house.channels.messages.clear()
    await works(house)


async def test_stopped_in_order_it_says_goodbye(house):
    await house.connect()
    supervisor = house.node.find(SIM).parent
    await terminate_child(house.node, supervisor, "Connection")
    assert house.node.whereis(SIM) is None
    await until(lambda: not house.switch.connections, "sockets are left")
    await restart_child(house.node, supervisor, "Connection")
    await house.is_up()
    await works(house)


def test_a_password_is_not_shown():
    address = SwitchAddress("fs1", "10.0.0.1", 8021, "S3cret")
    assert "S3cret" not in repr(address)
    assert "10.0.0.1" in repr(address)
