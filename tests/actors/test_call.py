"""The actor of a call: one command after the other, each once, whatever happens to it, its switch or its controller."""

import asyncio
from dataclasses import replace

import pytest

from fake_switch import LEG, SWITCH
from mirliton.actors import call as module
from mirliton.actors.call import CONTROLLER_GRACE, LINGER, LINGER_CONTROLLED, RECHECK_EVERY
from mirliton.actors.call_at_once import MOST_AT_ONCE
from mirliton.actors.call_commands import SETTLE_AFTER
from mirliton.actors.call_queue import MOST_WAITING
from mirliton.actors.call_routing import ROUTE_ATTEMPTS, ROUTE_TIMEOUT
from mirliton.actors.kapi import dialplan as kz
from mirliton.actors.kapi.call import ChannelAnswered, ChannelCreated, ChannelDestroyed, DtmfReceived
from mirliton.actors.kapi.route import Route, RouteReq, RouteResp
from mirliton.actors.switching import (
    CHECKPOINT_VARIABLE,
    COMMAND_VARIABLE,
    DONE_VARIABLE,
    Attach,
    CallEnded,
    CommandResult,
    Detach,
    Execute,
    LegEvent,
    LegLost,
    LegOwned,
    Recheck,
    Refused,
    call_name,
    channels_name,
    executor_name,
)
from mirliton.runtime import NoProc


def play(name, **more):
    return kz.Play(LEG, name, **more)


# Where it goes


async def test_a_new_call_is_asked_for_and_won(here):
    await here.node.advance(1)
    request = here.router.messages[0]
    assert isinstance(request, RouteReq)
    assert (request.call_id, request.destination_number, request.server_id) == (LEG, "2000", call_name(LEG))
    assert {f"ecallmgr_{name}" for name in ("Account-ID", "CallFlow-ID")} <= here.switch.variables.keys()
    [owned] = [news for news in here.channels.messages if isinstance(news, LegOwned)]
    assert owned.custom_channel_vars["Account-ID"] == "a" * 32
    [win] = here.wins
    assert (win.control_queue, win.custom_channel_vars["CallFlow-ID"]) == (call_name(LEG), "flow-1")
    info = await here.attach()
    assert (info.call_id, info.checkpoint, info.answered, info.ended) == (LEG, "", False, False)
    assert info.custom_channel_vars["Account-ID"] == "a" * 32


async def test_only_when_the_channel_says_whose_it_is_may_anybody_act(here):
    """Its record depends on it."""
    here.switch.away = True
    await here.node.advance(10)
    assert not here.wins
    here.switch.away = False
    await here.node.advance(10)
    assert len(here.wins) >= 1
    assert "ecallmgr_Account-ID" in here.switch.variables


async def test_a_router_that_says_nothing_useful_is_asked_again(before):
    answers = [RouteResp(method="bridge"), None, RouteResp(method="park", custom_channel_vars={})]
    before.route = lambda request: answers.pop(0)
    await before.start_call()
    await before.node.advance(5)
    assert not answers
    assert before.wins


async def test_a_leg_that_was_decided_about_before_it_was_parked_is_not_asked_about(before):
    decided = {"Fetch-ID": "f", "Account-ID": "a"}
    before.switch.leg = replace(before.switch.leg, custom_channel_vars=decided)
    asked = []
    before.route = asked.append
    await before.start_call()
    await before.node.advance(1)
    assert not asked
    assert before.wins[0].custom_channel_vars["Account-ID"] == "a"


async def test_a_leg_is_bridged_to_the_routes_that_were_answered(before):
    route = Route("route", route="sip:1@192.0.2.1", auth_user="u", progress_timeout=4.0)
    before.route = lambda request: RouteResp(method="bridge", routes=(route,))
    await before.start_call()
    await before.node.advance(1)
    [command] = before.switch.beside
    assert (command.endpoints[0].route, command.endpoints[0].auth_user) == ("sip:1@192.0.2.1", "u")
    assert (command.continue_on_fail, command.continue_after) == (False, False)


