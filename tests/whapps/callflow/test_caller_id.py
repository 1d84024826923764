"""What actions make of a call's caller id, and how they branch by it."""

from __future__ import annotations

from typing import Any

import pytest

from mirliton.actors.kapi.dialplan import Bridge

LIST, OWN = "1" * 32, "2" * 32


def _then(*actions: tuple[str, Any], last: Any = None) -> dict[str, Any]:
    """A flow of these actions, one behind the other, which ends by ringing a phone."""
    flow = last or {"module": "device", "data": {"id": "device-1"}}
    for module, data in reversed(actions):
        flow = {"module": module, "data": data, "children": {"_": flow}}
    return flow


async def _phone(here: Any) -> None:
    await here.put({"_id": "device-1", "name": "phone", "sip": {"username": "ph", "realm": "acme.example"}})


async def _shown(here: Any) -> tuple[Any, ...]:
    """What the phone is shown."""
    log = await here.call()
    (ring,) = [command for _, command in log.commands if isinstance(command, Bridge)]
    (endpoint,) = ring.endpoints
    return endpoint.caller_id_name, endpoint.caller_id_number


@pytest.mark.parametrize(
    ("actions", "shown"),
    [
        ([("set_cid", {"caller_id_name": "Desk", "caller_id_number": "2000"})], ("Desk", "2000")),
        ([("set_cid", {"caller_id_name": "Desk", "caller_id_number": ""})], ("Desk", "1001")),
        ([("set_cid", {"caller_id_name": 5, "caller_id_number": None})], ("Ada", "1001")),
        ([("prepend_cid", {"caller_id_name_prefix": "S:", "caller_id_number_prefix": "9"})], ("S:Ada", "91001")),
        (
            [
                ("prepend_cid", {"caller_id_name_prefix": "A:"}),
                ("prepend_cid", {"caller_id_name_prefix": "B:"}),
                ("set_cid", {"caller_id_name": "X"}),
            ],
            ("B:A:X", "1001"),
        ),
        (
            [
                ("prepend_cid", {"caller_id_name_prefix": "A:", "caller_id_number_prefix": "8"}),
                ("prepend_cid", {"caller_id_name_prefix": "B:", "apply_to": "original"}),
            ],
            ("B:Ada", "1001"),
        ),
        ([("prepend_cid", {"caller_id_name_prefix": "A:"}), ("prepend_cid", {"action": "reset"})], ("Ada", "1001")),
        ([("set_cid", {"caller_id_name": "N" * 500})], ("N" * 128, "1001")),
    ],
    ids=str,
)
async def test_later_legs_are_shown_what_the_flow_says(world: Any, actions: Any, shown: Any) -> None:
    async with world() as here:
        await _phone(here)
        await here.flow_of(_then(*actions))
        assert await _shown(here) == shown


async def test_what_was_set_goes_on_in_another_callflow(world: Any) -> None:
    async with world() as here:
        await _phone(here)
        await here.put({"_id": OWN, "pvt_type": "callflow", "flow": _then()})
        await here.flow_of(_then(("set_cid", {"caller_id_name": "Desk"}), ("callflow", {"id": OWN})))
        assert await _shown(here) == ("Desk", "1001")


def _branches(*keys: str) -> dict[str, Any]:
    return {key: {"module": "play", "data": {"id": f"tone_stream://{key}", "answer": False}} for key in keys}


async def _taken(here: Any, module: str, data: Any, *keys: str) -> str:
    await here.flow_of({"module": module, "data": data, "children": _branches(*keys)})
    said = (await here.call()).said()
    return str(said[0].removeprefix("tone_stream://")) if said else ""


@pytest.mark.parametrize(
    ("data", "keys", "taken"),
    [
        ({}, ("match", "nomatch", "_"), "match"),
        ({"regex": "^10"}, ("match", "nomatch", "_"), "match"),
        ({"regex": "^20"}, ("match", "nomatch", "_"), "nomatch"),
        ({"regex": "("}, ("match", "nomatch", "_"), "nomatch"),
        ({"regex": r"^(\d+)*$"}, ("match", "nomatch", "_"), "nomatch"),
        ({"regex": "^20"}, ("match", "_"), "_"),
        ({"use_absolute_mode": True}, ("1001", "nomatch"), "1001"),
        ({"use_absolute_mode": True}, ("1002", "nomatch"), "nomatch"),
    ],
    ids=str,
)
async def test_check_cid_branches_by_number(world: Any, data: Any, keys: Any, taken: str) -> None:
    async with world() as here:
        assert await _taken(here, "check_cid", data, *keys) == taken


async def test_a_match_may_make_it_somebodys_call(world: Any) -> None:
    async with world() as here:
        await _phone(here)
        who = {"caller_id": {"external": {"name": "Boss", "number": "1"}}, "user_id": "u7"}
        children = {
            "match": {"module": "branch_variable", "data": {"variable": "Owner-ID"}, "children": {"u7": _then()}}
        }
        await here.flow_of({"module": "check_cid", "data": who, "children": children})
        assert await _shown(here) == ("Boss", "1")


