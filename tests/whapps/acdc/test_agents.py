"""Agents: logging in and out, pauses, wrap-up and calls of their own."""

from __future__ import annotations

from typing import Any

from call_centre import LOGIN, LOGOUT, PAUSE, QUEUE, RESUME
from mirliton.actors.kapi.acdc_agent import EndWrapup, LoginQueue, LogoutQueue, Pause, Resume
from mirliton.actors.queueing import AskAgent
from scene import eventually
from tenants import ALICE, BOB, CAROL, DAVE, DEMO

MEMBER = (DEMO.account_id, BOB.user_id)


async def _dials(centre: Any, number: str, says: str) -> None:
    call = await centre.world.place(BOB, number)
    await call.wait_heard(f"mirliton/en-us/{says}.wav", 10.0)
    await call.wait_ended(10.0)


async def test_an_agent_logs_in_pauses_resumes_and_logs_out_by_phone(centre: Any) -> None:
    await centre.queue()
    await centre.belongs(BOB)
    await _dials(centre, PAUSE, "agent-not_call_center_agent")
    await _dials(centre, LOGIN, "agent-logged_in")
    await centre.becomes(BOB, "ready")
    await _dials(centre, LOGIN, "agent-logged_already_in")
    await _dials(centre, PAUSE, "agent-pause")
    await centre.becomes(BOB, "paused")
    await _dials(centre, RESUME, "agent-resume")
    await centre.becomes(BOB, "ready")
    await _dials(centre, LOGOUT, "agent-logged_out")
    assert (await centre.told(BOB, AskAgent())).status == "logged_out"


async def test_an_agent_who_pauses_gets_no_call_until_the_pause_is_over(centre: Any) -> None:
    await centre.queue(BOB)
    told = await centre.told(BOB, Pause(*MEMBER, time_limit=0.5))
    assert told.status == "paused"
    caller = await centre.caller()
    await centre.waits(caller)
    assert not centre.rung(BOB)
    agent = await caller.wait_bridged(10.0)
    assert centre.node.clock.time() >= told.until
    agent.hang_up()
    await caller.wait_ended(10.0)


async def test_after_a_call_an_agent_is_left_alone_to_wrap_it_up(centre: Any) -> None:
    await centre.queue(BOB, agent_wrapup_time=30)
    caller = await centre.caller()
    (await caller.wait_bridged(10.0)).hang_up()
    await caller.wait_ended(10.0)
    await centre.becomes(BOB, "wrapup")
    second = await centre.caller()
    await centre.waits(second)
    await centre.told(BOB, EndWrapup(*MEMBER))
    (await second.wait_bridged(10.0)).hang_up()
    await second.wait_ended(10.0)


async def test_an_agent_in_a_call_of_its_own_is_not_rung(centre: Any) -> None:
    await centre.queue(BOB)
    own = await centre.world.place(BOB, ALICE.number)
    await own.wait_bridged(10.0)
    await centre.becomes(BOB, "outbound")
    caller = await centre.caller(DAVE)
    await centre.waits(caller)
    assert not centre.rung(BOB)
    own.hang_up()
    (await caller.wait_bridged(10.0)).hang_up()
    await caller.wait_ended(10.0)


async def test_an_agent_joins_and_leaves_a_queue(centre: Any) -> None:
    await centre.queue(BOB)
    assert (await centre.told(BOB, LogoutQueue(*MEMBER, queue_id=QUEUE))).queues == ()
    caller = await centre.caller()
    await centre.waits(caller)
    await centre.is_so(lambda queue: not queue.agents)
    assert (await centre.told(BOB, LoginQueue(*MEMBER, queue_id=QUEUE))).queues == (QUEUE,)
    user = await centre.world.store.get(DEMO.db, BOB.user_id)
    assert user["queues"] == [QUEUE]
    (await caller.wait_bridged(10.0)).hang_up()
    await caller.wait_ended(10.0)


async def test_an_agent_of_two_queues_takes_one_call_at_a_time(centre: Any) -> None:
    await centre.queue(BOB)
    await centre.put("queue", {"_id": "queue-sales", "name": "sales"})
    flow = {"module": "acdc_member", "data": {"id": "queue-sales"}, "children": {}}
    await centre.put("callflow", {"_id": "callflow-sales", "numbers": ["5003"], "flow": flow})
    await centre.told(BOB, LoginQueue(*MEMBER, queue_id="queue-sales"))
    first, second = await centre.caller(), await centre.caller(CAROL, "5003")
    talks, waits = (first, second) if await _which(first, second) else (second, first)
    agent = await talks.wait_bridged(10.0)
    assert centre.rung(BOB) == 1
    agent.hang_up()
    (await waits.wait_bridged(10.0)).hang_up()
    for call in (first, second):
        await call.wait_ended(10.0)
    assert centre.rung(BOB) == 2


async def _which(first: Any, second: Any) -> bool:
    async def bridged() -> bool:
        return bool(first.partner or second.partner)

    assert await eventually(bridged, 10.0)
    return bool(first.partner)


async def test_a_user_who_is_gone_works_no_more(centre: Any) -> None:
    await centre.queue(BOB)
    user = await centre.world.store.get(DEMO.db, BOB.user_id)
    await centre.world.store.put(DEMO.db, {**user, "pvt_deleted": True})
    centre.kill(centre.all_of()["agent bob"])
    assert (await centre.told(BOB, Resume(*MEMBER))).status == "logged_out"
