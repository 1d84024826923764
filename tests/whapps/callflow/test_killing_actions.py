"""Kill whoever runs a call in the middle of each of the smaller actions: nothing is heard, done or written twice.

How it is done stands in `tests/support/killed_calls.py`.
"""

from __future__ import annotations

from typing import Any

import pytest

from killed_calls import Scenario, changes_nothing, several_change_nothing
from scripted_switch import CALL

USER, DEVICE, OTHER, DOC, FLOW2, NOBODYS = (str(number) * 32 for number in range(1, 7))
CALLER = {"Owner-ID": USER, "Authorizing-ID": DEVICE}
DIALTONE = "tone_stream://%(10000,0,350,440)"
END = {"module": "response", "data": {}}


def _flow(*actions: tuple[str, Any]) -> dict[str, Any]:
    flow: dict[str, Any] = END
    for module, data in reversed(actions):
        flow = {"module": module, "data": data, "children": {"_": flow}}
    return flow


async def _people(here: Any) -> None:
    hotdesk = {"enabled": True, "id": "77", "pin": "1234", "require_pin": True}
    listed = {DOC: FLOW2}
    await here.put(
        {
            "_id": USER,
            "pvt_type": "user",
            "first_name": "A",
            "last_name": "Lo",
            "hotdesk": hotdesk,
            "directories": listed,
        }
    )
    for doc, users in ((DEVICE, {}), (OTHER, {USER: {}}), (NOBODYS, {})):
        sip = {"username": doc[:4], "realm": "acme.example"}
        await here.put({"_id": doc, "pvt_type": "device", "name": "phone", "sip": sip, "hotdesk": {"users": users}})
    members = [{"id": doc, "endpoint_type": "device"} for doc in (DEVICE, OTHER, NOBODYS)]
    ring = {"module": "ring_group", "data": {"endpoints": members}}
    await here.put({"_id": FLOW2, "pvt_type": "callflow", "numbers": ["201", "no_match"], "flow": ring})
    await here.put({"_id": here.account_id, "pvt_type": "account", "name": "acme", "realm": "acme.example"})


def _scenario(
    *actions: tuple[str, Any],
    keys: Any = None,
    docs: tuple[Any, ...] = (),
    others: tuple[Any, ...] = (),
    wishes: Any = None,
    **ccvs: Any,
) -> Scenario:
    async def prepare(here: Any) -> None:
        await _people(here)
        await here.put(*docs)
        here.others = [{"account_id": here.account_id, **leg} for leg in others]
        await here.flow_of(_flow(*actions))

    done = dict(wishes or {})
    records = done.pop("records", ())
    unfinished = ("parked_call", "call_recording") if actions[0][0] in ("park", "record_call") else ()
    known = {**CALLER, **ccvs}
    return Scenario(keys or {}, prepare, records, ccvs=known, unfinished=unfinished, wishes=done, least=1)


