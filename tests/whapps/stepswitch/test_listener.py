"""stepswitch itself: what it answers, also when it cannot know; and calls by carriers on a simulated switch."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from mirliton.actors.kapi.offnet_resource import OffnetReq
from mirliton.actors.store import update
from mirliton.actors.store.client import StoreClient
from mirliton.actors.store.server import STORE, StoreServer
from mirliton.ecallmgr.simulator import BUSY, Script, await_answer, hang_up, reject
from mirliton.runtime.testing import Probe, VirtualNode, virtual_node
from mirliton.whapps.stepswitch import listener
from mirliton.whapps.stepswitch.listener import Listener
from mirliton.whapps.stepswitch.messages import STEPSWITCH, OffnetRoutes, OffnetUnavailable, RouteFailed
from tenants import ALICE, ANSWERS_SOON, BOB, DEMO, TIM, TINY
from world import World, a_world

NUMBER = "+14155550100"
REFUSE: Script = (reject(503),)


def _carrier(name: str, **fields: Any) -> dict[str, Any]:
    gateways = [{"server": f"{name}.example"}]
    return {
        "_id": name,
        "pvt_type": "resource",
        "name": name,
        "gateways": gateways,
        "rules": [r"^\+1(\d{10})$"],
        **fields,
    }


def _asked(**fields: Any) -> OffnetReq:
    return OffnetReq(
        application_name="bridge", resource_type="audio", **{"to_did": NUMBER, "account_id": DEMO.account_id, **fields}
    )


class TestAsking:
    async def _routes(self, node: VirtualNode, **fields: Any) -> list[str]:
        answer = await node.drive(node.call(STEPSWITCH, _asked(**fields)))
        assert isinstance(answer, OffnetRoutes)
        return [route.route_id for route in answer.routes]

    async def test_carriers_are_read_anew_when_one_has_changed(self, tmp_path: Path) -> None:
        async with virtual_node() as node:
            await node.drive(node.start(StoreServer, str(tmp_path / "s.db"), name=STORE))
            await node.start(Listener, name=STEPSWITCH)
            store = StoreClient(node)
            assert await self._routes(node) == []
            await node.drive(store.create_database("offnet"))
            await node.drive(store.put("offnet", _carrier("one")))
            assert await self._routes(node) == ["one/0"]
            await node.drive(store.put("offnet", _carrier("two", weight_cost=1)))
            assert await self._routes(node) == ["two/0", "one/0"]

    async def test_what_fails_is_last_for_its_grace_period(self, tmp_path: Path) -> None:
        async with virtual_node() as node:
            await node.drive(node.start(StoreServer, str(tmp_path / "s.db"), name=STORE))
            await node.start(Listener, name=STEPSWITCH)
            store = StoreClient(node)
            await node.drive(store.create_database("offnet"))
            await node.drive(store.put("offnet", _carrier("one", weight_cost=1)))
            await node.drive(store.put("offnet", _carrier("two")))
            node.cast(STEPSWITCH, RouteFailed("one/0", 5.0, "GATEWAY_DOWN"))
            assert await self._routes(node) == ["two/0", "one/0"]
            await node.advance(5.1)
            assert await self._routes(node) == ["one/0", "two/0"]

    async def test_an_account_that_cannot_be_one_has_no_carriers(self, tmp_path: Path) -> None:
        async with virtual_node() as node:
            await node.drive(node.start(StoreServer, str(tmp_path / "s.db"), name=STORE))
            await node.start(Listener, name=STEPSWITCH)
            assert await self._routes(node, hunt_account_id="../offnet") == []

    async def test_without_a_store_it_says_so(self) -> None:
        async with virtual_node() as node:
            await node.start(Listener, name=STEPSWITCH)
            answer = await node.drive(node.call(STEPSWITCH, _asked(), timeout=60.0), 120.0)
            assert isinstance(answer, OffnetUnavailable)

    async def test_there_is_an_end_to_how_many_may_ask_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(listener, "AT_ONCE", 1)
        async with virtual_node() as node:
            await Probe.start(node, name=STORE)
            await node.start(Listener, name=STEPSWITCH)
            first = asyncio.ensure_future(node.call(STEPSWITCH, _asked()))
            answer = await node.drive(node.call(STEPSWITCH, _asked(), timeout=1.0))
            assert answer == OffnetUnavailable("too many ask at once")
            first.cancel()


async def _carriers(world: World, *carriers: Any, tenant: Any = DEMO, phones: dict[str, Script]) -> None:
    """Carriers of the system, each with somebody who answers at its address, and a way out for the tenant."""
    await world.store.create_database("offnet")
    for carrier in carriers:
        await world.store.put("offnet", carrier)
    out = {"_id": "callflow-out", "pvt_type": "callflow", "numbers": ["no_match"], "flow": {"module": "offnet"}}
    await world.store.put(tenant.db, out)
    for name, script in phones.items():
        world.switch.phone("*", f"{name}.example", script=script, contact=f"{name}.example")


class TestCalls:
    async def test_the_second_carrier_takes_what_the_first_refuses(self, tmp_path: Path) -> None:
        async with a_world(tmp_path) as world:
            one, two = _carrier("one", weight_cost=1), _carrier("two")
            await _carriers(world, one, two, phones={"one": REFUSE, "two": ANSWERS_SOON})
            call = await world.place(ALICE, "4155550100", script=(await_answer(), hang_up(after=8)))
            assert await call.wait_ended() == "NORMAL_CLEARING"
            cdrs = await world.cdrs(of=3)
            legs = [(doc["call_direction"], doc["custom_channel_vars"].get("resource_id")) for doc in cdrs]
            assert sorted(legs, key=str) == [("inbound", None), ("outbound", "one"), ("outbound", "two")]
            await world.is_quiet()
            world.nothing_broke()

    async def test_who_is_busy_is_not_called_again(self, tmp_path: Path) -> None:
        async with a_world(tmp_path) as world:
            await _carriers(
                world, _carrier("one", weight_cost=1), _carrier("two"), phones={"one": BUSY, "two": ANSWERS_SOON}
            )
            call = await world.place(ALICE, "4155550100")
            assert await call.wait_ended() == "USER_BUSY"
            assert len(await world.cdrs(of=2)) == 2
            await world.is_quiet()

    async def test_the_phone_is_told_what_the_last_carrier_said(self, tmp_path: Path) -> None:
        async with a_world(tmp_path) as world:
            await _carriers(world, _carrier("one"), phones={"one": (reject(410),)})
            call = await world.place(ALICE, "4155550100")
            assert await call.wait_ended() == "NUMBER_CHANGED"
            await world.is_quiet()

    async def test_a_number_of_another_account_rings_there(self, tmp_path: Path) -> None:
        async with a_world(tmp_path) as world:
            await _carriers(world, phones={})
            await world.store.create_database("numbers/+1415")
            number = {
                "_id": NUMBER,
                "pvt_type": "number",
                "pvt_state": "in_service",
                "pvt_assigned_to": TINY.account_id,
            }
            await world.store.put("numbers/+1415", number)
            await update(
                world.store, TINY.db, f"callflow-{TIM.number}", lambda doc: {**doc, "numbers": ["1001", NUMBER]}
            )
            call = await world.place(ALICE, "4155550100", script=(await_answer(), hang_up(after=8)))
            assert await call.wait_ended() == "NORMAL_CLEARING"
            cdrs = await world.cdrs(of=4)
            accounts = sorted(doc["custom_channel_vars"]["account_id"][0] for doc in cdrs)
            assert accounts == ["a", "b", "b", "b"]
            (phone,) = [doc for doc in cdrs if doc["custom_channel_vars"].get("owner_id") == TIM.user_id]
            assert phone["hangup_cause"] == "NORMAL_CLEARING"
            await world.is_quiet()
            world.nothing_broke()

    async def test_a_forwarded_call_goes_out_as_from_whom_it_was_forwarded_by(self, tmp_path: Path) -> None:
        async with a_world(tmp_path) as world:
            await _carriers(world, _carrier("one"), phones={"one": ANSWERS_SOON})
            forward = {"enabled": True, "number": "4155550100", "require_keypress": False, "keep_caller_id": False}
            ids = {"external": {"name": "Bob", "number": "+14155550222"}}
            await update(
                world.store, DEMO.db, BOB.user_id, lambda doc: {**doc, "call_forward": forward, "caller_id": ids}
            )
            call = await world.place(ALICE, BOB.number, script=(await_answer(), hang_up(after=8)))
            assert await call.wait_ended() == "NORMAL_CLEARING"
            (carrier,) = [doc for doc in await world.cdrs(of=4) if doc["custom_channel_vars"].get("resource_id")]
            assert carrier["caller_id_number"] == "+14155550222"
            await world.is_quiet()


@pytest.mark.parametrize("blow", ["stepswitch", "executor"])
async def test_a_kill_while_the_carrier_rings_is_not_noticed(tmp_path: Path, blow: str) -> None:
    async with a_world(tmp_path) as world:
        await _carriers(
            world, _carrier("one", weight_cost=1), _carrier("two"), phones={"one": REFUSE, "two": ANSWERS_SOON}
        )
        call = await world.place(ALICE, "4155550100", script=(await_answer(), hang_up(after=8)))
        await world.switch.happened(
            lambda event, headers: event == "CHANNEL_CREATE" and "one.example" in str(headers.get("Channel-Name")), 20.0
        )
        for cell in list(world.node.processes()):
            if type(cell.actor).__module__.endswith(f"{blow}.listener" if blow == "stepswitch" else f"callflow.{blow}"):
                world.node.exit(cell.pid, "kill")
        assert await call.wait_ended() == "NORMAL_CLEARING"
        assert len(await world.cdrs(of=3)) == 3
        await world.is_quiet()
        world.nothing_broke()
