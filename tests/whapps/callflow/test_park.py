"""park: into a slot, out of it, and ringing back."""

from __future__ import annotations

from typing import Any

import pytest

from mirliton.actors.kapi.dialplan import CallPickup
from mirliton.actors.store import DocumentNotFound
from mirliton.supervisors import Supervisor
from mirliton.whapps.callflow.listener import executor_tree
from scripted_switch import CALL

PARKER = "2" * 32
IN_VAIN = {"originate_disposition": "NO_ANSWER"}
BY_PHONE = {"Referred-By": "<sip:ph@acme.example>"}


def _end(code: int) -> dict[str, Any]:
    return {"module": "response", "data": {"code": code}}


async def _lot(here: Any, data: Any, *, taken: dict[str, str] | None = None, keys: tuple[str, ...] = ("_",)) -> None:
    """Slots of which some are taken; all those calls are up but one that is called `gone`."""
    await here.put(
        {"_id": PARKER, "pvt_type": "device", "name": "p", "sip": {"username": "ph", "realm": "acme.example"}}
    )
    here.others.append({"uuid": CALL, "account_id": here.account_id})
    for slot, call_id in (taken or {}).items():
        await here.put({"_id": f"parking-slot-{slot}", "pvt_type": "parked_call", "slot": {"Call-ID": call_id}})
        if call_id != "gone":
            here.others.append({"uuid": call_id, "account_id": here.account_id})
    await here.flow_of({"module": "park", "data": data, "children": {key: _end(400 + n) for n, key in enumerate(keys)}})


async def _slot(here: Any, slot: str) -> str | None:
    try:
        return str((await here.get(f"parking-slot-{slot}"))["slot"]["Call-ID"])
    except DocumentNotFound:
        return None


@pytest.mark.parametrize(
    ("data", "taken", "captured", "slot"),
    [
        ({}, {}, "", "101"),
        ({}, {"101": "a", "102": "gone"}, "", "102"),
        ({"slot": "7"}, {}, "", "7"),
        ({"action": "direct_park"}, {}, "8", "8"),
        ({"action": "auto"}, {"9": "gone"}, "9", "9"),
        ({"slot": "../x"}, {}, "", "101"),
    ],
    ids=str,
)
async def test_a_call_is_in_its_slot_while_it_is_there(
    world: Any, caller: Any, data: Any, taken: Any, captured: str, slot: str
) -> None:
    async with world(caller(bridges=[IN_VAIN], holds=2)) as here:
        here.ccvs.update({"Capture-Group": captured, **BY_PHONE})
        await _lot(here, {"default_ringback_timeout": 60_000, **data}, taken=taken)
        seen: list[str | None] = []
        took = here.channel.carry_out

        def watched(command_id: str, command: Any, checkpoint: str) -> Any:
            seen.append(type(command).__name__)
            return took(command_id, command, checkpoint)

        here.channel.carry_out = watched
        before = here.node.clock.now()
        assert (await here.call()).said() == ["answer", "hold", f"ring {PARKER}", "answer", "hold"]
        assert here.node.clock.now() - before >= 60.0
        assert await _slot(here, slot) is None
        assert seen.count("Hold") == 2


async def test_a_slot_that_is_taken_is_refused(world: Any) -> None:
    async with world() as here:
        await _lot(here, {"slot": "7"}, taken={"7": "a"})
        assert (await here.call()).said() == ["park-already_in_use", "respond"]
        assert await _slot(here, "7") == "a"


async def test_all_slots_may_be_taken(world: Any) -> None:
    async with world() as here:
        await _lot(here, {"max_slot_number": 102}, taken={"101": "a", "102": "b"}, keys=("_", "MAX_SLOT_EXCEEDED"))
        (respond,) = [command for _, command in (await here.call()).commands]
        assert respond.response_code == 401


async def test_a_call_that_nobody_wants_back_goes_on_with_its_slot(world: Any, caller: Any) -> None:
    async with world(caller(bridges=[IN_VAIN])) as here:
        here.ccvs.update(BY_PHONE)
        await _lot(here, {"slots": {"7": {"ringback_timeout": 5000}}, "slot": "7"}, keys=("_", "7"))
        log = await here.call()
        assert log.said() == ["answer", "hold", f"ring {PARKER}", "respond"]
        assert log.commands[-1][1].response_code == 401
        assert await _slot(here, "7") is None


async def test_whoever_parked_it_may_take_it_back(world: Any, caller: Any) -> None:
    async with world(caller(bridges=[{"originate_disposition": "SUCCESS"}])) as here:
        here.ccvs.update(BY_PHONE)
        await _lot(here, {"slot": "7"})
        log = await here.call()
        assert (log.said()[-1], log.hangups) == (f"ring {PARKER}", ["NORMAL_CLEARING"])
        assert await _slot(here, "7") is None


@pytest.mark.parametrize("action", ["retrieve", "auto"])
async def test_a_call_is_taken_out_of_its_slot(world: Any, action: str) -> None:
    async with world() as here:
        here.ccvs["Capture-Group"] = "7"
        await _lot(here, {"action": action}, taken={"7": "parked"})
        log = await here.call()
        assert (log.said(), log.hangups) == (["answer", "callpickup"], ["NORMAL_CLEARING"])
        (pickup,) = [command for _, command in log.commands if isinstance(command, CallPickup)]
        assert (pickup.target_call_id, pickup.unbridged_only) == ("parked", True)
        assert await _slot(here, "7") is None


@pytest.mark.parametrize(("taken", "picks_up"), [({}, True), ({"7": "gone"}, True), ({"7": "parked"}, False)])
async def test_there_may_be_no_call_in_the_slot(world: Any, caller: Any, taken: Any, picks_up: bool) -> None:
    async with world(caller(picks_up=picks_up)) as here:
        await _lot(here, {"action": "retrieve", "slot": "7"}, taken=taken)
        said = (await here.call()).said()
        assert said[-3:] == ["park-there_is_no_call_in_slot_number", "«7»", "respond"]
        assert await _slot(here, "7") == taken.get("7")


async def test_a_call_that_was_taken_out_rings_nobody(world: Any, caller: Any) -> None:
    async with world(caller(bridges=[IN_VAIN])) as here:
        here.ccvs.update(BY_PHONE)
        await _lot(here, {"slot": "7"})
        supervisor = await here.node.drive(here.node.start(Supervisor, executor_tree(CALL, here.media_urls)))
        await here.node.advance(10.0)
        assert await _slot(here, "7") == CALL
        # Somebody takes it out, and puts a call of their own into the slot.
        here.channel.variables["signal_bond"] = "somebody"
        here.others.append({"uuid": "other", "account_id": here.account_id})
        await here.put({**(await here.get("parking-slot-7")), "slot": {"Call-ID": "other"}})
        await here.node.drive(here.node.wait_exit(supervisor, timeout=30.0))
        assert here.channel.log.said() == ["answer", "hold"]
        assert here.channel.log.hangups == ["NORMAL_CLEARING"]
        assert await _slot(here, "7") == "other"