RINGING = {"uuid": "leg-1", "answered": False, "direction": "outbound", "other_leg": "leg-2"}
PARKED = {"_id": "parking-slot-7", "pvt_type": "parked_call", "slot": {"Call-ID": "parked"}}
RULE = {"_id": DOC, "pvt_type": "temporal_rule", "cycle": "daily"}
TEMPORAL = {"rules": [DOC], "action": "menu"}
HOTDESK = {"hotdesk-enter_id": ["9", "77"], "hotdesk-enter_pin": ["1", "1234"]}
MACROS = [{"macro": "prompt", "id": "vm-hello"}, {"macro": "say", "text": "4"}, {"macro": "tts", "text": "Bye"}]
SCENARIOS = {
    "temporal_route": _scenario(("temporal_route", {"rules": [DOC]}), docs=(RULE,)),
    "temporal_route menu": _scenario(("temporal_route", TEMPORAL), keys={"temporal-menu": ["", "2"]}, docs=(RULE,)),
    "caller ids": _scenario(
        ("set_cid", {"caller_id_name": "Desk"}),
        ("answer", {}),
        ("prepend_cid", {"caller_id_name_prefix": "A:"}),
        ("noop", {}),
        ("prepend_cid", {"caller_id_name_prefix": "B:"}),
        ("callflow", {"id": FLOW2}),
    ),
    "variables": _scenario(
        ("set_variable", {"variable": "call_priority", "value": "3"}),
        ("set_variables", {"custom_application_vars": {"crm": "1"}, "export": True}),
        ("sleep", {"duration": 5}),
        ("language", {"language": "fr"}),
        ("audio_macro", {"macros": MACROS}),
        ("collect_dtmf", {"max_digits": 3}),
        ("flush_dtmf", {}),
        ("send_dtmf", {"digits": "12"}),
        ("tts", {"text": "Hello"}),
    ),
    "dynamic_cid": _scenario(
        ("dynamic_cid", {"action": "manual"}),
        keys={"dynamic-cid-enter_cid": ["5551234567"]},
        **{"Capture-Group": "4155550100"},
    ),
    "call_forward": _scenario(("call_forward", {"action": "toggle"}), keys={"cf-enter_number": ["1", "5551"]}),
    "call_forward menu": _scenario(
        ("call_forward", {"action": "menu"}), keys={"cf-disabled_menu": ["9", "2"], "cf-enter_number": ["5551"]}
    ),
    "do_not_disturb": _scenario(("do_not_disturb", {}), ("call_waiting", {})),
    "hotdesk": _scenario(("hotdesk", {"action": "toggle"}), keys=HOTDESK),
    "ring_group_toggle": _scenario(("ring_group_toggle", {"action": "logout", "callflow_id": FLOW2})),
    "disa": _scenario(("disa", {"pin": "4711"}), keys={"disa-enter_pin": ["1", "4711"], DIALTONE: ["#", "201"]}),
    "directory": _scenario(
        ("directory", {"id": DOC}),
        keys={"dir-enter_person": ["99", "56"], "dir-result_menu": ["1"]},
        docs=({"_id": DOC, "pvt_type": "directory", "name": "all", "min_dtmf": 2},),
    ),
    "intercom": _scenario(("intercom", {}), **{"Capture-Group": "201"}),
    "group_pickup": _scenario(("group_pickup", {"device_id": OTHER}), others=(RINGING,)),
    "group_pickup in vain": _scenario(
        ("group_pickup", {"user_id": USER}), others=(RINGING,), wishes={"picks_up": False}
    ),
    "intercept": _scenario(("intercept", {"device_id": OTHER}), others=({**RINGING, "answered": True},)),
    "eavesdrop": _scenario(
        ("eavesdrop", {"device_id": OTHER, "approved_user_id": USER}), others=({**RINGING, "answered": True},)
    ),
    "park": _scenario(
        ("park", {}),
        wishes={"holds": 2},
        others=({"uuid": CALL},),
        **{"Referred-By": f"<sip:{OTHER[:4]}@acme.example>"},
    ),
    "park in a slot": _scenario(("park", {"slot": "7"}), wishes={"holds": 1}),
    "park, retrieved": _scenario(
        ("park", {"action": "auto"}), docs=(PARKED,), others=({"uuid": "parked"},), **{"Capture-Group": "7"}
    ),
    "record_caller": _scenario(("record_caller", {"format": "wav"}), wishes={"records": (4000,)}),
    "record_call": _scenario(("record_call", {"action": "start", "format": "wav"}), ("sleep", {"duration": 3})),
    "record_call, stopped": _scenario(
        ("record_call", {"action": "start", "format": "wav"}), ("noop", {}), ("record_call", {"action": "stop"})
    ),
    "privacy": _scenario(("privacy", {}), **{"Capture-Group": "201"}),
}


@pytest.mark.parametrize("who", ["executor", "call", "executor+call"])
@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.timeout(300)
async def test_a_kill_at_any_moment_changes_nothing(world: Any, caller: Any, name: str, who: str) -> None:
    await changes_nothing(world, caller, SCENARIOS[name], who, share=2)


@pytest.mark.parametrize("name", SCENARIOS)
async def test_several_kills_change_nothing(world: Any, caller: Any, name: str) -> None:
    await several_change_nothing(world, caller, SCENARIOS[name], name, 0)
