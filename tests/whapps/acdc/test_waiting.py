"""Callers in a queue: who comes in, who is next, who is let out."""

from __future__ import annotations

from typing import Any

import pytest

from mirliton.actors.kapi.acdc_agent import Login, Logout
from tenants import ALICE, BOB, CAROL, DAVE, DEMO

BUSY = "USER_BUSY"
"""How a call ends whose flow goes on behind the queue."""


async def test_a_caller_gets_a_free_agent(centre: Any) -> None:
    await centre.queue(BOB)
    caller = await centre.caller()
    agent = await caller.wait_bridged(10.0)
    await centre.becomes(BOB, "answered")
    await centre.is_so(lambda queue: not queue.waiting and not queue.offered)
    agent.hang_up()
    assert await caller.wait_ended(10.0) == "NORMAL_CLEARING"
    await centre.becomes(BOB, "ready")


async def test_callers_are_served_in_the_order_of_their_coming(centre: Any) -> None:
    await centre.queue()
    callers = []
    for _ in range(3):
        callers.append(await centre.caller())
        await centre.waits(callers[-1])
    await centre.belongs(BOB)
    await centre.told(BOB, Login(DEMO.account_id, BOB.user_id))
    for caller in callers:
        agent = await caller.wait_bridged(10.0)
        assert not any(other.partner for other in callers if other is not caller)
        agent.hang_up()
        await caller.wait_ended(10.0)


async def test_priority_comes_before_the_order_of_coming(centre: Any) -> None:
    await centre.queue(max_priority=5)
    flow = {"module": "acdc_member", "data": {"id": "queue-support", "priority": 3}, "children": {}}
    await centre.put("callflow", {"_id": "callflow-vip", "numbers": ["5001"], "flow": flow})
    first, vip = await centre.caller(), None
    await centre.waits(first)
    vip = await centre.caller(number="5001")
    await centre.waits(vip)
    await centre.is_so(lambda queue: queue.waiting == (vip.uuid, first.uuid))
    for caller in (vip, first):
        caller.hang_up()
        await caller.wait_ended(10.0)
    await centre.is_so(lambda queue: not queue.waiting)


async def test_a_full_queue_lets_nobody_in(centre: Any) -> None:
    await centre.queue(max_queue_size=1)
    first = await centre.caller()
    await centre.waits(first)
    second = await centre.caller()
    assert await second.wait_ended(10.0) == BUSY
    first.hang_up()
    await first.wait_ended(10.0)


async def test_a_queue_without_agents_may_be_closed(centre: Any) -> None:
    await centre.queue(enter_when_empty=False)
    caller = await centre.caller()
    assert await caller.wait_ended(10.0) == BUSY


async def test_who_waits_is_let_out_when_the_last_agent_logs_out(centre: Any) -> None:
    await centre.queue(DAVE, enter_when_empty=False, agent_ring_timeout=2)
    await centre.told(DAVE, Login(DEMO.account_id, DAVE.user_id))
    caller = await centre.caller()
    await centre.waits(caller)
    await centre.told(DAVE, Logout(DEMO.account_id, DAVE.user_id))
    assert await caller.wait_ended(10.0) == BUSY


async def test_the_exit_key_leads_on_and_other_keys_do_not(centre: Any) -> None:
    await centre.queue(caller_exit_key="7")
    caller = await centre.caller()
    await centre.waits(caller)
    caller.press("#")
    caller.press("7")
    assert await caller.wait_ended(10.0) == BUSY
    await centre.is_so(lambda queue: not queue.waiting)


async def test_nobody_waits_longer_than_the_connection_timeout(centre: Any) -> None:
    await centre.queue(connection_timeout=1)
    caller = await centre.caller()
    await centre.waits(caller)
    assert await caller.wait_ended(10.0) == BUSY


async def test_a_caller_who_hangs_up_while_an_agent_is_rung_sets_the_agent_free(centre: Any) -> None:
    await centre.queue(DAVE, agent_ring_timeout=60)
    caller = await centre.caller()
    await centre.rings_at(DAVE)
    await centre.becomes(DAVE, "ringing")
    caller.hang_up()
    await caller.wait_ended(10.0)
    await centre.becomes(DAVE, "ready")
    assert centre.agent(DAVE).missed == 0
    await centre.is_so(lambda queue: not queue.waiting and not queue.offered)


@pytest.mark.parametrize("who", ["CAROL", "DAVE"])
async def test_an_agent_who_misses_calls_is_left_alone_for_a_while_but_stays_logged_in(centre: Any, who: str) -> None:
    person = {"CAROL": CAROL, "DAVE": DAVE}[who]
    await centre.queue(person, agent_ring_timeout=1)
    caller = await centre.caller()
    await centre.becomes(person, "paused")
    assert centre.rung(person) == 3
    until = centre.agent(person).paused_until
    assert 50.0 < until - centre.node.clock.time() <= 60.0
    # Time passes; nobody has to log anybody in.
    centre.agent(person).paused_until = centre.node.clock.time()
    centre.actor(person)._changed()
    await centre.becomes(person, "paused")
    assert centre.rung(person) == 6
    caller.hang_up()
    await caller.wait_ended(10.0)


async def test_somebody_else_is_rung_when_an_agent_does_not_answer(centre: Any) -> None:
    await centre.queue(CAROL, agent_ring_timeout=2)
    caller = await centre.caller()
    await centre.becomes(CAROL, "paused")
    await centre.belongs(BOB)
    await centre.told(BOB, Login(DEMO.account_id, BOB.user_id))
    agent = await caller.wait_bridged(10.0)
    agent.hang_up()
    await caller.wait_ended(10.0)


async def test_all_agents_ring_and_the_others_are_free_when_one_answers(centre: Any) -> None:
    await centre.queue(BOB, CAROL, DAVE, strategy="ring_all", agent_ring_timeout=60)
    caller = await centre.caller()
    agent = await caller.wait_bridged(10.0)
    await centre.becomes(BOB, "answered")
    await centre.becomes(DAVE, "ready")
    agent.hang_up()
    await caller.wait_ended(10.0)
    await centre.becomes(BOB, "ready")
    assert centre.agent(DAVE).missed == 0


async def test_a_phone_that_is_not_for_queues_is_not_rung(centre: Any) -> None:
    await centre.queue(BOB)
    device = await centre.world.store.get(DEMO.db, BOB.device_id)
    await centre.world.store.put(DEMO.db, {**device, "exclude_from_queues": True})
    caller = await centre.caller()
    await centre.becomes(BOB, "paused")
    assert centre.rung(BOB) == 0
    caller.hang_up()
    await caller.wait_ended(10.0)


async def test_a_queue_that_does_not_exist_is_passed_by(centre: Any) -> None:
    await centre.queue()
    flow = {"module": "acdc_member", "data": {"id": "nothing"}, "children": {"_": {"module": "response", "data": {}}}}
    await centre.put("callflow", {"_id": "callflow-none", "numbers": ["5002"], "flow": flow})
    caller = await centre.caller(ALICE, "5002")
    await caller.wait_ended(10.0)