async def _with_list(here: Any) -> None:
    await here.put({"_id": LIST, "pvt_type": "list", "name": "friends", "entries": {"e": {"number": "77"}}})
    for number, entry in enumerate(
        [
            {"number": "10", "displayname": "Ten"},
            {"number": "1001", "firstname": "A", "lastname": "B"},
            {"pattern": "^3"},
        ]
    ):
        await here.put({"_id": f"e{number}", "pvt_type": "list_entry", "list_id": LIST, **entry})


@pytest.mark.parametrize(
    ("number", "taken"),
    [("1001", "match"), ("1055", "match"), ("777", "match"), ("300", "match"), ("200", "nomatch"), (None, "nomatch")],
)
async def test_cidlistmatch_branches_by_a_list(world: Any, number: str | None, taken: str) -> None:
    async with world() as here:
        await _with_list(here)
        here.rename(caller_id_number=number)
        assert await _taken(here, "cidlistmatch", {"id": LIST}, "match", "nomatch") == taken


async def test_a_list_that_is_not_there_has_nobody(world: Any) -> None:
    async with world() as here:
        assert await _taken(here, "cidlistmatch", {"id": LIST}, "match", "nomatch") == "nomatch"


@pytest.mark.parametrize(("number", "name"), [("1001", "A B"), ("1055", "Ten"), ("300", "Ada"), ("5", "Ada")])
async def test_lookupcidname_names_the_caller(world: Any, number: str, name: str) -> None:
    async with world() as here:
        await _with_list(here)
        await _phone(here)
        here.rename(caller_id_number=number)
        await here.flow_of(_then(("lookupcidname", {"lists": ["gone", 5, LIST]})))
        assert await _shown(here) == (name, number)


async def _outward(here: Any, data: Any, captured: str) -> None:
    """A feature code that places a call with another caller id; numbers that are nobody's ring a phone."""
    await _phone(here)
    await here.put({"_id": OWN, "pvt_type": "callflow", "numbers": ["no_match"], "flow": _then()})
    here.ccvs["Capture-Group"] = captured
    await here.flow_of({"module": "dynamic_cid", "data": data, "children": {"_": _then()}})


async def test_dynamic_cid_takes_a_number_from_the_caller(world: Any, caller: Any) -> None:
    async with world(caller({"dynamic-cid-enter_cid": ["5551234567"]})) as here:
        await _outward(here, {"action": "manual"}, "4155550100")
        assert await _shown(here) == ("Ada", "5551234567")


@pytest.mark.parametrize("entered", ["555", "", "123456789*"])
async def test_dynamic_cid_keeps_the_callers_own_for_a_number_that_may_not_be(
    world: Any, caller: Any, entered: str
) -> None:
    async with world(caller({"dynamic-cid-enter_cid": [entered]})) as here:
        await _outward(here, {"action": "manual"}, "4155550100")
        assert await _shown(here) == ("Ada", "1001")
        assert "dynamic-cid-invalid_using_default" in here.channel.log.said()


async def test_dynamic_cid_takes_an_entry_of_a_list_by_its_key(world: Any) -> None:
    async with world() as here:
        await _outward(here, {"action": "list", "id": LIST}, "014155550100")
        await here.put({"_id": LIST, "pvt_type": "list", "entries": {"01": {"name": "Sales", "number": "555"}}})
        assert await _shown(here) == ("Sales", "555")
    async with world() as here:
        await _outward(here, {"action": "lists", "id": LIST}, "7774155550100")
        await here.put({"_id": LIST, "pvt_type": "list", "name": "l"})
        entry = {"capture_group_key": "777", "capture_group_length": 3, "number": "556", "displayname": "Help"}
        await here.put({"_id": "e1", "pvt_type": "list_entry", "list_id": LIST, **entry})
        assert await _shown(here) == ("Help", "556")


async def test_dynamic_cid_without_an_entry_places_no_call(world: Any) -> None:
    async with world() as here:
        await _outward(here, {"action": "list", "id": LIST}, "994155550100")
        await here.put({"_id": LIST, "pvt_type": "list", "entries": {"01": {"number": "555"}}})
        assert (await here.call()).said() == ["fault-can_not_be_completed_as_dialed"]


async def test_dynamic_cid_reaches_the_accounts_own_numbers_only_where_it_may(world: Any) -> None:
    static = {"action": "static", "caller_id": {"name": "S", "number": "5"}}
    async with world() as here:
        await _outward(here, static, "2000")
        assert (await here.call()).said() == ["fault-can_not_be_completed_as_dialed"]
    async with world() as here:
        await _outward(here, {**static, "permit_custom_callflow": True}, "3000")
        await here.put({"_id": "3" * 32, "pvt_type": "callflow", "numbers": ["3000"], "flow": _then()})
        assert await _shown(here) == ("S", "5")
    async with world() as here:
        await _outward(here, static, "")
        assert await _shown(here) == ("S", "5")
