"""Kills at each stage of a call through a queue: no place is lost, nobody is rung twice, no agent's state changes."""

from __future__ import annotations

import random
from typing import Any

import pytest

from call_centre import QUEUE
from mirliton.actors.entity_server import ENTITY_SERVER
from mirliton.actors.kapi.acdc_agent import Login, LoginQueue, Pause
from mirliton.actors.switching import CHANNELS
from mirliton.runtime import Name
from mirliton.supervisors.entities.starting import ENTITIES_SUPERVISOR
from mirliton.whapps.acdc.listener import LISTENER
from scene import eventually
from tenants import BOB, CAROL, DAVE, DEMO

MEMBER = (DEMO.account_id, BOB.user_id)
BLOWS: dict[str, tuple[str, ...]] = {
    "queue": ("queue",),
    "agent": ("agent bob",),
    "executor": ("executor 0",),
    "call": ("call 0",),
    "queue, and who is first": ("queue", "executor 0", "call 0"),
    "queue and agent": ("queue", "agent bob"),
    "queue and executors": ("queue", "executor 0", "executor 1"),
    "agent and executor": ("agent bob", "executor 0"),
    "executor and call": ("executor 0", "call 0"),
    "all": ("queue", "agent bob", "executor 0", "call 0", "executor 1", "call 1"),
    "listener": ("listener",),
    "entities": ("entities",),
    "entity server": ("entity server",),
    "acdc": ("acdc",),
    "acdc and executors": ("acdc", "executor 0", "executor 1"),
    "channel table": ("channels",),
    "channel table and queue": ("channels", "queue"),
}

_OFTEN = {"queue", "queue, and who is first", "agent", "all"}
"""What is tried with every run; the rest by `-m chaos`."""
_FEW_OFTEN = [blow if blow in _OFTEN else pytest.param(blow, marks=pytest.mark.chaos) for blow in BLOWS]


def _strike(centre: Any, blow: str, *callers: Any) -> None:
    others = {
        "listener": LISTENER,
        "entities": ENTITIES_SUPERVISOR,
        "entity server": ENTITY_SERVER,
        "acdc": Name("supervisor", "acdc"),
        "channels": CHANNELS,
    }
    named = {**centre.all_of(*callers), **others}
    centre.kill(*(named[who] for who in BLOWS[blow] if who in named))


@pytest.mark.parametrize("blow", _FEW_OFTEN)
async def test_callers_keep_their_places(centre: Any, blow: str) -> None:
    await centre.queue()
    callers = []
    for _ in range(2):
        callers.append(await centre.caller())
        await centre.waits(callers[-1])
    await centre.told(BOB, Login(*MEMBER))
    await centre.told(BOB, Pause(*MEMBER))
    await centre.told(BOB, LoginQueue(*MEMBER, queue_id=QUEUE))
    since = centre.waiting_since()
    _strike(centre, blow, *callers)
    await centre.is_so(lambda queue: queue.waiting == tuple(caller.uuid for caller in callers))
    assert await eventually(lambda: _waits_since(centre, since), 10.0)
    await centre.becomes(BOB, "paused")
    await centre.told(BOB, Pause(*MEMBER, time_limit=0.01))
    for caller in callers:
        (await caller.wait_bridged(10.0)).hang_up()
        assert await caller.wait_ended(10.0) == "NORMAL_CLEARING"
    assert centre.rung(BOB) == 2


@pytest.mark.parametrize("blow", _FEW_OFTEN)
async def test_the_agent_rings_on_and_answers(centre: Any, blow: str) -> None:
    await centre.queue(BOB, agent_wrapup_time=30, agent_ring_timeout=60)
    caller = await centre.caller()
    second = await centre.caller(DAVE)
    await centre.rings_at(BOB)
    _strike(centre, blow, caller, second)
    talks = caller if await _connected(caller, second) is caller else second
    await centre.becomes(BOB, "answered")
    assert centre.rung(BOB) == 1
    (await talks.wait_bridged(10.0)).hang_up()
    assert await talks.wait_ended(10.0) == "NORMAL_CLEARING"
    await centre.becomes(BOB, "wrapup")
    other = second if talks is caller else caller
    await centre.is_so(lambda queue: queue.waiting == (other.uuid,) and not queue.offered)
    other.hang_up()
    await other.wait_ended(10.0)
    await centre.is_so(lambda queue: not queue.waiting)


