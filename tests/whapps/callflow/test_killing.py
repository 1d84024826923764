"""Kill whoever runs a call, at any moment at which anything happens: the caller must hear the same, once, and the same
must be in the store.

By default some moments of each scenario are tried, spread over its whole length; with MIRLITON_EVERY_MOMENT set in the
environment, each of them (a few minutes).
"""

from __future__ import annotations

import os
import random
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

BOX, OTHER, MENU, SALES = "b" * 32, "c" * 32, "d" * 32, "e" * 32
MESSAGES = ("202601-" + "1" * 32, "202601-" + "2" * 32, "202512-" + "3" * 32)


@dataclass
class Scenario:
    """A caller, and what is in the store when the call comes."""

    keys: dict[str, list[str]]
    prepare: Callable[[Any], Awaitable[None]]
    records: tuple[Any, ...] = ()
    bridges: tuple[dict[str, str], ...] = ()
    leaves_a_message: bool = False
    """The caller hangs up while something of it is still to be done."""


async def _menu(here: Any) -> None:
    await here.put({"_id": MENU, "pvt_type": "menu", "name": "main", "hunt_allow": r"^2\d\d$"})
    await here.put(
        {"_id": SALES, "pvt_type": "callflow", "numbers": ["201"], "flow": {"module": "response", "data": {}}}
    )
    await here.flow_of({"module": "menu", "data": {"id": MENU}, "children": {"1": {"module": "hangup"}}})


async def _compose(here: Any) -> None:
    await here.put({"_id": BOX, "pvt_type": "vmbox", "name": "box", "mailbox": "2000", "media_extension": "wav"})
    await here.flow_of({"module": "voicemail", "data": {"id": BOX}, "children": {"_": {"module": "response"}}})


async def _check(here: Any) -> None:
    await here.put({"_id": BOX, "pvt_type": "vmbox", "name": "box", "mailbox": "2000", "pin": "1234"})
    await here.put({"_id": OTHER, "pvt_type": "vmbox", "name": "other", "mailbox": "2001"})
    for number, message_id in enumerate(MESSAGES):
        await here.message(BOX, message_id, folder="new", age=60.0 + number)
    await here.flow_of({"module": "voicemail", "data": {"action": "check"}})


async def _ring_group(here: Any) -> None:
    for number in (1, 2, 3):
        await here.put({"_id": f"device-{number}", "name": "phone", "sip": {"username": f"phone{number}"}})
    await here.put({"_id": here.account_id, "pvt_type": "account", "name": "acme", "realm": "acme.example"})
    members = [{"id": f"device-{number}", "endpoint_type": "device", "weight": 30} for number in (1, 2, 3)]
    data = {"endpoints": members, "repeats": 3, "strategy": "weighted_random"}
    await here.flow_of({"module": "ring_group", "data": data, "children": {"_": {"module": "response"}}})


SCENARIOS = {
    "menu": Scenario({"menu-no_prompt": ["9", "", "201"]}, _menu),
    "menu in vain": Scenario({"menu-no_prompt": ["9", "777"]}, _menu),
    "compose": Scenario({"vm-review_recording": ["2", "3", "1"]}, _compose, records=(4000, 5000)),
    "compose, hung up": Scenario({}, _compose, records=("hangup",), leaves_a_message=True),
    "compose, end untold": Scenario({}, _compose, records=("gone",), leaves_a_message=True),
    "compose, hung up in the review": Scenario({"vm-review_recording": ["hangup"]}, _compose, leaves_a_message=True),
    "check": Scenario(
        {
            "vm-enter_id": ["999", "2000"],
            "vm-enter_pass": ["9999", "1234"],
            "vm-main_menu": ["1", "2", "#"],
            "vm-message_menu": ["2", "7", "1", "3", "4", "0"],
            "vm-enter_forward_id": ["2000", "2001"],
        },
        _check,
    ),
    "settings": Scenario(
        {
            "vm-enter_id": ["2000"],
            "vm-enter_pass": ["1234"],
            "vm-main_menu": ["5", "#"],
            "vm-settings_menu": ["1", "3", "0"],
            "vm-review_recording": ["3", "1"],
            "vm-enter_new_pin": ["12", "4321"],
            "vm-enter_new_pin_confirm": ["12", "4321"],
        },
        _check,
    ),
    "ring_group": Scenario({}, _ring_group, bridges=({"originate_disposition": "NO_ANSWER"},) * 2),
}


KINDS = ("mailbox_message", "vmbox", "media")
MOMENTS = {"executor": 20, "call": 9, "executor+call": 9}
"""How many moments are tried by default."""


async def _run(world: Any, caller: Any, scenario: Scenario, kill_at: dict[int, str], real_call: bool) -> Any:
    """What was done in a run, and what is in the store after it."""
    wishes = caller(scenario.keys, scenario.records, scenario.bridges)
    async with world(wishes, kill_at=kill_at, real_call=real_call) as here:
        await scenario.prepare(here)
        log = await here.call()
        moments, kills = here.moments, here.ticks.kills
        if scenario.leaves_a_message and "executor+call" in kill_at.values():
            # Nobody is left who knows of the call: the message is found when the mailbox is used again.
            await here.call_again(caller({"vm-person": ["hangup"]}), after=7200.0)
        stored = {doc["_id"]: _settled(doc) for kind in KINDS for doc in await here.docs(kind)}
        return (log.commands, log.hangups, stored), moments, kills


def _settled(doc: dict[str, Any]) -> dict[str, Any]:
    """A document without what tells how often, and in which second, it was written."""
    kept = {name: value for name, value in doc.items() if name not in ("_rev", "pvt_modified")}
    audio = {name: stub["digest"] for name, stub in doc.get("_attachments", {}).items()}
    return {**kept, "_attachments": audio}


def _chosen(moments: int, who: str) -> Iterator[int]:
    """Which moments are tried: all, or some at equal distances, others for everybody who is killed."""
    if "MIRLITON_EVERY_MOMENT" in os.environ:
        return iter(range(1, moments + 1))
    step = max(1, moments // MOMENTS[who])
    return iter(range(1 + len(who) % step, moments + 1, step))


@pytest.mark.parametrize("who", ["executor", "call", "executor+call"])
@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.timeout(300)
async def test_a_kill_at_any_moment_changes_nothing(world: Any, caller: Any, name: str, who: str) -> None:
    scenario = SCENARIOS[name]
    real_call = who != "executor"
    expected, moments, _ = await _run(world, caller, scenario, {}, real_call)
    assert len(expected[0]) > 2, "the scenario does nothing"
    for moment in _chosen(moments, who):
        found, _, kills = await _run(world, caller, scenario, {moment: who}, real_call)
        assert kills, f"nobody was killed at {moment}"
        assert found == expected, f"differs when killed at {moment}"


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", [name for name, scenario in SCENARIOS.items() if not scenario.leaves_a_message])
async def test_several_kills_change_nothing(world: Any, caller: Any, name: str, seed: int) -> None:
    scenario = SCENARIOS[name]
    expected, moments, _ = await _run(world, caller, scenario, {}, True)
    chance = random.Random(f"{name}/{seed}")
    kill_at = {chance.randint(1, moments): chance.choice(["executor", "call", "executor+call"]) for _ in range(4)}
    found, _, kills = await _run(world, caller, scenario, kill_at, True)
    assert kills
    assert found == expected, f"differs with {kill_at}"