async def test_a_router_that_is_not_there_is_asked_a_few_times_and_then_the_call_refused(before):
    before.node.exit(before.router.pid, "kill")
    await before.start_call()
    await before.node.advance(ROUTE_ATTEMPTS * (ROUTE_TIMEOUT + 2))
    assert [(type(command), command.response_code) for command in before.switch.beside] == [(kz.Respond, 503)]
    assert before.switch.gone
    await before.node.advance(LINGER + 1)
    assert not before.alive


async def test_a_router_that_does_not_answer(before):
    before.router.answer = None
    await before.start_call()
    await before.node.advance(ROUTE_ATTEMPTS * (ROUTE_TIMEOUT + 2))
    assert sum(isinstance(message, RouteReq) for message in before.router.messages) == ROUTE_ATTEMPTS
    assert before.switch.gone


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        (RouteResp(method="error", route_error_code=404, route_error_message="no such number"), 404),
        (RouteResp(method="error"), 604),
    ],
)
async def test_a_call_that_is_refused_hears_so(before, refusal, code):
    before.route = lambda request: refusal
    await before.start_call()
    await before.node.advance(1)
    [command] = before.switch.beside
    assert (command.response_code, command.response_message) == (code, refusal.route_error_message)
    await before.node.advance(LINGER + 1)
    assert not before.alive


async def test_a_call_that_was_answered_already_is_hung_up(before):
    before.switch.answered = True
    before.route = lambda request: RouteResp(method="error", route_error_code=404)
    await before.start_call()
    await before.node.advance(1)
    [command] = before.switch.beside
    assert (type(command), command.hangup_cause) == (kz.Hangup, "NO_ROUTE_DESTINATION")


async def test_a_refusal_waits_for_the_switch(before):
    before.route = lambda request: RouteResp(method="error")
    await before.start_call()
    before.switch.away = True
    await before.node.advance(20)
    assert not before.switch.gone
    before.switch.away = False
    await before.node.advance(20)
    assert before.switch.gone


async def test_a_route_whose_variables_no_channel_can_hold_is_refused(before):
    before.route = lambda request: RouteResp(method="park", custom_channel_vars={"Account-ID": ["a"]})
    await before.start_call()
    await before.node.advance(1)
    [command] = before.switch.beside
    assert command.response_code == 500
    assert not before.wins


async def test_a_caller_who_is_gone_before_he_is_routed(before):
    before.switch.gone = True
    await before.start_call()
    await before.node.advance(LINGER + 1)
    assert not before.alive
    assert not before.router.messages


# Commands


async def test_commands_are_done_one_after_the_other(here):
    await here.attach()
    for name in "abc":
        here.ask(play(name), name, f"at-{name}")
    await here.node.advance(0.5)
    assert here.switch.given == ["a"]
    await here.node.advance(10)
    assert here.switch.given == here.switch.done == ["a", "b", "c"]
    assert [result.status for result in here.results.values()] == ["done"] * 3
    assert here.results["a"].response == "ok"
    assert here.switch.variables[CHECKPOINT_VARIABLE] == "at-c"


async def test_a_command_that_is_done_at_once(here):
    assert (await here.result(kz.SetTerminators(LEG, ("#",)), "a")).status == "done"
    assert here.switch.variables[DONE_VARIABLE] == "a"


async def test_what_the_switch_refuses_is_told(here):
    await here.attach()
    here.switch.refuses = "-ERR bad luck"
    assert await here.result(play("x"), "a") == CommandResult("a", "refused", "-ERR bad luck")
    here.switch.refuses = None
    assert (await here.result(play("x"), "b")).status == "done"


async def test_given_again_a_command_is_told_its_result_and_not_done_again(here):
    await here.result(play("x"), "a")
    assert (await here.result(play("x"), "a")).status == "done"
    assert here.switch.given == ["a"]


async def test_given_again_while_it_is_under_way_or_waits_it_is_waited_for(here):
    await here.attach()
    asks = [here.node.call(call_name(LEG), Execute(name, play(name)), timeout=60.0) for name in "aabbab"]
    tasks = [asyncio.ensure_future(ask) for ask in asks]
    results = await here.node.drive(asyncio.gather(*tasks))
    assert [result.command_id for result in results] == list("aabbab")
    assert {result.status for result in results} == {"done"}
    assert here.switch.given == ["a", "b"]


