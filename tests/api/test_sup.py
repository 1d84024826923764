"""Kazoo's operator commands: over a node with a call, and by REST for the master account alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mirliton.api import sup
from mirliton.api.sup import BadArguments, Sup, SupError, UnknownCommand
from mirliton.ecallmgr.simulator import await_answer
from tenants import ALICE, DEMO
from world import ROOT, World, a_world


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path) as made:
        yield made


def _on(house: World) -> Any:
    async def run(*words: str) -> Any:
        return await sup.run(Sup(house.node, house.store, ROOT), words[0], words[1], words[2:])

    return run


async def test_a_call_is_seen_from_each_side(house: World) -> None:
    run = _on(house)
    call = await house.place(ALICE, "1002", script=(await_answer(),))
    await call.wait_bridged(20.0)
    summary = await run("ecallmgr_maintenance", "channel_summary", "sim")
    assert {channel["direction"] for channel in summary} == {"inbound", "outbound"}
    assert await run("ecallmgr_maintenance", "channel_summary", "elsewhere") == []
    details = await run("ecallmgr_maintenance", "channel_details", call.uuid)
    assert details["account_id"] == DEMO.account_id
    assert await run("callflow_maintenance", "call_count") == "1"
    [shown] = await run("callflow_maintenance", "show_calls")
    assert shown["uuid"] == call.uuid
    limits = await run("jonny5_maintenance", "limits_details", DEMO.account_id)
    assert (limits["calls"], limits["call_ids"]) == (1, [call.uuid])
    call.hang_up()
    await call.wait_ended(20.0)


async def test_switches_and_phones_are_listed(house: World) -> None:
    run = _on(house)
    assert await run("ecallmgr_maintenance", "get_fs_nodes") == ["sim"]
    assert await run("ecallmgr_maintenance", "list_fs_nodes") == ["sim"]
    assert (await run("ecallmgr_maintenance", "node_details", "sim"))["connected"] is True
    assert "compared" in await run("ecallmgr_maintenance", "sync_channels")
    phones = await run("ecallmgr_maintenance", "registrar_summary", DEMO.realm)
    assert ALICE.name in {phone["username"] for phone in phones}
    details = await run("ecallmgr_maintenance", "registrar_details", DEMO.realm, ALICE.name)
    assert details["realm"] == DEMO.realm
    assert await run("ecallmgr_maintenance", "flush_registrar", DEMO.realm, ALICE.name) == "1 forgotten"
    with pytest.raises(SupError, match="no switch 'x'; there are: sim"):
        await run("ecallmgr_maintenance", "node_details", "x")


async def test_an_application_is_stopped_and_started(house: World) -> None:
    run = _on(house)
    apps = await run("kapps_controller", "running_apps")
    assert {"callflow", "cdr", "ecallmgr"} <= set(apps)
    assert await run("kapps_controller", "ready") == "true"
    assert await run("kapps_controller", "stop_app", "cdr") == "cdr stopped"
    assert await run("kapps_controller", "ready") == "false: cdr"
    assert await run("kapps_controller", "start_app", "cdr") == "cdr started"
    assert await run("kapps_controller", "restart_app", "callflow") == "callflow restarted"
    assert await run("kapps_controller", "ready") == "true"
    with pytest.raises(SupError, match="no application 'nonsense'"):
        await run("kapps_controller", "stop_app", "nonsense")
    with pytest.raises(SupError, match="no application 'store'"):
        await run("kapps_controller", "stop_app", "store")
    place = Sup(house.node, house.store, ROOT, through="callflow")
    for function in ("stop_app", "restart_app"):
        with pytest.raises(SupError, match="is asked through"):
            await sup.run(place, "kapps_controller", function, ["callflow"])
    await house.is_whole()


async def test_a_setting_is_kept_for_a_node_or_for_all(house: World) -> None:
    run = _on(house)
    await run("kapps_config", "set_default", "callflow", "timeouts.ring", "20")
    await run("kapps_config", "set_node", "callflow", "timeouts.ring", "30", "other@host")
    assert await run("kapps_config", "get", "callflow", "timeouts.ring") == "20"
    assert await run("kapps_config", "get", "callflow", "timeouts.ring", "other@host") == "30"
    assert (await house.store.get("system_config", "callflow"))["default"] == {"timeouts": {"ring": 20}}
    with pytest.raises(SupError, match="'ring' is a value, and has no parts"):
        await run("kapps_config", "set_default", "callflow", "timeouts.ring.first", "1")
    for text in ("NaN", "-Infinity", "[" * 5000):  # Python reads them as JSON, or breaks on them
        await run("kapps_config", "set_default", "callflow", "odd", text)
        assert await run("kapps_config", "get", "callflow", "odd") == text
    with pytest.raises(SupError, match="callflow has no 'nothing'"):
        await run("kapps_config", "get", "callflow", "nothing")
    await run("kapps_account_config", "set_account", DEMO.account_id, "callflow", "timeouts.ring", "5")
    assert await run("kapps_account_config", "get_account", DEMO.account_id, "callflow", "timeouts.ring") == "5"


async def test_an_account_is_found_and_disabled(house: World) -> None:
    run = _on(house)
    found = await run("crossbar_maintenance", "find_account_by_id", DEMO.account_id)
    assert (found["realm"], found["enabled"]) == (DEMO.realm, True)
    with pytest.raises(SupError, match="nobody has the number"):
        await run("crossbar_maintenance", "find_account_by_number", "+15550000000")
    with pytest.raises(SupError, match=r"no account '\.\./x'"):
        await run("crossbar_maintenance", "disable_account", "../x")


async def test_the_node_tells_of_itself(house: World) -> None:
    run = _on(house)
    status = await run("kz_nodes", "status")
    assert status["node"] == house.node.name and status["up_seconds"] > 0
    assert (await run("kazoo_maintenance", "mem_info"))["processes"] == len(house.node)
    assert len(await run("kazoo_maintenance", "top_mem_consumers", "3")) == 3


@pytest.mark.parametrize(
    ("words", "fault", "told"),
    [
        (("nonsense", "get"), UnknownCommand, "no module 'nonsense'; there are: callflow_maintenance"),
        (("kapps_config", "nonsense"), UnknownCommand, "no function 'nonsense' in kapps_config; there are: get"),
        (
            ("kapps_config", "get"),
            BadArguments,
            r"0 arguments were given; usage: sup kapps_config get CATEGORY KEY \[NODE",
        ),
        (("kz_nodes", "status", "x"), BadArguments, "1 arguments were given; usage: sup kz_nodes status$"),
        (("kazoo_maintenance", "top_mem_consumers", "many"), SupError, "COUNT is a number"),
    ],
)
async def test_what_cannot_be_done_is_told(house: World, words: tuple[str, ...], fault: type, told: str) -> None:
    with pytest.raises(fault, match=told):
        await _on(house)(*words)


def test_every_command_says_what_it_does() -> None:
    assert [one.usage for module in sup.modules() for one in sup.listed(module) if not one.help.endswith(".")] == []


def test_the_page_lists_every_command(root: Path) -> None:
    page = (root / "docs" / "sup.md").read_text()
    told = {line.partition("`")[2].partition("`")[0] for line in page.splitlines() if line.startswith("| `")}
    assert told == {one.usage.partition(" ")[2] for module in sup.modules() for one in sup.listed(module)}


async def test_by_rest_only_the_master_may(world: Any) -> None:
    master, token = await world.admin("master")
    await world.make_master(master)
    _, other = await world.admin("other")
    found = await world.get(f"/sup/crossbar_maintenance/find_account_by_id/{master}", token)
    assert (found.status, found.data["id"]) == (200, master)
    assert (await world.get(f"/sup/crossbar_maintenance/find_account_by_id/{master}", other)).status == 403
    assert "usage" in (await world.get("/sup/kapps_config", token)).data[0]
    assert (await world.get("/sup/nonsense", token)).status == 404
    assert (await world.get("/sup/kapps_config/nonsense", token)).status == 404
    refused = await world.get("/sup/kapps_config/get", token)
    assert refused.status == 400 and "usage: sup kapps_config get" in refused.raw.decode()
    assert (await world.get("/sup/kapps_config/set_default/crossbar/max/5", token)).status == 200
    assert (await world.store.get("system_config", "crossbar"))["default"] == {"max": 5}
    [entry] = [one for one in (await world.get("/supervision/audit", token)).data if one["action"] == "sup"]
    assert (entry["module"], entry["function"]) == ("kapps_config", "set_default")
