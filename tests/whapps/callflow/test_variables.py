"""Actions that set variables, and those that branch by them or by what a pattern captured."""

from __future__ import annotations

from typing import Any

import pytest

from mirliton.actors.kapi.dialplan import Set
from mirliton.whapps.callflow.script import MAX_KEPT, Done, Script


def _branches(*keys: str) -> dict[str, Any]:
    return {key: {"module": "play", "data": {"id": f"tone_stream://{key}", "answer": False}} for key in keys}


@pytest.mark.parametrize(
    ("data", "command"),
    [
        ({"variable": "call_priority", "value": "7"}, ({"Call-Priority": "7"}, {})),
        ({"variable": "call_priority", "value": 7}, ({"Call-Priority": "7"}, {})),
        ({"variable": "group_id", "value": "g", "channel": "both"}, ({}, {"Group-ID": "g"})),
    ],
    ids=str,
)
async def test_set_variable_sets_it_and_later_actions_see_it(world: Any, data: Any, command: Any) -> None:
    name = next(iter(command[0] or command[1]))
    async with world() as here:
        branch = {"module": "branch_variable", "data": {"variable": name}, "children": _branches(str(data["value"]))}
        await here.flow_of({"module": "set_variable", "data": data, "children": {"_": branch}})
        log = await here.call()
        (found,) = [command for _, command in log.commands if isinstance(command, Set)]
        assert (found.custom_channel_vars, found.custom_call_vars) == command
        assert log.said() == ["set", f"tone_stream://{data['value']}"]


@pytest.mark.parametrize("variable", ["Account-ID", "Owner-ID", "", None, 5])
async def test_no_other_variable_is_the_callflows_to_set(world: Any, variable: Any) -> None:
    async with world() as here:
        data = {"variable": variable, "value": "x"}
        await here.flow_of({"module": "set_variable", "data": data, "children": _branches("_")})
        assert (await here.call()).said() == ["tone_stream://_"]


async def test_set_variables_sets_the_tenants_own(world: Any) -> None:
    async with world() as here:
        own = {"crm": "42", "hot": True, "bad": {"a": 1}, "": "x"}
        await here.flow_of({"module": "set_variables", "data": {"custom_application_vars": own, "export": True}})
        log = await here.call()
        (found,) = [command for _, command in log.commands]
        assert (found.custom_application_vars, found.export_all) == ({"crm": "42", "hot": True}, True)


@pytest.mark.parametrize(
    ("data", "taken"),
    [
        ({"variable": "Username"}, "ada"),
        ({"variable": "missing"}, "_"),
        ({"variable": "timezone", "scope": "user"}, "Europe/Paris"),
        ({"variable": "flags.vip", "scope": "user"}, "true"),
        ({"variable": "name", "scope": "device"}, "desk"),
        ({"variable": "timezone", "scope": "device"}, "_"),
        ({"variable": "timezone", "scope": "merged"}, "Europe/Paris"),
        ({"variable": "realm", "scope": "account"}, "acme.example"),
        ({"variable": "pvt_type", "scope": "account"}, "_"),
        ({"variable": "_rev", "scope": "account"}, "_"),
        ({"variable": "realm", "scope": "merged"}, "acme.example"),
    ],
    ids=str,
)
async def test_branch_variable(world: Any, data: Any, taken: str) -> None:
    async with world() as here:
        here.ccvs.update({"Username": "ada", "Owner-ID": "user-1", "Authorizing-ID": "device-1"})
        await here.put({"_id": "user-1", "timezone": "Europe/Paris", "flags": {"vip": True}})
        await here.put({"_id": "device-1", "name": "desk"})
        await here.put({"_id": here.account_id, "pvt_type": "account", "realm": "acme.example", "name": "acme"})
        keys = ("ada", "Europe/Paris", "true", "desk", "acme.example", "account", "_")
        await here.flow_of({"module": "branch_variable", "data": data, "children": _branches(*keys)})
        assert (await here.call()).said() == [f"tone_stream://{taken}"]


@pytest.mark.parametrize(
    ("data", "captured", "taken"),
    [
        ({}, "5", "5"),
        ({}, "6", "_"),
        ({}, "", "_"),
        ({}, "201", "_"),
        ({"hunt": True}, "201", "hunted"),
        ({"hunt": True}, "5", "5"),
        ({"hunt": True}, "404", "_"),
        ({"hunt": True, "hunt_allow": "^3"}, "201", "_"),
        ({"hunt": True, "hunt_deny": "^2"}, "201", "_"),
        ({"hunt": True, "hunt_deny": "("}, "201", "_"),
        ({"hunt": True, "hunt_allow": "^2", "hunt_deny": "^3"}, "201", "hunted"),
    ],
    ids=str,
)
async def test_branch_bnumber(world: Any, data: Any, captured: str, taken: str) -> None:
    async with world() as here:
        here.ccvs["Capture-Group"] = captured
        hunted = _branches("hunted")["hunted"]
        await here.put({"_id": "1" * 32, "pvt_type": "callflow", "numbers": ["201"], "flow": hunted})
        await here.flow_of({"module": "branch_bnumber", "data": data, "children": _branches("5", "_")})
        assert (await here.call()).said() == [f"tone_stream://{taken}"]


async def test_a_hunted_pattern_captures_anew(world: Any) -> None:
    async with world() as here:
        here.ccvs["Capture-Group"] = "*91234"
        branch = {"module": "branch_bnumber", "data": {}, "children": _branches("1234")}
        await here.put({"_id": "1" * 32, "pvt_type": "callflow", "patterns": [r"^\*9(\d+)$"], "flow": branch})
        await here.flow_of({"module": "branch_bnumber", "data": {"hunt": True}})
        assert (await here.call()).said() == ["tone_stream://1234"]


async def test_a_flow_keeps_no_more_than_a_channel_should_carry(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    async def greedy(call: Script, data: Any) -> Any:
        for number in range(200):
            seen.append(number)
            call.keep(**{f"n{number}": "x" * 100})
        return Done()

    monkeypatch.setattr("mirliton.whapps.callflow.executor.action_of", lambda module: greedy)
    async with world() as here:
        await here.flow_of({"module": "greedy"})
        await here.call()
        assert 0 < len(seen) * 100 <= MAX_KEPT
        assert here.restarts == 0