async def test_too_many_commands_are_refused(here):
    here.switch.lasts = {"long": 3000.0}
    await here.attach()
    for n in range(MOST_WAITING + 5):
        here.ask(play("long"), f"c{n}")
    await here.node.advance(1)
    refused = [result for result in here.results.values() if result.status == "refused"]
    assert len(refused) == 4
    assert refused[0].response == "too many commands wait"


async def test_a_command_needs_an_id(here):
    assert (await here.result(play("x"), "")).status == "refused"


async def test_what_is_no_command_for_a_call_is_refused(here):
    answer = await here.node.drive(here.node.call(call_name(LEG), "nonsense"))
    assert isinstance(answer, Refused)


# Insert-At


async def test_head_is_next(here):
    await here.attach()
    for name in "ab":
        here.ask(play(name), name)
    await here.node.advance(0.1)
    here.ask(play("first", insert_at="head"), "first")
    await here.node.advance(10)
    assert here.switch.done == ["a", "first", "b"]


async def test_flush_ends_what_runs_and_drops_what_waits(here):
    here.switch.lasts = {"long": 1000.0}
    await here.attach()
    for name in ("running", "waiting"):
        here.ask(play("long"), name)
    await here.node.advance(1)
    here.ask(play("short", insert_at="flush"), "flush")
    await here.node.advance(5)
    assert here.switch.done == ["running", "flush"]
    assert here.results["running"].status == "done"
    assert here.results["waiting"] == CommandResult("waiting", "refused", "it was flushed from the queue")
    assert here.results["flush"].status == "done"
    assert not here.switch.doubled


@pytest.mark.parametrize("after", [0.0, 0.01, 0.02, 0.03, 0.05, 0.5])
async def test_flush_at_any_moment_ends_what_runs(here, after):
    """Also what the switch has only just been given."""
    here.switch.lasts = {"long": 1000.0}
    await here.attach()
    here.ask(play("long"), "running")
    await here.node.advance(after)
    here.ask(play("short", insert_at="flush"), "flush")
    await here.node.advance(10)
    assert here.results.keys() == {"running", "flush"}
    assert here.switch.done[-1] == "flush"
    assert not here.switch.doubled


async def test_now_goes_past_the_queue(here):
    here.switch.lasts = {"long": 1000.0}
    await here.attach()
    here.ask(play("long"), "running")
    await here.node.advance(1)
    assert (await here.result(kz.Break(LEG), "now")).status == "done"
    assert [type(command) for command in here.switch.beside] == [kz.Break]
    assert here.switch.variables[COMMAND_VARIABLE] == "running", "it would hide the command under way"


async def test_now_is_answered_when_the_switch_has_it(here):
    await here.attach()
    here.switch.refuses = "-ERR no"
    assert await here.result(kz.Break(LEG), "x") == CommandResult("x", "refused", "-ERR no")
    here.switch.refuses = None
    here.switch.away = True
    assert (await here.result(kz.Break(LEG), "y")).status == "refused"


@pytest.mark.parametrize("command", [kz.Hangup(LEG, insert_at="now"), kz.Respond(LEG, 486, insert_at="now")])
async def test_an_end_is_given_until_the_switch_has_it(here, command):
    """Whoever wants the call to end wants it also when the switch is back."""
    await here.attach()
    here.switch.away = True
    here.ask(command, "end")
    await here.node.advance(60)
    assert not here.results
    here.switch.away = False
    await here.node.advance(10)
    assert here.switch.gone
    assert here.results["end"].status in ("done", "gone")


async def test_too_many_past_the_queue_are_refused(here):
    await here.attach()
    here.switch.away = True
    for n in range(MOST_AT_ONCE + 1):
        here.ask(kz.Hangup(LEG, insert_at="now"), f"h{n}")
    await here.node.advance(1)
    assert [result.response for result in here.results.values()] == ["too many commands are under way"]


# Hold


async def test_hold_plays_until_the_next_command(here):
    await here.attach()
    assert (await here.result(kz.Hold(LEG), "hold")).status == "done"
    await here.node.advance(60)
    assert here.switch.application == "hold"
    assert (await here.result(play("x"), "next")).status == "done"
    assert here.switch.done[-1] == "next"


