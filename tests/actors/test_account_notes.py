"""An admission is told to nobody before the channel table has it, and not at all by who is no longer the owner."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from entity_home import entities_at
from mirliton.actors.account import Account
from mirliton.actors.admission import (
    AccountTrouble,
    AccountUsage,
    AdmitCall,
    Admitted,
    AuthorizeLeg,
    LegAuthorized,
    account_name,
)
from mirliton.actors.kapi.channels import QueryAccountChannelsResp
from mirliton.actors.store.errors import DocumentNotFound
from mirliton.actors.store.server import STORE, StoreFault
from mirliton.actors.switching import CHANNELS, LegAdmitted, channels_name
from mirliton.ecallmgr.channels import READ_GRACE, Channels
from mirliton.runtime.testing import Probe, virtual_node
from mirliton.supervisors.entities import Stamp

ACCOUNT = "a" * 32
NAME = account_name(ACCOUNT)
TABLE = channels_name("sim")


class House:
    def __init__(self, node: Any) -> None:
        self.node = node

    async def start(self, *, table: bool = True) -> House:
        await Probe.start(self.node, name=CHANNELS, answer=lambda _: QueryAccountChannelsResp(()))
        trunks = {"_id": "limits", "_rev": "1-x", "calls": 1, "twoway_trunks": 1}
        await Probe.start(self.node, name=STORE, answer=lambda asked: self._stored(asked, trunks))
        if table:
            self.table = await Probe.start(self.node, name=TABLE)
        self.entities = await entities_at(self.node, {"account": Account})
        return self

    @staticmethod
    def _stored(asked: Any, limits: dict[str, Any]) -> Any:
        missing = StoreFault.of(DocumentNotFound("db", "id"))
        return limits if asked.operation == "get" and asked.args[1] == "limits" else missing

    def asks(self, request: Any = None) -> asyncio.Future[Any]:
        request = request or AdmitCall("call", "sim")
        return asyncio.ensure_future(self.node.call(NAME, request, timeout=60.0))

    async def counted(self) -> int:
        return int((await self.node.drive(self.node.call(NAME, AccountUsage()))).calls)

    def told(self) -> list[LegAdmitted]:
        return [message for message in self.table.messages if isinstance(message, LegAdmitted)]


async def test_it_is_answered_when_the_table_has_it() -> None:
    async with virtual_node() as node:
        house = await House(node).start()
        first, again = house.asks(), house.asks()
        await node.advance(0.5)
        assert not first.done()
        assert len(house.told()) == 1
        house.table.reply(True)
        assert await node.drive(first) == await node.drive(again) == Admitted(1)
        assert await node.drive(house.asks()) == Admitted(1)
        assert len(house.told()) == 1, "it is known"


@pytest.mark.parametrize(
    "request_", [AdmitCall("call", "sim"), AuthorizeLeg("call", "outbound", "+14155550100", None, "sim")]
)
async def test_what_the_table_refuses_is_taken_back(request_: Any) -> None:
    async with virtual_node() as node:
        house = await House(node).start()
        house.table.answer = lambda _: False
        assert isinstance(await node.drive(house.asks(request_)), AccountTrouble)
        house.table.answer = lambda _: True
        assert isinstance(await node.drive(house.asks(request_)), Admitted | LegAuthorized), "its place was free"


async def test_nobody_is_admitted_without_a_table() -> None:
    async with virtual_node() as node:
        house = await House(node).start(table=False)
        assert isinstance(await node.drive(house.asks()), AccountTrouble)
        assert await house.counted() == 0


async def test_a_table_that_says_nothing_is_told_again_when_somebody_asks_again() -> None:
    async with virtual_node() as node:
        house = await House(node).start()
        first = house.asks()
        await node.advance(3.0)
        again = house.asks()
        await node.idle()
        assert len(house.told()) == 2
        house.table.reply(False)  # late, of the first, and no answer any more
        house.table.reply(True)
        assert await node.drive(first) == await node.drive(again) == Admitted(1)
        assert await house.counted() == 1


async def test_the_table_refuses_who_is_no_longer_the_owner() -> None:
    async with virtual_node() as node:
        entities = await entities_at(node, {"account": Account})
        await node.drive(node.start(Channels, "sim", name=TABLE))
        await node.advance(READ_GRACE + 1)
        shard = entities.shard_of(NAME)
        epoch = entities.fence.epoch(shard)
        tell = lambda epoch: node.drive(node.call(TABLE, LegAdmitted("call", {}, "sim", Stamp(shard, epoch))))  # noqa: E731
        assert await tell(epoch) is True
        entities.fence.check(Stamp(shard, epoch + 1))  # another node says that it has the shard
        assert await tell(epoch) is False
        assert await tell(epoch + 1) is True
