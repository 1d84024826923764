"""Calls that go on by legs of the switch's own: forwarded ones, end to end on a simulated switch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mirliton.actors.call import Call
from mirliton.actors.store import update
from mirliton.ecallmgr.simulator import await_answer, hang_up
from mirliton.whapps.callflow.executor import Executor
from tenants import ALICE, BOB, DAVE, DEMO, TIM, TINY, TOM, Person, Tenant
from world import World, a_world

TALKS = (await_answer(), hang_up(after=8))


async def _forward(world: World, whose: Person, number: str, tenant: Tenant = DEMO, **more: Any) -> None:
    forward = {"enabled": True, "number": number, "require_keypress": False, **more}
    await update(world.store, tenant.db, whose.user_id, lambda doc: {**doc, "call_forward": forward})


async def _legs(world: World, of: int) -> list[tuple[Any, Any]]:
    """How all legs ended: what they are, and why."""
    cdrs = await world.cdrs(of=of)
    assert len(cdrs) == of
    return sorted((doc["call_direction"], str(doc["hangup_cause"])) for doc in cdrs)


async def test_a_forwarded_call_rings_the_other_phone(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        await _forward(world, BOB, ALICE.number)
        call = await world.place(DAVE, BOB.number, script=TALKS)
        assert await call.wait_ended() == "NORMAL_CLEARING"
        assert await _legs(world, of=4) == [("inbound", "NORMAL_CLEARING")] * 2 + [("outbound", "NORMAL_CLEARING")] * 2
        owners = {doc["custom_channel_vars"].get("owner_id") for doc in await world.cdrs(of=4)}
        assert owners == {DAVE.user_id, BOB.user_id, ALICE.user_id}
        await world.is_quiet()
        world.nothing_broke()


async def test_forwarding_in_a_circle_ends(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        await _forward(world, BOB, ALICE.number)
        await _forward(world, ALICE, BOB.number)
        call = await world.place(DAVE, BOB.number)
        await call.wait_ended()
        await world.is_quiet()
        world.nothing_broke()
        assert len(await world.cdrs(of=11)) == 11, "the caller's leg, and five pairs of the switch's own"


async def test_a_forwarded_call_counts_once(tmp_path: Path) -> None:
    """An account with one call at a time can forward that call."""
    async with a_world(tmp_path) as world:
        tone = {"module": "play", "data": {"id": "tone_stream://%(9000,0,440)"}}
        answers = {"_id": "callflow-5000", "pvt_type": "callflow", "numbers": ["5000"], "flow": tone}
        await world.store.put(TINY.db, answers)
        await _forward(world, TOM, "5000", TINY)
        call = await world.place(TIM, TOM.number, tenant=TINY, script=TALKS)
        assert await call.wait_ended() == "NORMAL_CLEARING"
        assert await _legs(world, of=3) == [("inbound", "NORMAL_CLEARING")] * 2 + [("outbound", "NORMAL_CLEARING")]
        await world.is_quiet()


@pytest.mark.parametrize("victim", [Executor, Call])
async def test_a_kill_at_the_far_end_is_not_noticed(tmp_path: Path, victim: type) -> None:
    async with a_world(tmp_path) as world:
        await _forward(world, BOB, ALICE.number)
        call = await world.place(DAVE, BOB.number, script=TALKS)
        await world.switch.happened(
            lambda event, headers: event == "CHANNEL_PROGRESS" and "alice" in str(headers.get("Channel-Name")), 20.0
        )
        for cell in list(world.node.processes()):
            if isinstance(cell.actor, victim):
                world.node.exit(cell.pid, "kill")
        assert await call.wait_ended() == "NORMAL_CLEARING"
        assert await _legs(world, of=4) == [("inbound", "NORMAL_CLEARING")] * 2 + [("outbound", "NORMAL_CLEARING")] * 2
        await world.is_quiet()
        world.nothing_broke()