async def test_hold_after_hold(here):
    await here.attach()
    for n in range(3):
        assert (await here.result(kz.Hold(LEG), f"hold-{n}")).status == "done"
        await here.node.advance(0.5)
    assert (await here.result(play("x"), "next")).status == "done"


async def test_a_successor_knows_that_music_plays(here):
    await here.attach()
    await here.result(kz.Hold(LEG), "hold")
    await here.node.advance(1)
    here.kill()
    assert (await here.result(play("x"), "next")).status == "done"
    assert here.switch.done[-1] == "next"


# A successor


async def begun(here, medium="long", command_id="a", checkpoint="at"):
    """A command that runs, and whose result is waited for."""
    here.switch.lasts.setdefault("long", 20.0)
    await here.node.advance(0.2)
    await here.attach()
    here.ask(play(medium), command_id, checkpoint)
    await here.node.advance(1)
    assert here.switch.application == "play"


async def test_a_command_that_was_done_meanwhile(here):
    await begun(here)
    here.switch.silent = True
    here.kill()
    here.switch.away = True
    await here.node.advance(30)
    here.switch.away = False
    await here.node.advance(6)
    assert here.results["a"].status == "done"
    assert here.switch.given == ["a"]


async def test_a_command_that_runs_is_waited_for(here):
    await begun(here)
    here.kill()
    await here.node.advance(5)
    assert not here.results
    await here.node.advance(20)
    assert here.results["a"].status == "done"
    assert here.switch.given == ["a"]


async def test_a_command_of_which_the_switch_knows_nothing_is_given(here):
    await here.attach()
    here.switch.away = True
    here.ask(play("x"), "a")
    await here.node.advance(1)
    here.kill()
    await here.node.advance(1)
    here.switch.away = False
    await here.node.advance(10)
    assert here.results["a"].status == "done"
    assert here.switch.given == ["a"]


async def test_a_command_that_the_switch_has_noted_but_does_not_do_is_looked_at_twice(before):
    """It may have been given an instant ago, and shows only when it begins."""
    before.switch.variables |= {COMMAND_VARIABLE: "a", CHECKPOINT_VARIABLE: "at"}
    await before.start_call()
    before.ask(play("x"), "a")
    await before.node.advance(SETTLE_AFTER * 0.9)
    assert not before.switch.given
    await before.node.advance(5)
    assert before.switch.given == ["a"]
    assert before.results["a"].status == "done"


async def test_a_command_that_begins_late_is_not_given_again(here):
    here.switch.begins_after = 0.3
    await here.attach()
    here.ask(play("x"), "a")
    await here.node.advance(0.05)
    here.kill()
    await here.node.advance(10)
    assert here.results["a"].status == "done"
    assert here.switch.given == ["a"]


async def test_its_place_in_the_callflow_survives(here):
    await begun(here, checkpoint="menu/3")
    here.kill()
    info = await here.attach()
    assert info.checkpoint == "menu/3"
    assert info.custom_channel_vars["Account-ID"] == "a" * 32


async def test_a_successor_knows_its_controller(here):
    """It need not attach again: it hears events and ends, and its death is noticed."""
    await begun(here)
    here.kill()
    await here.node.advance(1)
    digit = DtmfReceived(LEG, dtmf_digit="5")
    here.switch.event(digit)
    await here.node.idle()
    assert [news.event for news in here.controller.messages if isinstance(news, LegEvent)] == [digit]
    here.router.messages.clear()
    here.node.exit(here.controller.pid, "kill")
    await here.node.advance(CONTROLLER_GRACE + 0.1)
    assert here.wins


async def test_a_successor_without_a_controller_calls_for_one(here):
    await begun(here)
    here.router.messages.clear()
    here.node.exit(here.controller.pid, "kill")
    here.kill()
    await here.node.advance(CONTROLLER_GRACE + 0.1)
    assert here.wins
    assert not [message for message in here.router.messages if isinstance(message, RouteReq)], "it is routed already"


# Events that are lost


async def test_an_end_that_was_not_told_is_found(here):
    await begun(here)
    here.switch.silent = True
    await here.node.advance(20 + RECHECK_EVERY)
    assert here.results["a"].status == "done"
    assert here.switch.given == ["a"]


