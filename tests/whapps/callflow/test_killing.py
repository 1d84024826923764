"""Kill whoever runs a call, at any moment at which anything happens: the caller must hear the same, once, and the same
must be in the store.

How it is done stands in `tests/support/killed_calls.py`.
"""

from __future__ import annotations

from typing import Any

import pytest

from killed_calls import Scenario, changes_nothing, several_change_nothing

BOX, OTHER, MENU, SALES = "b" * 32, "c" * 32, "d" * 32, "e" * 32
MESSAGES = ("202601-" + "1" * 32, "202601-" + "2" * 32, "202512-" + "3" * 32)


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


@pytest.mark.parametrize("who", ["executor", "call", "executor+call"])
@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.timeout(300)
async def test_a_kill_at_any_moment_changes_nothing(world: Any, caller: Any, name: str, who: str) -> None:
    await changes_nothing(world, caller, SCENARIOS[name], who)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", [name for name, scenario in SCENARIOS.items() if not scenario.leaves_a_message])
async def test_several_kills_change_nothing(world: Any, caller: Any, name: str, seed: int) -> None:
    await several_change_nothing(world, caller, SCENARIOS[name], name, seed)