@pytest.mark.parametrize("blow", _FEW_OFTEN)
async def test_they_talk_on_and_the_agent_wraps_up(centre: Any, blow: str) -> None:
    await centre.queue(BOB, agent_wrapup_time=30)
    caller = await centre.caller()
    agent = await caller.wait_bridged(10.0)
    await centre.becomes(BOB, "answered")
    second = await centre.caller(DAVE)
    await centre.waits(second)
    _strike(centre, blow, caller, second)
    await centre.becomes(BOB, "answered")
    assert not caller.ended
    assert agent.partner is caller
    agent.hang_up()
    assert await caller.wait_ended(10.0) == "NORMAL_CLEARING"
    await centre.becomes(BOB, "wrapup")
    await centre.is_so(lambda queue: queue.waiting == (second.uuid,))
    assert centre.rung(BOB) == 1
    second.hang_up()
    await second.wait_ended(10.0)


@pytest.mark.parametrize("blow", ["agent", "all", pytest.param("acdc", marks=pytest.mark.chaos)])
async def test_a_call_that_ends_while_the_agent_is_dead_is_wrapped_up_too(centre: Any, blow: str) -> None:
    await centre.queue(BOB, agent_wrapup_time=30)
    caller = await centre.caller()
    agent = await caller.wait_bridged(10.0)
    await centre.becomes(BOB, "answered")
    await centre.is_saved(BOB)
    agent.hang_up()
    _strike(centre, blow, caller)
    assert await caller.wait_ended(10.0) == "NORMAL_CLEARING"
    await centre.becomes(BOB, "wrapup")


@pytest.mark.parametrize("blow", ["queue", *(pytest.param(blow, marks=pytest.mark.chaos) for blow in ("agent", "all"))])
async def test_an_agent_who_is_rung_in_vain_misses_the_call_once(centre: Any, blow: str) -> None:
    await centre.queue(DAVE, agent_ring_timeout=20)
    caller = await centre.caller()
    await centre.rings_at(DAVE)
    _strike(centre, blow, caller)
    await centre.rings_at(DAVE, 2)
    assert centre.agent(DAVE).missed == 1
    caller.hang_up()
    await caller.wait_ended(10.0)
    await centre.becomes(DAVE, "ready")


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.chaos) for seed in range(1, 12))])
async def test_many_kills_lose_nobody(centre: Any, seed: int) -> None:
    """Callers and agents under fire: everybody gets an agent, in the end the agents are free."""
    chance = random.Random(seed)
    await centre.queue(BOB, CAROL, ring_simultaneously=2)
    callers = []
    for _ in range(4):
        callers.append(await centre.caller())
    open_calls = list(callers)
    for _ in range(400):
        blow = chance.choice(["queue", "agent", "executor", "call", "executor and call", "listener"])
        if chance.random() < 0.2:
            _strike(centre, blow, *(open_calls + callers)[:2])
        await centre.a_moment(0.02)
        for call in [call for call in open_calls if call.partner is not None]:
            call.partner.hang_up()
        open_calls = [call for call in open_calls if not call.ended]
        if not open_calls:
            break
    for call in callers:
        assert await call.wait_ended(10.0) == "NORMAL_CLEARING"
    await centre.becomes(BOB, "ready")
    await centre.is_so(lambda queue: not queue.waiting and not queue.offered)
    assert (await centre.saved(CAROL))["status"] in ("ready", "paused")


async def _waits_since(centre: Any, since: dict[str, float]) -> bool:
    return bool(centre.waiting_since() == since)


async def _connected(*calls: Any) -> Any:
    """Which of the calls is connected first."""

    async def connected() -> bool:
        return any(call.partner for call in calls)

    assert await eventually(connected, 10.0)
    return next(call for call in calls if call.partner)
