"""What a leg used of an allotment is noted once, by the allotment's own increments."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mirliton.actors.allotments import CHANNEL_VAR, FIELD, allotments_of, consumed
from mirliton.actors.kapi.cdr import CdrReport
from mirliton.actors.store.client import StoreClient
from mirliton.actors.store.names import account_db
from mirliton.actors.store.server import STORE, StoreServer
from mirliton.actors.switching import CDR, CdrStored
from mirliton.runtime import CallError, Node
from mirliton.supervisors import Supervisor, Tree, supervisor, worker
from mirliton.whapps.cdr import app

ACCOUNT = "0123456789abcdef0123456789abcdef"
LIMITS: dict[str, Any] = {
    "_id": "limits",
    FIELD: {"outbound_toll": {"amount": 600, "cycle": "monthly", "increment": 60}},
}


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    async with Node("test@localhost") as made:
        parts = [
            worker(StoreServer, str(tmp_path / "s.db"), id="store", name=STORE, keep_mail=True, shutdown=10.0),
            supervisor(app.tree()),
        ]
        await made.start(Supervisor, Tree("one_for_one", parts, intensity=1000, period=1.0))
        store = StoreClient(made)
        await store.create_database(account_db(ACCOUNT))
        await store.put(account_db(ACCOUNT), LIMITS)
        yield made


def report(node: Node, call_id: str, **fields: Any) -> CdrReport:
    values: dict[str, Any] = {
        "channel_created_time": int(node.clock.time() * 1_000_000),
        "billing_seconds": 61,
        "custom_channel_vars": {
            "Account-ID": ACCOUNT,
            "Account-Billing": "allotment",
            CHANNEL_VAR: "outbound_toll",
        },
    }
    return CdrReport(ACCOUNT, call_id, **values | fields)


async def used(node: Node) -> int:
    allotment = allotments_of(LIMITS)["outbound_toll"]
    return await consumed(StoreClient(node), ACCOUNT, allotment, node.clock.time())


async def test_each_leg_counts_once_however_often_it_is_reported_and_whoever_is_killed(node: Node) -> None:
    async def stored(one: CdrReport) -> None:
        while True:
            try:
                if isinstance(await node.call(CDR, one, timeout=10.0), CdrStored):
                    return
            except CallError:
                pass
            await asyncio.sleep(0.01)

    async def kill() -> None:
        for number in range(8):
            await asyncio.sleep(0.02)
            if (pid := node.whereis((CDR, STORE)[number % 2])) is not None:
                node.exit(pid, "kill")

    legs = [report(node, f"leg-{number}") for number in range(3)]
    async with asyncio.timeout(30):
        await asyncio.gather(kill(), *map(stored, legs * 3))
    assert await used(node) == 3 * 120


@pytest.mark.parametrize(
    "other",
    [
        {"billing_seconds": 0},
        {"custom_channel_vars": {"Account-ID": ACCOUNT, "Account-Billing": "flat_rate", CHANNEL_VAR: "outbound_toll"}},
        {"extended_data": {"Provisional": True}},
    ],
)
async def test_what_used_none_of_it_is_not_noted(node: Node, other: dict[str, Any]) -> None:
    assert isinstance(await node.call(CDR, report(node, "leg", **other), timeout=10.0), CdrStored)
    assert await used(node) == 0


async def test_a_leg_whose_allotment_was_taken_away_counts_by_the_second(node: Node) -> None:
    store = StoreClient(node)
    limits = await store.get(account_db(ACCOUNT), "limits")
    await store.put(account_db(ACCOUNT), {**limits, FIELD: {}})
    assert isinstance(await node.call(CDR, report(node, "leg"), timeout=10.0), CdrStored)
    assert await used(node) == 61
