"""Actions that go on where another number, name or group leads: disa, directory, intercom, privacy, group."""

from __future__ import annotations

from typing import Any

import pytest

from mirliton.actors.kapi.dialplan import Bridge

DIRECTORY, GROUP, PHONE = "1" * 32, "2" * 32, "device-1"
FAULT = "fault-can_not_be_completed_as_dialed"


async def _world(here: Any, module: str, data: Any, captured: str = "") -> None:
    """A number 201 that rings a phone, and one for all others, which refuses."""
    here.ccvs["Capture-Group"] = captured
    await here.put({"_id": PHONE, "name": "phone", "sip": {"username": "ph", "realm": "acme.example"}})
    ring = {"module": "device", "data": {"id": PHONE}}
    await here.put({"_id": "c201", "pvt_type": "callflow", "numbers": ["201"], "flow": ring})
    refuse = {"module": "response", "data": {}}
    await here.put({"_id": "call", "pvt_type": "callflow", "numbers": ["no_match"], "flow": refuse})
    await here.flow_of({"module": module, "data": data, "children": {"_": refuse}})


async def _endpoint(here: Any) -> Any:
    (ring,) = [command for _, command in (await here.call()).commands if isinstance(command, Bridge)]
    return ring.endpoints[0]


DIALTONE = "tone_stream://%(10000,0,350,440)"


async def test_disa_asks_for_the_pin_and_dials(world: Any, caller: Any) -> None:
    async with world(caller({"disa-enter_pin": ["1", "4711"], DIALTONE: ["201"]})) as here:
        await _world(here, "disa", {"pin": "4711"})
        said = ["answer", "disa-enter_pin?", "disa-invalid_pin", "disa-enter_pin?", f"{DIALTONE}?", f"ring {PHONE}"]
        assert (await here.call()).said() == said


async def test_disa_ends_after_so_many_wrong_pins(world: Any, caller: Any) -> None:
    async with world(caller({"disa-enter_pin": ["1", "2", "3", "4711"]})) as here:
        await _world(here, "disa", {"pin": "4711", "retries": 3})
        said = (await here.call()).said()
        assert said == ["answer", *["disa-enter_pin?", "disa-invalid_pin"] * 3, "disa-retries_exceeded"]


async def test_disa_without_a_pin_takes_any_number_that_the_account_has_a_callflow_for(world: Any, caller: Any) -> None:
    ringing = "tone_stream://%(2000,4000,440,480);loops=2"
    async with world(caller({ringing: ["", "4155550100"]})) as here:
        await _world(here, "disa", {"preconnect_audio": "ringing", "ring_repeat_count": 2})
        assert (await here.call()).said() == ["answer", f"{ringing}?", FAULT, f"{ringing}?", "respond"]


async def test_disa_may_show_the_accounts_caller_id(world: Any, caller: Any) -> None:
    async with world(caller({DIALTONE: ["201"]})) as here:
        await _world(here, "disa", {"use_account_caller_id": True})
        external = {"external": {"name": "Acme", "number": "+1415"}}
        await here.put({"_id": here.account_id, "pvt_type": "account", "name": "acme", "caller_id": external})
        endpoint = await _endpoint(here)
        assert (endpoint.caller_id_name, endpoint.caller_id_number) == ("Acme", "+1415")


async def test_intercom_has_the_phones_of_a_number_answer_by_themselves(world: Any) -> None:
    async with world() as here:
        await _world(here, "intercom", {}, "201")
        assert (await _endpoint(here)).custom_sip_headers["Call-Info"] == "answer-after=0"


@pytest.mark.parametrize("captured", ["", "999"])
async def test_intercom_to_nobody_says_so(world: Any, captured: str) -> None:
    async with world() as here:
        await _world(here, "intercom", {}, captured)
        assert (await here.call()).said() == [FAULT]


@pytest.mark.parametrize(
    ("data", "hidden"),
    [
        ({}, (True, True)),
        ({"mode": "name"}, (True, None)),
        ({"mode": "number"}, (None, True)),
        ({"mode": 5}, (True, True)),
    ],
)
async def test_privacy_hides_the_caller_from_the_number_behind_it(world: Any, data: Any, hidden: Any) -> None:
    async with world() as here:
        await _world(here, "privacy", data, "201")
        endpoint = await _endpoint(here)
        assert (endpoint.privacy_hide_name, endpoint.privacy_hide_number) == hidden


