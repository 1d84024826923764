"""acdc_member beside a queue that does as it is told, in virtual time: what a caller hears, and kills at any moment."""

from __future__ import annotations

from typing import Any

import pytest

from killed_calls import Scenario, changes_nothing, several_change_nothing
from mirliton.actors.kapi.dialplan import Bridge, RecordCall, Set
from mirliton.actors.queueing import Joined, JoinQueue, LeaveQueue, NotJoined, Offered, TurnedOut, queue_name
from mirliton.actors.switching import executor_name
from mirliton.runtime.testing import Probe
from scripted_switch import ACCOUNT, CALL

QUEUE, AGENT, PHONE = "q" * 32, "a" * 32, "p" * 32
SERVED = {"originate_disposition": "SUCCESS"}
IN_VAIN = {"originate_disposition": "NO_ANSWER"}
AFTER = {"module": "response", "data": {"code": 486}, "children": {}}


async def _queue(here: Any, *, offers: int = 0, answer: Any = None, **wishes: Any) -> Probe:
    """A queue that answers a member, and offers an agent so many times."""
    await here.put({"_id": QUEUE, "pvt_type": "queue", "name": "support", "moh": "local_stream://moh", **wishes})
    await here.put({"_id": AGENT, "pvt_type": "user", "first_name": "a", "last_name": "b"})
    sip = {"username": "agent", "realm": "acme.example"}
    await here.put({"_id": PHONE, "pvt_type": "device", "name": "p", "owner_id": AGENT, "sip": sip})
    await here.flow_of({"module": "acdc_member", "data": {"id": QUEUE}, "children": {"_": AFTER}})
    here.others.append({"uuid": CALL, "account_id": here.account_id})

    def answered(request: Any) -> Any:
        if not isinstance(request, JoinQueue):
            return None
        if answer is not None:
            return answer
        tries = int(request.offer.rpartition("/")[2] or 0) if request.offer else 0
        if request.entered is not None and tries < offers:
            here.node.send(executor_name(CALL), Offered(QUEUE, f"{QUEUE}/{tries + 1}", (AGENT,)))
        entered = request.entered if request.entered is not None else here.node.clock.time()
        return Joined(entered, 2)

    return await Probe.start(here.node, name=queue_name(ACCOUNT, QUEUE), answer=answered)


def _reasons(queue: Probe) -> list[str]:
    return [message.reason for message in queue.messages if isinstance(message, LeaveQueue)]


async def test_a_caller_is_told_its_place_now_and_then(world: Any, caller: Any) -> None:
    async with world(caller(holds=3)) as here:
        queue = await _queue(here, announcements={"position_announcements_enabled": True, "interval": 60})
        before = here.node.clock.now()
        said = (await here.call()).said()
        place = ["queue-you_are_at_position", "«2»", "queue-in_the_queue"]
        assert said == ["set", "answer", "hold", *place, "hold", *place, "hold"]
        assert here.node.clock.now() - before >= 120.0
        assert _reasons(queue) == ["member_hungup"]


async def test_own_media_are_played_instead(world: Any, caller: Any) -> None:
    media = {"you_are_at_position": "tone_stream://%(1,1,1)", "in_the_queue": "tone_stream://%(2,2,2)"}
    async with world(caller(holds=2)) as here:
        wishes = {"position_announcements_enabled": True, "interval": 15, "media": media}
        await _queue(here, announcements=wishes)
        said = (await here.call()).said()
        assert said[3:6] == ["tone_stream://%(1,1,1)", "«2»", "tone_stream://%(2,2,2)"]


async def test_before_the_first_agent_is_rung_the_caller_is_told_and_recorded(world: Any, caller: Any) -> None:
    async with world(caller(bridges=[IN_VAIN, SERVED])) as here:
        queue = await _queue(here, offers=2, record_caller=True, announce="tone_stream://%(9,9,9)")
        log = await here.call()
        ring = f"ring {PHONE}"
        assert log.said() == ["set", "answer", "hold", "recordcall", "tone_stream://%(9,9,9)", ring, "hold", ring]
        (record,) = [command for _, command in log.commands if isinstance(command, RecordCall)]
        assert record.recording_variables == {"RECORD_BRIDGE_REQ": "true"}
        assert _reasons(queue) == ["served"]
        (doc,) = await here.docs("call_recording")
        assert doc["duration"] == 5


async def test_an_offer_that_came_to_nothing_is_told(world: Any, caller: Any) -> None:
    async with world(caller(bridges=[IN_VAIN, SERVED])) as here:
        queue = await _queue(here, offers=2, agent_ring_timeout=7, agent_wrapup_time=4)
        log = await here.call()
        failed = [message for message in queue.messages if isinstance(message, JoinQueue) and message.offer]
        assert {(each.offer, each.agents, each.cause) for each in failed} == {(f"{QUEUE}/1", (AGENT,), "NO_ANSWER")}
        bridge = next(command for _, command in log.commands if isinstance(command, Bridge))
        assert (bridge.timeout, bridge.ringback, bridge.ignore_early_media) == (7.0, "local_stream://moh", True)
        marks = bridge.endpoints[0].custom_channel_vars
        assert marks["Member-Call-ID"] == CALL
        assert (marks["Queue-ID"], marks["Agent-ID"], marks["Agent-Wrapup-Time"]) == (QUEUE, AGENT, "4")


@pytest.mark.parametrize("reason", ["full", "empty"])
async def test_who_is_not_let_in_goes_on(world: Any, reason: Any) -> None:
    async with world() as here:
        await _queue(here, answer=NotJoined(reason))
        assert (await here.call()).said() == ["respond"]


async def test_who_is_turned_out_goes_on_and_its_leg_says_so(world: Any) -> None:
    async with world() as here:
        queue = await _queue(here)
        here.node.after(30.0, lambda _: here.node.send(executor_name(CALL), TurnedOut(QUEUE)))
        log = await here.call()
        assert log.said() == ["set", "answer", "hold", "noop", "set", "respond"]
        noted = [command.custom_channel_vars for _, command in log.commands if isinstance(command, Set)]
        assert noted == [{"Queue-ID": QUEUE}, {"Queue-ID": ""}]
        assert _reasons(queue) == ["member_exit_empty"]


def _scenario(bridges: tuple[Any, ...], offers: int, **wishes: Any) -> Scenario:
    async def prepare(here: Any) -> None:
        await _queue(here, offers=offers, **wishes)

    return Scenario({}, prepare, bridges=bridges, least=4, unfinished=("call_recording",))


SCENARIOS = {
    "served": _scenario((SERVED,), 1),
    "served at the second try": _scenario((IN_VAIN, SERVED), 2),
    "recorded": _scenario((IN_VAIN, SERVED), 2, record_caller=True, announce="tone_stream://%(9,9,9)"),
    "in vain": _scenario((IN_VAIN,), 1, connection_timeout=60),
}


@pytest.mark.parametrize("who", ["executor", pytest.param("call", marks=pytest.mark.chaos), "executor+call"])
@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.timeout(300)
async def test_a_kill_at_any_moment_changes_nothing(world: Any, caller: Any, name: str, who: str) -> None:
    await changes_nothing(world, caller, SCENARIOS[name], who, share=4)


@pytest.mark.parametrize("name", SCENARIOS)
async def test_several_kills_change_nothing(world: Any, caller: Any, name: str) -> None:
    await several_change_nothing(world, caller, SCENARIOS[name], name, 0)
