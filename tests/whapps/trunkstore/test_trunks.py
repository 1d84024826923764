"""Customers with a PBX of their own: calls to it, what becomes of those that it does not take, and calls from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mirliton.ecallmgr.simulator import BUSY, Script, await_answer, hang_up, reject
from mirliton.whapps.callflow.executor import Executor
from mirliton.whapps.trunkstore.servers import server_of, servers_of
from tenants import ALICE, ANSWERS_SOON, DEMO, TINY
from world import World, a_world

NUMBER, OTHER = "+14155550100", "+14155550199"
REFUSES: Script = (reject(503),)


def _pbx(options: Any = None, did: Any = None, auth: Any = None) -> dict[str, Any]:
    server = {
        "auth": {"auth_method": "password", "auth_user": "pbx", "auth_password": "x", **(auth or {})},
        "options": {"inbound_format": "e164", **(options or {})},
        "DIDs": {NUMBER: did or {}},
    }
    return {"_id": "trunk", "pvt_type": "sys_info", "account": {}, "servers": [{"DIDs": {}, "auth": {}}, server]}


async def _customer(world: World, pbx: Any, *, script: Script = ANSWERS_SOON, carrier: Script = ANSWERS_SOON) -> None:
    """TINY has a PBX and a number that leads to it; there is a carrier; DEMO calls out."""
    for db in ("offnet", "numbers/+1415"):
        await world.store.create_database(db)
    await world.store.put(TINY.db, pbx)
    number = {"_id": NUMBER, "pvt_type": "number", "pvt_state": "in_service", "pvt_assigned_to": TINY.account_id}
    await world.store.put("numbers/+1415", {**number, "pvt_used_by": "trunkstore"})
    gateways = [{"server": "carrier.example"}]
    await world.store.put(
        "offnet",
        {"_id": "one", "pvt_type": "resource", "name": "one", "gateways": gateways, "rules": [r"^(\+1\d{10})$"]},
    )
    out = {"_id": "callflow-out", "pvt_type": "callflow", "numbers": ["no_match"], "flow": {"module": "offnet"}}
    await world.store.put(DEMO.db, out)
    world.switch.phone("*", "carrier.example", script=carrier, contact="carrier.example")
    world.switch.phone("*", "pbx.example", script=script, contact="pbx.example:5080")
    world.switch.phone("pbx", TINY.realm, script=script, contact="127.0.0.1:5099")
    world.switch.phone(NUMBER, TINY.realm, script=script, contact="127.0.0.1:5099")


async def _ended(world: World, legs: int, **place: Any) -> tuple[str, list[str]]:
    """A call to the customer's number: how it ended, and whom it rang."""
    call = await world.place(ALICE, "4155550100", script=(await_answer(), hang_up(after=8)), **place)
    cause = await call.wait_ended()
    cdrs = await world.cdrs(of=legs)
    await world.is_quiet()
    world.nothing_broke()
    rung = [doc["custom_channel_vars"].get("authorizing_id") for doc in cdrs if doc["call_direction"] == "outbound"]
    return cause, sorted(one for one in rung if one)


