"""Feature codes that change the caller's own documents: forwarding, do-not-disturb, call waiting, hotdesk, leaving a
ring group."""

from __future__ import annotations

from typing import Any

import pytest

USER, DEVICE, OTHER, FLOW2 = "1" * 32, "2" * 32, "3" * 32, "4" * 32


async def _caller(here: Any, module: str, data: Any = None, *, captured: str = "", owner: str | None = USER) -> None:
    """A user's phone dials a feature code."""
    here.ccvs.update({"Authorizing-ID": DEVICE, "Capture-Group": captured})
    if owner is not None:
        here.ccvs["Owner-ID"] = owner
    await here.put({"_id": DEVICE, "pvt_type": "device", "name": "desk"})
    await here.put({"_id": OTHER, "pvt_type": "device", "name": "lobby", "hotdesk": {"users": {USER: {}}}})
    await here.flow_of({"module": module, "data": data or {}})


async def _user(here: Any, **fields: Any) -> None:
    await here.put({"_id": USER, "pvt_type": "user", "first_name": "Ada", "last_name": "L", **fields})


@pytest.mark.parametrize(
    ("action", "before", "after"),
    [
        ("activate", None, True),
        ("activate", True, True),
        ("deactivate", True, False),
        ("toggle", True, False),
        ("toggle", False, True),
        (None, None, True),
    ],
)
@pytest.mark.parametrize(("module", "said"), [("do_not_disturb", "dnd"), ("call_waiting", "call_waiting")])
async def test_a_flag_of_the_caller_is_turned(
    world: Any, module: str, said: str, action: Any, before: Any, after: bool
) -> None:
    if module == "call_waiting" and before is None and action is None:
        after = False  # it is on where nothing says otherwise
    async with world() as here:
        await _user(here, **({module: {"enabled": before, "other": 1}} if before is not None else {}))
        await _caller(here, module, {"action": action, "scope": "user"})
        log = await here.call()
        assert log.said() == ["answer", "noop", f"{said}-activated" if after else f"{said}-deactivated"]
        assert (await here.get(USER))[module]["enabled"] is after


async def test_without_a_user_it_is_the_devices_flag(world: Any) -> None:
    async with world() as here:
        await _caller(here, "do_not_disturb", {"action": "activate"}, owner=None)
        await here.call()
        assert (await here.get(DEVICE))["do_not_disturb"] == {"enabled": True}


async def test_whoever_has_neither_is_told_so(world: Any) -> None:
    async with world() as here:
        await here.flow_of({"module": "do_not_disturb", "data": {}})
        assert (await here.call()).said() == ["answer", "dnd-not_available"]


CALL_FORWARD = [
    ("activate", "5551000", {}, {}, {"enabled": True, "number": "5551000"}, "cf-now_forwarded_to"),
    (
        "activate",
        "",
        {"cf-enter_number": ["12", "5552"]},
        {},
        {"enabled": True, "number": "5552"},
        "cf-now_forwarded_to",
    ),
    ("deactivate", "", {}, {"enabled": True, "number": "5"}, {"enabled": False, "number": "5"}, "cf-disabled"),
    ("toggle", "", {}, {"enabled": True, "number": "555"}, {"enabled": False, "number": "555"}, "cf-disabled"),
    ("toggle", "", {}, {"number": "555"}, {"enabled": True, "number": "555"}, "cf-now_forwarded_to"),
    ("update", "", {"cf-enter_number": ["5553"]}, {"enabled": False}, {"enabled": False, "number": "5553"}, "vm-saved"),
    ("menu", "", {"cf-disabled_menu": ["9", "3"]}, {}, {"require_keypress": False}, "vm-saved"),
    ("menu", "", {"cf-enabled_menu": ["1"]}, {"enabled": True}, {"enabled": False}, "cf-disabled"),
    ("menu", "", {"cf-disabled_menu": ["2"], "cf-enter_number": ["5554"]}, {}, {"number": "5554"}, "vm-saved"),
]


@pytest.mark.parametrize(("action", "captured", "keys", "before", "after", "said"), CALL_FORWARD)
async def test_call_forward(
    world: Any, caller: Any, action: str, captured: str, keys: Any, before: Any, after: Any, said: str
) -> None:
    async with world(caller(keys)) as here:
        await _user(here, call_forward={**before, "keep_caller_id": True})
        await _caller(here, "call_forward", {"action": action}, captured=captured)
        log = await here.call()
        assert (await here.get(USER))["call_forward"] == {**after, "keep_caller_id": True}
        assert said in log.said()
        if said == "cf-now_forwarded_to":
            assert log.said()[-1] == f"«{after['number']}»"


async def test_call_forward_without_a_number_changes_nothing(world: Any) -> None:
    async with world() as here:
        await _user(here)
        await _caller(here, "call_forward", {"action": "activate"})
        assert (await here.call()).said() == ["answer", *["cf-enter_number?"] * 3]
        assert "call_forward" not in await here.get(USER)


