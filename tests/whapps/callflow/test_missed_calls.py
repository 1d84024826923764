"""missed_call_alert: who is told, once, when nobody took the call."""

from __future__ import annotations

from typing import Any

import pytest

from mirliton.actors.kapi.call import ChannelBridged
from mirliton.actors.mailing import SPOOL
from mirliton.actors.store import DatabaseNotFound
from mirliton.actors.switching import LegEvent, executor_name
from mirliton.ecallmgr.simulator import await_answer, hang_up
from mirliton.whapps.callflow.executor import Executor
from scripted_switch import CALL, SWITCH
from tenants import ALICE, BOB, CAROL, DEMO
from world import World, a_world

ANSWERED, BUSY = {"originate_disposition": "SUCCESS"}, {"originate_disposition": "USER_BUSY"}
ALERT = {"recipients": [{"type": "email", "id": "boss@acme.example"}, {"type": "user", "id": ["u1", "u2"]}]}
PHONE, BOX = "2" * 32, "3" * 32


async def _spooled(store: Any) -> list[dict[str, Any]]:
    try:
        rows = (await store.all_docs(SPOOL, include_docs=True)).rows
    except DatabaseNotFound:
        return []
    return [row.doc["payload"] for row in rows if row.doc is not None and "payload" in row.doc]


async def _alerts(here: Any, data: Any = ALERT, then: Any = None) -> list[dict[str, Any]]:
    await here.put({"_id": PHONE, "pvt_type": "device", "sip": {"username": "p", "realm": "acme.example"}})
    rings = then or {"module": "device", "data": {"id": PHONE}}
    await here.flow_of({"module": "missed_call_alert", "data": data, "children": {"_": rings}})
    await here.call()
    return list(await here.node.drive(_spooled(here.store)))


async def test_a_call_that_nobody_took_is_told_of(world: Any, caller: Any) -> None:
    async with world(caller(bridges=[BUSY])) as here:
        (missed,) = await _alerts(here)
        assert missed["Notify"]["recipients"] == ALERT["recipients"]
        assert (missed["Call-ID"], missed["Caller-ID-Number"], missed["To-User"]) == (CALL, "1001", "2000")


async def test_one_that_was_answered_is_not(world: Any, caller: Any) -> None:
    async with world(caller(bridges=[ANSWERED])) as here:
        assert await _alerts(here) == []


async def test_nor_one_whose_caller_left_a_message(world: Any, caller: Any) -> None:
    box = {"_id": BOX, "pvt_type": "vmbox", "name": "b", "mailbox": "2000"}
    for records, told in (((4000,), 0), (("hangup",), 0), ((100,), 1)):
        async with world(caller(bridges=[BUSY], records=records)) as here:
            await here.put(box)
            leaves = {"module": "voicemail", "data": {"id": BOX, "action": "compose"}}
            found = await _alerts(here, then=leaves)
            missed = [one for one in found if one["Event-Name"] == "missed_call"]
            assert len(missed) == told


async def test_nor_one_whose_caller_hung_up_after_a_talk(world: Any, caller: Any) -> None:
    async with world(caller({"tone_stream://1": ["hangup"]})) as here:
        bridged = LegEvent(SWITCH, ChannelBridged(call_id=CALL, other_leg_call_id="b"))
        here.node.send(executor_name(CALL), bridged)
        tone = {"module": "play", "data": {"id": "tone_stream://1", "answer": False}}
        told = await _alerts(here, then=tone)
        assert len(told) == 1, "before it began there was nobody to hear of it"


@pytest.mark.parametrize(
    "recipients",
    [None, [], "x", [5], [{"type": "fax", "id": "x"}], [{"type": "email", "id": []}], [{"type": "email", "id": [5]}]],
    ids=str,
)
async def test_an_alert_to_nobody_tells_nobody(world: Any, caller: Any, recipients: Any) -> None:
    async with world(caller(bridges=[BUSY])) as here:
        assert await _alerts(here, {"recipients": recipients}) == []


async def test_a_kill_at_any_moment_tells_once(world: Any, caller: Any) -> None:
    async with world(caller(bridges=[BUSY])) as here:
        assert len(await _alerts(here)) == 1
        moments = here.moments
    for moment in range(1, moments + 1, 3):
        for who in ("executor", "executor+call"):
            async with world(caller(bridges=[BUSY]), kill_at={moment: who}, real_call="call" in who) as here:
                assert len(await _alerts(here)) == 1, f"{who} at {moment}"


async def _calls_bob(world: World, kill: bool, number: str) -> list[dict[str, Any]]:
    """alice calls, talks if she can, and hangs up; meanwhile whoever runs her call may be killed."""
    rings = {"module": "user", "data": {"id": BOB.user_id if number == BOB.number else CAROL.user_id, "timeout": 20}}
    flow = {"module": "missed_call_alert", "data": ALERT, "children": {"_": rings}}
    await world.store.put(DEMO.db, {"_id": "callflow-7000", "pvt_type": "callflow", "numbers": ["7000"], "flow": flow})
    call = await world.place(ALICE, "7000", script=(await_answer(), hang_up(after=20)))
    if kill:
        await call.wait_bridged(20.0)
        for cell in list(world.node.processes()):
            if isinstance(cell.actor, Executor):
                world.node.exit(cell.pid, "kill")
    await call.wait_ended()
    await world.is_quiet()
    return await _spooled(world.store)


@pytest.mark.parametrize(("number", "kill", "told"), [("1002", False, 0), ("1002", True, 0), ("1003", False, 1)])
async def test_on_a_switch_who_talks_is_known(tmp_path: Any, number: str, kill: bool, told: int) -> None:
    async with a_world(tmp_path) as world:
        assert len(await _calls_bob(world, kill, number)) == told