class TestCallsToIt:
    async def test_a_pbx_that_registers_is_sent_the_number(self, tmp_path: Path) -> None:
        async with a_world(tmp_path) as world:
            await _customer(world, _pbx())
            assert await _ended(world, 4) == ("NORMAL_CLEARING", ["trunk"])
            legs = await world.cdrs(of=4)
            (phone,) = [doc for doc in legs if doc["custom_channel_vars"].get("authorizing_id") == "trunk"]
            assert phone["caller_destination_number"] == NUMBER

    async def test_one_that_has_an_address_is_called_there(self, tmp_path: Path) -> None:
        async with a_world(tmp_path) as world:
            auth = {"auth_method": "IP", "ip": "pbx.example", "port": 5080}
            await _customer(world, _pbx(auth=auth))
            assert await _ended(world, 4) == ("NORMAL_CLEARING", ["trunk"])

    async def test_what_it_does_not_take_goes_by_carriers(self, tmp_path: Path) -> None:
        async with a_world(tmp_path) as world:
            await _customer(world, _pbx(did={"failover": {"e164": OTHER}}), script=REFUSES)
            assert await _ended(world, 5) == ("NORMAL_CLEARING", ["one", "trunk"])

    async def test_or_to_an_address(self, tmp_path: Path) -> None:
        async with a_world(tmp_path) as world:
            await _customer(world, _pbx({"failover": {"sip": "sip:x@carrier.example"}}), script=REFUSES)
            cause, rung = await _ended(world, 5)
            assert (cause, rung) == ("NORMAL_CLEARING", ["trunk"])

    @pytest.mark.parametrize(("options", "cause"), [({"enabled": False}, None), ({}, "USER_BUSY")], ids=str)
    async def test_without_either_the_caller_is_told(self, tmp_path: Path, options: Any, cause: str | None) -> None:
        async with a_world(tmp_path) as world:
            await _customer(world, _pbx(options), script=BUSY)
            ended, rung = await _ended(world, 3)
            assert ended not in ("NORMAL_CLEARING", "ALLOTTED_TIMEOUT")
            assert (ended == cause) or cause is None
            assert rung == (["trunk"] if cause else [])

    async def test_its_calls_may_go_out_instead(self, tmp_path: Path) -> None:
        async with a_world(tmp_path) as world:
            await _customer(world, _pbx({"force_outbound": True}))
            number = await world.store.get("numbers/+1415", NUMBER)
            await world.store.put("numbers/+1415", {**number, "pvt_used_by": "trunkstore", "force_outbound": False})
            _, rung = await _ended(world, 1)
            assert "trunk" not in rung

    async def test_a_kill_while_it_rings_is_not_noticed(self, tmp_path: Path) -> None:
        async with a_world(tmp_path) as world:
            await _customer(world, _pbx(did={"failover": {"e164": OTHER}}), script=REFUSES)
            call = await world.place(ALICE, "4155550100", script=(await_answer(), hang_up(after=8)))
            await world.switch.happened(
                lambda event, headers: event == "CHANNEL_CREATE" and "carrier" in str(headers.get("Channel-Name")), 20.0
            )
            for cell in list(world.node.processes()):
                if isinstance(cell.actor, Executor):
                    world.node.exit(cell.pid, "kill")
            assert await call.wait_ended() == "NORMAL_CLEARING"
            assert len(await world.cdrs(of=5)) == 5
            await world.is_quiet()


class TestCallsFromIt:
    @pytest.mark.parametrize(("sent", "shown"), [("pbx", "+14155550888"), (NUMBER, NUMBER)])
    async def test_they_go_out_with_a_number_of_the_customers(self, tmp_path: Path, sent: str, shown: str) -> None:
        async with a_world(tmp_path) as world:
            await _customer(world, _pbx({"caller_id": {"cid_name": "PBX", "cid_number": "+14155550888"}}))
            call = await world.switch.place_call(
                "pbx",
                OTHER,
                realm=TINY.realm,
                context="context_2",
                script=(await_answer(), hang_up(after=5)),
                variables={"origination_caller_id_number": sent},
            )
            assert await call.wait_ended() == "NORMAL_CLEARING"
            (carrier,) = [doc for doc in await world.cdrs(of=2) if doc["call_direction"] == "outbound"]
            assert carrier["caller_id_number"] == shown
            assert carrier["custom_channel_vars"]["account_id"] == TINY.account_id
            await world.is_quiet()


def test_a_document_of_wrong_types_has_no_servers() -> None:
    for servers in (None, "x", [5, None, "s"], {}):
        assert list(servers_of({"_id": "t", "servers": servers})) == []
    odd = {"_id": "t", "servers": [{"auth": 5, "options": [], "DIDs": "x"}]}
    ((numbers, server),) = servers_of(odd)
    assert (numbers, server.enabled, server.failover, server.by_address) == ({}, True, {}, None)
    assert server_of(odd, "pbx") is None