async def test_privacy_may_add_to_what_is_hidden(world: Any) -> None:
    async with world() as here:
        await _world(here, "privacy", {}, "")
        ring = {"module": "device", "data": {"id": PHONE}}
        second = {"module": "privacy", "data": {"mode": "name", "endpoint_strategy": "merge"}, "children": {"_": ring}}
        await here.put({**(await here.get("c201")), "flow": {}})
        flow = {"module": "privacy", "data": {"mode": "number"}, "children": {"_": second}}
        await here.put({**(await here.get(here.flow)), "flow": flow})
        endpoint = await _endpoint(here)
        assert (endpoint.privacy_hide_name, endpoint.privacy_hide_number) == (True, True)


async def test_alert_info_goes_to_the_phones(world: Any) -> None:
    async with world() as here:
        await _world(here, "set_alert_info", {"alert_info": "<http://x>;info=ring2"})
        ring = {"module": "device", "data": {"id": PHONE}}
        flow = {"module": "set_alert_info", "data": {"alert_info": "ring2"}, "children": {"_": ring}}
        await here.put({**(await here.get(here.flow)), "flow": flow})
        assert (await _endpoint(here)).custom_sip_headers == {"Alert-Info": "ring2"}


@pytest.mark.parametrize("data", [{"id": GROUP}, {"endpoints": [PHONE, "device-2"]}], ids=str)
async def test_a_group_rings_its_members(world: Any, data: Any) -> None:
    async with world() as here:
        await _world(here, "group", data)
        await here.put({"_id": "device-2", "name": "phone", "sip": {"username": "p2", "realm": "acme.example"}})
        members = {"device-2": {"type": "device", "weight": 2}, PHONE: {"type": "device", "weight": 1}}
        await here.put({"_id": GROUP, "pvt_type": "group", "name": "sales", "endpoints": members})
        assert (await here.call()).said() == [f"ring {PHONE} device-2", "respond"]


async def test_a_group_that_is_not_there_is_passed_over(world: Any) -> None:
    async with world() as here:
        await _world(here, "group", {"id": GROUP})
        assert (await here.call()).said() == ["respond"]


ASK, MENU = "dir-enter_person?", "dir-result_menu?"


async def _directory(here: Any, **fields: Any) -> None:
    await _world(here, "directory", {"id": DIRECTORY})
    await here.put({"_id": DIRECTORY, "pvt_type": "directory", "name": "all", **fields})
    for number, (first, last) in enumerate([("Ada", "Lovelace"), ("Bob", "Love"), ("Zoë", "Ångström"), ("X", "Loud")]):
        listed = {DIRECTORY: "c201"} if first != "X" else {"other": "c201"}
        await here.put({"_id": f"user-{number}", "first_name": first, "last_name": last, "directories": listed})


async def test_a_directory_offers_who_begins_so_in_its_order(world: Any, caller: Any) -> None:
    async with world(caller({"dir-enter_person": ["568"], "dir-result_menu": ["2", "1"]})) as here:
        await _directory(here)
        said = ["answer", ASK]
        for number, name in ((1, "Bob Love"), (2, "Ada Lovelace")):
            said += ["dir-result_number", f"«{number}»", f"«{name}»", MENU]
        assert (await here.call()).said() == [*said, f"ring {PHONE}"]


@pytest.mark.parametrize(
    ("fields", "digits"),
    [
        ({}, "264"),
        ({"search_fields": "first_name"}, "963"),
        ({"search_fields": "both"}, "963"),
        ({"sort_by": "first_name"}, "963"),
    ],
    ids=str,
)
async def test_letters_with_marks_are_those_without_and_one_match_needs_no_question(
    world: Any, caller: Any, fields: Any, digits: str
) -> None:
    async with world(caller({"dir-enter_person": [digits]})) as here:
        await _directory(here, confirm_match=False, **fields)
        assert (await here.call()).said() == ["answer", ASK, f"ring {PHONE}"]


async def test_a_directory_gives_up_in_the_end(world: Any, caller: Any) -> None:
    async with world(caller({"dir-enter_person": ["99", "999", "568"], "dir-result_menu": ["2", "2"]})) as here:
        await _directory(here)
        said = (await here.call()).said()
        assert said[:5] == ["answer", ASK, "dir-specify_minimum", ASK, "dir-no_results_found"]
        assert said[-3:] == ["dir-no_more_results", "vm-goodbye", "respond"]
