"""Three RabbitMQ nodes and three of ours, each pair in a network namespace: one pair is cut off, one broker killed, all
healed. No entity acts twice, no effect is lost or doubled, and work goes on where the majority is."""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import broker
import namespaces
from broker_cluster import ClusteredBroker, broker_cluster
from entity_node import LEASE, EntityProcess, entities_on
from eventually import until
from mirliton.runtime import Node
from mirliton.supervisors.entities import Entities
from namespaces import Namespace
from real_history import History, late_acts
from three_nodes import NODES, Place, three_nodes
from versions import Installed, this_version

WHY_NOT = broker.missing() or namespaces.missing()
pytestmark = [
    pytest.mark.chaos,
    pytest.mark.skipif(WHY_NOT is not None, reason=WHY_NOT or ""),
    pytest.mark.lax("OS processes and brokers: what is tried is the real thing"),
    pytest.mark.timeout(900),
]

OWNED_WITHIN = 120.0
RATE = 4.0
BUSY = 8
"""Entities to which each node adds by itself, so that one that is cut off has something to do."""


@pytest.fixture
def places() -> Iterator[list[Namespace]]:
    with namespaces.namespaces(3) as made:
        yield made


@pytest.fixture
def brokers(places: list[Namespace], tmp_path: Path) -> Iterator[list[ClusteredBroker]]:
    with broker_cluster(tmp_path / "brokers", places) as cluster:
        yield cluster


@pytest.fixture
def nodes(brokers: list[ClusteredBroker], tmp_path: Path) -> Iterator[list[EntityProcess]]:
    """One beside each broker, which knows that one alone."""
    made = [
        EntityProcess(f"n{number}@host", each.url, tmp_path, life=1800.0, busy=BUSY, prefix=each.place.prefix)
        for number, each in enumerate(brokers)
    ]
    try:
        yield made
    finally:
        for node in made:
            node.kill()


async def owned_by(client: Entities, *nodes: EntityProcess) -> float:
    """Wait until these have all shards between them; the seconds it took."""
    began, names = time.monotonic(), {node.name for node in nodes}
    await until(lambda: client.unowned() == 0 and set(client.status()["shards"]) == names, OWNED_WITHIN)
    return time.monotonic() - began


def acts_of(node: EntityProcess, folder: Path) -> list[float]:
    """When its entities did anything (the machine's monotonic clock)."""
    lines = [line.split(maxsplit=4) for line in (folder / "acts").read_text().splitlines()]
    return [float(when) for _, pid, _, when, _ in lines if int(pid) == node.pid]


async def test_who_is_cut_off_stops_acting_and_the_others_go_on_with_nothing_lost_or_doubled(
    places: list[Namespace],
    brokers: list[ClusteredBroker],
    nodes: list[EntityProcess],
    tmp_path: Path,
    say: Callable[[str], None],
) -> None:
    urls = [each.url for each in brokers]
    async with Node("client@host") as node, entities_on(node, urls, tmp_path, hosts=False) as client:
        began = await owned_by(client, *nodes)
        history = History(client, random.Random(1))
        work = asyncio.create_task(history.run(1_000_000))
        try:
            await _done(history, 200)

            cut = time.monotonic()
            places[2].cut()
            moved = await owned_by(client, nodes[0], nodes[1])
            stopped = max(acts_of(nodes[2], tmp_path)) - cut
            assert acts_of(nodes[2], tmp_path)[-1] > cut, "it had nothing to do"
            assert stopped <= LEASE + 0.5
            await _done(history, 200)
            assert max(acts_of(nodes[2], tmp_path)) - cut == stopped, "it acts again, though it is cut off"

            places[2].heal()
            healed = await owned_by(client, *nodes)
            await _done(history, 200)

            brokers[1].kill()
            without = await owned_by(client, nodes[0], nodes[2])
            await _done(history, 200)
            await asyncio.to_thread(brokers[1].start)
            whole = await owned_by(client, *nodes)
            await _done(history, 200)
        finally:
            history.stopped = True
            await asyncio.wait_for(work, 60.0)
        await history.judge()
        late = late_acts(tmp_path)
        say(
            f"all owned after {began:.1f} s; cut off: acts for {stopped:.2f} s more, elsewhere after {moved:.1f} s, "
            f"back {healed:.1f} s after the heal; a broker killed: elsewhere after {without:.1f} s, "
            f"back after {whole:.1f} s; {len(history.done)} operations in {history.attempts} attempts; "
            f"{late.late} of {late.acts} acts were late, {late.longest:.2f} s at most"
        )
        assert late.longest <= LEASE + 0.5
        assert await client.dead_letters.look() == []


async def test_calls_go_on_while_a_node_and_its_broker_are_cut_off_and_another_broker_dies(
    places: list[Namespace], brokers: list[ClusteredBroker], tmp_path: Path, say: Callable[[str], None]
) -> None:
    where = {
        name: Place(each.url, each.place.prefix, each.place.address) for name, each in zip(NODES, brokers, strict=True)
    }
    here = Installed(this_version(), Path(sys.executable))
    async with three_nodes(tmp_path, where, here, places[0].here) as nodes:
        switch = nodes.switch.switch
        switch.begin(RATE)
        await asyncio.sleep(5.0)
        places[2].cut()
        await asyncio.sleep(25.0)
        assert "n3" not in await nodes.cards()
        places[2].heal()
        await nodes.all_ready()
        await asyncio.sleep(5.0)
        brokers[1].kill()
        await asyncio.sleep(5.0)
        await asyncio.to_thread(brokers[1].start)
        await nodes.all_ready()
        await asyncio.sleep(5.0)
        switch.end()
        ended, recorded = await nodes.evidence()
        late = list(switch.late)
    say(
        f"{ended.placed.total()} calls, {recorded.legs} legs; refused, to be tried again: {dict(ended.refused)}; "
        f"commands given twice: {switch.twice}"
    )
    assert ended.placed.total() > 100
    assert (ended.by_us, ended.stuck) == ([], [])
    assert (recorded.lost, recorded.doubled, recorded.of_nobody, recorded.strange) == ([], [], [], [])
    assert late == []


async def _done(history: History, more: int) -> None:
    """Wait for so many more operations."""
    wanted = len(history.done) + more
    await until(lambda: len(history.done) >= wanted, OWNED_WITHIN)