async def test_a_note_that_was_lost_with_the_connection_is_made_again(here):
    """The switch does the command, but of what was sent behind it nothing arrived."""
    here.switch.loses_notes = True
    await begun(here)
    here.switch.loses_notes = False
    here.switch.silent = True
    here.node.cast(call_name(LEG), Recheck())
    await here.node.advance(0.5)
    assert here.switch.settled == ["a"]
    await here.node.advance(20 + RECHECK_EVERY)
    assert here.results["a"].status == "done"
    assert here.switch.given == ["a"], "without the note it would have seemed lost, and been given again"


async def test_a_leg_that_the_switch_no_longer_has(here):
    await begun(here)
    here.switch.gone = True
    here.node.cast(call_name(LEG), Recheck())
    await here.node.advance(0.5)
    assert here.results["a"].status == "gone"
    [lost] = [news for news in here.channels.messages if isinstance(news, LegLost)]
    assert lost.leg.call_id == LEG


@pytest.mark.parametrize(
    "words", ["-ERR No such channel!", "-ERR invalid session id [x]", "-ERR Cannot locate session!"]
)
async def test_a_refusal_that_says_the_leg_is_gone_is_checked(here, words):
    await here.attach()
    here.switch.refuses = words
    here.ask(play("x"), "a")
    await here.node.advance(1)
    assert not here.results, "the leg is there by the switch's own list"
    here.switch.refuses = None
    await here.node.advance(RECHECK_EVERY + 5)
    assert here.results["a"].status == "done"


async def test_events_of_other_commands_end_nothing(here):
    await begun(here)
    for command_id in ("", "b", None):
        event = module.ChannelExecuteCompleted(LEG, msg_id=command_id)
        here.node.send(call_name(LEG), LegEvent("fs1", event))
    await here.node.advance(1)
    assert not here.results


# A switch that is away


async def test_a_command_waits_for_the_switch(here):
    await here.attach()
    here.switch.away = True
    here.ask(play("x"), "a")
    await here.node.advance(300)
    assert not here.results
    assert here.switch.looks < 200, "it is not asked all the time"
    here.switch.away = False
    await here.node.advance(10)
    assert here.results["a"].status == "done"


async def test_a_switch_that_does_not_answer_in_time(here):
    """The command may have been taken: it is looked at, and not given again."""
    await here.attach()
    here.switch.answers_after = 16.0
    here.ask(play("x"), "a")
    await here.node.advance(15.5)
    here.switch.answers_after = 0.02
    await here.node.advance(20)
    assert here.results["a"].status == "done"
    assert not here.switch.doubled


async def test_a_controller_that_attaches_early_waits_for_the_first_look(before):
    before.switch.away = True
    await before.start_call()
    attached = asyncio.ensure_future(before.node.call(call_name(LEG), Attach(executor_name(LEG)), timeout=60.0))
    await before.node.advance(5)
    assert not attached.done()
    before.switch.away = False
    info = await before.node.drive(attached)
    assert info.leg.call_id == LEG


# Its end


async def test_the_end_of_the_call_is_told_to_all_who_wait(here):
    here.switch.lasts = {"long": 1000.0}
    await here.attach()
    for name in ("running", "waiting"):
        here.ask(play("long"), name)
    await here.node.advance(1)
    here.switch.hang_up("ORIGINATOR_CANCEL")
    await here.node.advance(0.1)
    assert here.results == {name: CommandResult(name, "gone", "ORIGINATOR_CANCEL") for name in ("running", "waiting")}
    assert CallEnded(LEG, "ORIGINATOR_CANCEL") in here.controller.messages
    assert (await here.result(play("x"), "late")).status == "gone"
    info = await here.attach()
    assert (info.ended, info.hangup_cause) == (True, "ORIGINATOR_CANCEL")


async def test_it_stays_for_its_controller_but_not_for_ever(here):
    await here.attach()
    here.switch.hang_up()
    await here.node.advance(LINGER * 3)
    assert here.alive
    await here.node.advance(LINGER_CONTROLLED)
    assert not here.alive


async def test_it_ends_with_its_controllers_work(here):
    await here.attach()
    here.switch.hang_up()
    await here.node.advance(1)
    here.node.cast(call_name(LEG), Detach())
    await here.node.idle()
    assert not here.alive