HOTDESK = {"enabled": True, "id": "77", "pin": "1234", "require_pin": True}


async def test_hotdesk_login_by_id_and_pin_leaves_other_phones(world: Any, caller: Any) -> None:
    keys = {"hotdesk-enter_id": ["9", "77"], "hotdesk-enter_pin": ["1111", "1234"]}
    async with world(caller(keys)) as here:
        await _user(here, hotdesk=HOTDESK)
        await _caller(here, "hotdesk", {"action": "login"}, owner=None)
        log = await here.call()
        assert log.said()[-1] == "hotdesk-logged_in"
        assert log.said().count("hotdesk-invalid_entry") == 2
        assert (await here.get(DEVICE))["hotdesk"]["users"] == {USER: {}}
        assert (await here.get(OTHER))["hotdesk"]["users"] == {}


async def test_hotdesk_may_keep_other_phones(world: Any) -> None:
    async with world() as here:
        await _user(here, hotdesk={"enabled": True, "keep_logged_in_elsewhere": True})
        await _caller(here, "hotdesk", {"action": "login", "id": USER})
        await here.call()
        assert [(await here.get(doc))["hotdesk"]["users"] for doc in (DEVICE, OTHER)] == [{USER: {}}] * 2


@pytest.mark.parametrize("action", ["logout", "toggle", None])
async def test_hotdesk_logout(world: Any, action: Any) -> None:
    async with world() as here:
        await _user(here, hotdesk=HOTDESK)
        await _caller(here, "hotdesk", {"action": action, "id": USER})
        await here.put({**(await here.get(DEVICE)), "hotdesk": {"users": {USER: {}, "x": {}}}})
        assert (await here.call()).said()[-1] == "hotdesk-logged_out"
        assert (await here.get(DEVICE))["hotdesk"]["users"] == {"x": {}}


@pytest.mark.parametrize(
    "fields",
    [{"hotdesk": {**HOTDESK, "enabled": False}}, {"hotdesk": HOTDESK}, {}, {"hotdesk": HOTDESK, "enabled": False}],
)
async def test_hotdesk_lets_nobody_in_who_may_not(world: Any, caller: Any, fields: Any) -> None:
    async with world(caller({"hotdesk-enter_pin": ["0000", "", "12345"]})) as here:
        await _user(here, **fields)
        await _caller(here, "hotdesk", {"action": "login", "id": USER})
        assert (await here.call()).said()[-1] == "hotdesk-abort"
        assert "hotdesk" not in await here.get(DEVICE)


async def test_a_pin_that_is_required_and_not_there_fits_nothing(world: Any, caller: Any) -> None:
    async with world(caller({"hotdesk-enter_pin": [""]})) as here:
        await _user(here, hotdesk={**HOTDESK, "pin": ""})
        await _caller(here, "hotdesk", {"action": "login", "id": USER})
        assert (await here.call()).said() == ["answer", "hotdesk-abort"]


async def test_hotdesk_bridge_rings_where_the_user_is(world: Any) -> None:
    async with world() as here:
        await _user(here)
        await _caller(here, "hotdesk", {"action": "bridge", "id": USER})
        sip = {"username": "lobby", "realm": "acme.example"}
        await here.put({**(await here.get(OTHER)), "sip": sip})
        assert (await here.call()).said() == [f"ring {OTHER}"]


@pytest.mark.parametrize("left", [False, True])
async def test_a_member_leaves_a_ring_group_and_comes_back(world: Any, left: bool) -> None:
    async with world() as here:
        members = [{"id": DEVICE, "endpoint_type": "device"}, {"id": OTHER, "endpoint_type": "device"}]
        ring = {"module": "ring_group", "data": {"endpoints": members}}
        group = {"module": "play", "data": {"id": "tone_stream://1"}, "children": {"_": ring}}
        await here.put({"_id": FLOW2, "pvt_type": "callflow", "flow": group})
        action = "logout" if left else "login"
        await _caller(here, "ring_group_toggle", {"action": action, "callflow_id": FLOW2})
        assert (await here.call()).said() == ["answer", "agent-logged_out" if left else "agent-logged_in"]
        flow = (await here.get(FLOW2))["flow"]
        first, second = flow["children"]["_"]["data"]["endpoints"]
        assert ("disable_until" in first, second) == (left, members[1])


@pytest.mark.parametrize(("until", "rung"), [(None, 2), (10**12, 1), (1, 2), ("x", 2)])
async def test_a_member_who_has_left_is_not_rung(world: Any, until: Any, rung: int) -> None:
    async with world() as here:
        for doc in (DEVICE, OTHER):
            sip = {"username": doc[:4], "realm": "acme.example"}
            await here.put({"_id": doc, "pvt_type": "device", "name": "phone", "sip": sip})
        members = [{"id": DEVICE, "endpoint_type": "device", "disable_until": until}, {"id": OTHER}]
        await here.flow_of({"module": "ring_group", "data": {"endpoints": members}})
        (ring,) = (await here.call()).said()
        assert len(ring.split()) == 1 + rung
