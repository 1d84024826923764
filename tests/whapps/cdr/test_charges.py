"""A leg that is paid by the minute is charged once, whoever reports it and whatever is killed meanwhile."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from entity_home import an_entity_home
from mirliton.actors.admission import account_name
from mirliton.actors.charging import balance
from mirliton.actors.kapi.cdr import CdrReport
from mirliton.actors.ledger import ledger_name
from mirliton.actors.store.client import StoreClient
from mirliton.actors.store.names import account_db
from mirliton.actors.store.server import STORE, StoreServer
from mirliton.actors.switching import CDR, CHANNELS, CdrStored
from mirliton.ecallmgr.all_channels import AllChannels
from mirliton.runtime import CallError, Node
from mirliton.supervisors import Supervisor, Tree, supervisor, worker
from mirliton.whapps.cdr import app
from mirliton.whapps.cdr.charges import debit

ACCOUNT = "0123456789abcdef0123456789abcdef"
NOW = 1_795_000_000.0
PAID = {
    "Account-Billing": "per_minute",
    "Rate": "0.02",
    "Rate-Increment": "6",
    "Rate-Minimum": "30",
    "Surcharge": "0.005",
    "Rate-Name": "US",
}


def report(call_id: str = "leg", seconds: int = 42, created: float = NOW, **channel_vars: Any) -> CdrReport:
    return CdrReport(
        ACCOUNT,
        call_id,
        channel_created_time=int(created * 1_000_000),
        billing_seconds=seconds,
        call_direction="outbound",
        custom_channel_vars={"Account-ID": ACCOUNT, **PAID, **channel_vars},
    )


def test_what_a_leg_costs_is_by_its_rate_and_its_billed_seconds() -> None:
    entry = debit(report(), NOW)
    assert entry is not None
    assert (entry.kind, entry.service, entry.amount) == ("debit", "per-minute-voip", 190)
    assert (entry.usage["quantity"], entry.usage["unit"]) == (42, "sec")
    assert entry.period["end"] - entry.period["start"] == 42


@pytest.mark.parametrize(
    "free",
    [
        report(seconds=0),
        report(**{"Account-Billing": "flat_rate"}),
        report(Rate="nonsense"),
        CdrReport(ACCOUNT, "leg", billing_seconds=42),
        CdrReport(ACCOUNT, "leg", billing_seconds=42, custom_channel_vars=PAID, extended_data={"Provisional": True}),
    ],
)
def test_what_costs_nothing_is_not_booked(free: CdrReport) -> None:
    assert debit(free, NOW) is None


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    async with Node("test@localhost") as made:
        parts = [
            worker(StoreServer, str(tmp_path / "s.db"), id="store", name=STORE, keep_mail=True, shutdown=10.0),
            worker(AllChannels, (), name=CHANNELS),
            an_entity_home(),
            supervisor(app.tree()),
        ]
        await made.start(Supervisor, Tree("one_for_one", parts, intensity=1000, period=1.0))
        await StoreClient(made).create_database(account_db(ACCOUNT))
        yield made


async def test_a_leg_that_is_reported_by_each_of_two_ways_under_kills_is_charged_once(node: Node) -> None:
    chance = random.Random(5)
    now = node.clock.time()
    reports = [report(f"leg-{number}", created=now - 60) for number in range(20)] * 2
    chance.shuffle(reports)

    async def kill() -> None:
        while True:
            await asyncio.sleep(0.02)
            names = (CDR, STORE, ledger_name(ACCOUNT), account_name(ACCOUNT))
            if (pid := node.whereis(chance.choice(names))) is not None:
                node.exit(pid, "kill")

    async def stored(one: CdrReport) -> None:
        while True:  # as the channel table and the switch do
            try:
                if isinstance(await node.call(CDR, one, timeout=10.0), CdrStored):
                    return
            except CallError:
                pass
            await asyncio.sleep(0.01)

    killing = asyncio.create_task(kill())
    try:
        async with asyncio.timeout(60):
            await asyncio.gather(*map(stored, reports))
    finally:
        killing.cancel()
    assert (await balance(node, ACCOUNT)).total == -190 * 20