async def test_without_a_controller_it_ends_soon(here):
    await here.node.advance(0.5)
    here.switch.hang_up()
    await here.node.advance(LINGER + 0.5)
    assert not here.alive


async def test_a_controller_that_dies_after_the_end_is_replaced(here):
    """It may have had to finish something: store a message, say."""
    await here.attach()
    await here.result(play("x"), "a", "voicemail")
    here.switch.hang_up()
    await here.node.advance(0.5)
    here.router.messages.clear()
    here.node.exit(here.controller.pid, "kill")
    await here.node.advance(CONTROLLER_GRACE + 0.1)
    assert here.wins
    await here.node.advance(LINGER * 2)
    assert here.alive


async def test_the_end_of_a_leg_of_which_nothing_was_known(before):
    before.switch.away = True
    await before.start_call()
    await before.node.advance(1)
    before.node.send(call_name(LEG), LegEvent("fs1", ChannelDestroyed(LEG, hangup_cause="USER_BUSY")))
    info = await before.attach()
    assert (info.ended, info.hangup_cause, info.leg.call_id) == (True, "USER_BUSY", LEG)


@pytest.mark.parametrize(
    "event", [ChannelCreated(LEG), ChannelAnswered(LEG), ChannelDestroyed(LEG, hangup_cause="OTHER")]
)
async def test_events_after_the_end_change_nothing(here, event):
    await here.attach()
    here.switch.hang_up("NORMAL_CLEARING")
    await here.node.idle()
    here.node.send(call_name(LEG), LegEvent("fs1", event))
    info = await here.attach()
    assert (info.ended, info.hangup_cause) == (True, "NORMAL_CLEARING")


async def test_events_before_the_first_look(before):
    before.switch.away = True
    await before.start_call()
    before.node.send(call_name(LEG), LegEvent("fs1", ChannelAnswered(LEG)))
    before.node.send(call_name(LEG), LegEvent("fs1", ChannelCreated(LEG)))
    await before.node.advance(1)
    before.switch.away = False
    before.switch.answered = True
    assert (await before.attach()).answered


# Its controller


async def test_the_controller_hears_the_calls_events(here):
    await here.attach()
    digit = DtmfReceived(LEG, dtmf_digit="5")
    here.switch.event(digit)
    await here.node.idle()
    assert [news.event for news in here.controller.messages if isinstance(news, LegEvent)] == [digit]


async def test_a_controller_that_dies_is_called_for(here):
    await here.attach()
    here.router.messages.clear()
    here.node.exit(here.controller.pid, "kill")
    await here.node.advance(CONTROLLER_GRACE / 2)
    assert not here.wins, "its supervisor may have it back at once"
    await here.node.advance(CONTROLLER_GRACE)
    assert len(here.wins) == 1
    await here.node.advance(ROUTE_TIMEOUT * 3)
    assert len(here.wins) > 2, "until there is one"


async def test_a_controller_that_is_back_is_not_called_for(here):
    await here.attach()
    here.router.messages.clear()
    here.node.exit(here.controller.pid, "kill")
    await here.node.idle()
    await here.attach()
    await here.node.advance(60)
    assert not here.wins


async def test_a_controller_that_detaches_is_done(here):
    await here.attach()
    here.router.messages.clear()
    here.node.cast(call_name(LEG), Detach())
    here.node.exit(here.controller.pid, "kill")
    await here.node.advance(RECHECK_EVERY * 3)
    assert not here.wins
    assert here.alive


async def test_a_dead_table_is_no_matter(here):
    here.node.exit(here.channels.pid, "kill")
    await here.node.idle()
    assert here.node.whereis(channels_name(SWITCH)) is None
    await here.attach()
    assert (await here.result(play("x"), "a")).status == "done"


async def test_once_it_has_ended_its_name_leads_nowhere(here):
    here.node.cast(call_name(LEG), Detach())
    here.switch.hang_up()
    await here.node.advance(LINGER + 1)
    with pytest.raises(NoProc):
        await here.node.drive(here.node.call(call_name(LEG), Execute("a", play("x")), timeout=1.0))
