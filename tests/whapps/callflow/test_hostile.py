"""What may come from outside: names of any length, headers that are none, floods of keys, documents that loop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import phone_book
from mirliton.actors.call_routing import noted_variables
from mirliton.actors.kapi.call import DtmfReceived
from mirliton.actors.kapi.route import RouteReq
from mirliton.actors.store import SqliteStore, opened
from mirliton.actors.switching import LegEvent, executor_name
from mirliton.supervisors import Supervisor
from mirliton.whapps.callflow.caller_id import LONGEST
from mirliton.whapps.callflow.executor import Executor
from mirliton.whapps.callflow.listener import executor_tree
from mirliton.whapps.callflow.routing import Decision, Refusal, decide
from phone_book import REALM
from scripted_switch import CALL, SWITCH

ODD = st.one_of(
    st.text(max_size=200),
    st.sampled_from(
        ["", "\r\nX: y", "${system rm}", "a" * 100_000, "sip:", "@", "x@", f"alice@{REALM}", "\x00", "%00"]
    ),
)
NAMES = ["x" * 1_000_000, 'a"; rm\r\nX-AUTH-Token: y', "${hangup()}", "\x00\x01", "𝕏" * 500, "'<&>\\"]


@given(who=ODD, number=ODD, header=ODD, name=ODD)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_whatever_a_caller_says_its_call_is_routed_or_refused(
    tmp_path_factory: Any, who: str, number: str, header: str, name: str
) -> None:
    async with opened(SqliteStore(str(tmp_path_factory.mktemp("s") / "store.db"))) as store:
        await phone_book.write(store)
        request = RouteReq(
            call_id="c", from_=who, to=number, request=number, destination_number=number, caller_id_name=name,
            custom_sip_headers={"X-AUTH-Token": header, header: name}, from_tag=header, user_agent=name,
        )  # fmt: skip
        found = await decide(store, request)
        assert isinstance(found, Decision | Refusal)
        if isinstance(found, Decision):
            assert noted_variables(found.custom_channel_vars)


@pytest.mark.parametrize("name", NAMES, ids=lambda name: f"{ascii(name)[:12]} ({len(name)})")
async def test_a_name_of_any_kind_parks_and_is_cut(world: Any, caller: Any, name: str) -> None:
    async with world(caller(holds=1)) as here:
        here.rename(caller_id_name=name, caller_id_number=name)
        await here.flow_of({"module": "park", "data": {"slot": "7"}})
        seen: list[Any] = []
        took = here.channel.carry_out

        def watched(command_id: str, command: Any, checkpoint: str) -> Any:
            seen.append(len(checkpoint))
            return took(command_id, command, checkpoint)

        here.channel.carry_out = watched
        log = await here.call()
        assert log.said() == ["answer", "hold"]
        assert max(seen) < 2_000
        assert here.restarts == 0


async def test_what_is_parked_under_a_long_name_is_kept_under_a_short_one(world: Any) -> None:
    async with world() as here:
        here.rename(caller_id_name="x" * 1_000_000)
        await here.flow_of({"module": "park", "data": {"slot": "7"}})
        await here.node.drive(here.node.start(Supervisor, executor_tree(CALL, here.media_urls)))
        await here.node.advance(5.0)
        assert len((await here.get("parking-slot-7"))["slot"]["CID-Name"]) == LONGEST


async def test_a_flood_of_keys_neither_fills_memory_nor_stops_the_flow(world: Any) -> None:
    async with world() as here:
        lot = {"slot": "7", "default_ringback_timeout": 60_000}
        await here.flow_of({"module": "park", "data": lot, "children": {"7": {"module": "response"}}})
        supervisor = await here.node.drive(here.node.start(Supervisor, executor_tree(CALL, here.media_urls)))
        await here.node.advance(1.0)
        key = LegEvent(SWITCH, DtmfReceived(CALL, dtmf_digit="5"))
        for _ in range(4):
            for _ in range(1_000):
                here.node.send(executor_name(CALL), key)
            await here.node.advance(0.1)
        cell = here.node.find(executor_name(CALL))
        assert cell is not None
        assert len(cell.mailbox or ()) <= Executor.mailbox_limit
        await here.node.drive(here.node.wait_exit(supervisor, timeout=120.0))
        assert here.channel.log.said()[-1] == "respond"
        assert here.restarts == 0


async def test_a_preflow_that_leads_to_itself_ends(world: Any, tmp_path: Path) -> None:
    async with world() as here:
        here.ccvs["Preflow-ID"] = here.flow
        await here.flow_of({"module": "callflow", "data": {"id": here.flow}})
        assert (await here.call()).hangups == ["NORMAL_CLEARING"]
