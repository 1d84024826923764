"""Too much load: which calls are refused, and which never are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import phone_book
from mirliton.actors.kapi.channels import ChannelStatusReq, ChannelStatusResp
from mirliton.actors.kapi.dialplan import Respond
from mirliton.actors.kapi.route import RouteReq, RouteResp
from mirliton.actors.store.client import StoreClient
from mirliton.actors.store.documents import stamp
from mirliton.actors.store.names import account_db
from mirliton.actors.store.server import STORE, StoreServer
from mirliton.actors.switching import LOOPED_ACCOUNT, ROUTER, channels_name, executor_name
from mirliton.ecallmgr.switch_http import Media
from mirliton.ecallmgr.translate import Surroundings, plan_for
from mirliton.runtime import From, GenServer, NoReply
from mirliton.runtime.testing import Probe, VirtualNode, virtual_node
from mirliton.supervisors import Supervisor, Tree, worker
from mirliton.whapps.callflow.listener import Listener
from mirliton.whapps.callflow.overload import OPEN_AGAIN, Bounds, Gate
from phone_book import ACCOUNT, REALM

SWITCH = "fs1"


class Table(GenServer):
    """A channel table that takes its time."""

    def init(self) -> None:
        self.takes = 0.0

    def handle_call(self, request: Any, sender: From) -> Any:
        if not isinstance(request, ChannelStatusReq):
            self.takes = request
            self.reply(sender, None)
            return NoReply()
        self.start_timer(self.takes, sender)
        return NoReply()

    def handle_info(self, message: Any) -> None:
        self.reply(message.message, ChannelStatusResp("", "terminated"))


class House:
    def __init__(self, node: VirtualNode) -> None:
        self.node = node

    async def routes(self, number: str = "2000", **channel_vars: Any) -> RouteResp:
        request = RouteReq(
            call_id="leg", from_=f"alice@{REALM}", to=f"{number}@{REALM}", request=f"{number}@{REALM}",
            destination_number=number, custom_channel_vars=channel_vars, switch_nodename=SWITCH,
        )  # fmt: skip
        answer = await self.node.drive(self.node.call(ROUTER, request))
        assert isinstance(answer, RouteResp)
        return answer

    async def is_let_in(self, number: str = "2000", **channel_vars: Any) -> bool:
        answer = await self.routes(number, **channel_vars)
        assert (answer.method, answer.route_error_code) in (("park", None), ("error", 503))
        return answer.method == "park"

    async def table_takes(self, seconds: float) -> None:
        await self.node.drive(self.node.call(channels_name(SWITCH), seconds))
        await self.node.advance(2.0 + 4 * seconds)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with virtual_node() as node:
        await node.drive(node.start(StoreServer, str(tmp_path / "store.db"), name=STORE))
        store = StoreClient(node)
        await node.drive(phone_book.write(store))
        flow = {"_id": "flow", "numbers": ["2000", "911", "112"], "flow": {"module": "answer"}}
        await node.drive(store.put(account_db(ACCOUNT), stamp(flow, type="callflow", account_id=ACCOUNT)))
        router = worker(Listener, Media("http://127.0.0.1:1", b"x"), Bounds(calls=3, delay=0.1), name=ROUTER)
        await node.start(Supervisor, Tree("one_for_one", [router]))
        await node.start(Table, name=channels_name(SWITCH))
        yield House(node)


async def test_while_a_table_answers_late_new_calls_are_refused(house: House) -> None:
    assert await house.is_let_in()
    await house.table_takes(0.5)
    assert not await house.is_let_in()
    await house.table_takes(0.0)
    assert await house.is_let_in()


async def test_a_short_pause_refuses_nobody(house: House) -> None:
    assert await house.is_let_in()
    await house.node.drive(house.node.call(channels_name(SWITCH), 0.15))
    await house.node.advance(0.2)
    await house.node.drive(house.node.call(channels_name(SWITCH), 0.0))
    await house.node.advance(0.2)
    assert await house.is_let_in()


async def test_a_node_that_hangs_for_some_seconds_refuses_nobody(house: House) -> None:
    assert await house.is_let_in()
    await house.node.drive(house.node.call(channels_name(SWITCH), 3.6))
    await house.node.advance(0.2)
    await house.node.drive(house.node.call(channels_name(SWITCH), 0.0))
    for _ in range(8):
        await house.node.advance(0.5)
        assert await house.is_let_in("911")
        cell = house.node.find(ROUTER)
        assert cell is not None and not cell.actor.gate.closed


async def test_calls_for_help_and_calls_that_go_on_are_never_refused(house: House) -> None:
    await house.routes()
    await house.table_takes(0.5)
    assert not await house.is_let_in()
    assert await house.is_let_in("911")
    assert await house.is_let_in(**{"Account-ID": ACCOUNT, LOOPED_ACCOUNT: ACCOUNT})


async def test_beyond_so_many_calls_at_once_new_ones_are_refused(house: House) -> None:
    for number in range(3):
        await Probe.start(house.node, name=executor_name(f"call-{number}"))
    await house.routes()
    await house.node.advance(1.1)
    assert not await house.is_let_in()
    house.node.exit(house.node.whereis(executor_name("call-0")), "kill")
    await house.node.advance(1.1)
    assert await house.is_let_in()
    assert not await house.is_let_in(), "it counts as one until it is counted again"


async def test_nobody_looks_while_no_calls_come(house: House) -> None:
    assert await house.is_let_in()
    await house.node.advance(60.0)
    cell = house.node.find(ROUTER)
    assert cell is not None
    looks = cell.actor.looks
    await house.node.advance(3600.0)
    assert cell.actor.looks == looks
    await house.table_takes(0.5)
    assert await house.is_let_in(), "the first after a pause is let in"
    await house.node.advance(4.0)
    assert not await house.is_let_in()


async def test_a_table_that_is_away_says_nothing_of_the_load(house: House) -> None:
    assert await house.is_let_in()
    house.node.exit(house.node.whereis(channels_name(SWITCH)), "kill")
    await house.node.advance(5.0)
    assert await house.is_let_in()


def test_who_is_refused_so_is_told_when_to_try_again() -> None:
    around = Surroundings()
    plan = plan_for(Respond("leg", response_code=503, response_message="overloaded"), "leg", around)
    assert dict(plan.variables) == {"sip_rh_Retry-After": "5"}
    assert not plan_for(Respond("leg", response_code=486), "leg", around).variables


@given(st.lists(st.floats(0.0, 1.0), max_size=60))
def test_the_gate_is_closed_only_after_a_moment_of_delay_and_opens_when_it_is_over(delays: list[float]) -> None:
    gate, above = Gate(Bounds(delay=0.3, moment=0.25)), 0
    for step, delay in enumerate(delays):
        was = gate.closed
        gate.measured(delay, step * 0.1)
        above = above + 1 if delay > 0.3 else 0
        if gate.closed and not was:
            assert above >= 4
        if above >= 4:
            assert gate.closed
        if delay <= 0.3 * OPEN_AGAIN:
            assert not gate.closed
