"""A cluster of three nodes takes another version, one node after the other, under calls: none is lost, nor a record."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from broker import Broker, missing, running_broker
from three_nodes import NODES, Place, three_nodes
from versions import install, this_version, version_before

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.skipif(missing() is not None, reason=missing() or ""),
    pytest.mark.timeout(900),
]

RATE = 4.0
BESIDE = 8.0
"""Seconds for which each mixture of versions carries calls."""


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with running_broker(tmp_path_factory.mktemp("broker"), "rabbitmq_event_exchange") as running:
        yield running


async def test_nodes_take_the_next_version_one_after_another_and_no_call_and_no_record_is_lost(
    broker: Broker, tmp_path: Path, say: Callable[[str], None]
) -> None:
    before = await asyncio.to_thread(install, version_before(), tmp_path / "before")
    after = await asyncio.to_thread(install, this_version(), tmp_path / "after")
    beside: Counter[str] = Counter()
    async with three_nodes(tmp_path, dict.fromkeys(NODES, Place(broker.url)), before) as nodes:
        nodes.switch.switch.begin(RATE)
        await asyncio.sleep(BESIDE)
        for name in NODES:
            await nodes.upgrade(name, after)
            await nodes.all_ready()
            await asyncio.sleep(BESIDE)
            beside.update(card["version"] for card in (await nodes.cards()).values())
        nodes.switch.switch.end()
        ended, recorded = await nodes.evidence()
        late = list(nodes.switch.switch.late)
    say(
        f"{ended.placed.total()} calls, {recorded.legs} legs; nodes seen in each version: {dict(beside)}; "
        f"refused, to be tried again: {dict(ended.refused)}"
    )
    assert beside == {before.version: 2 + 1, after.version: 1 + 2 + 3}
    assert ended.placed.total() > 100
    assert (ended.by_us, ended.stuck) == ([], [])
    assert (recorded.lost, recorded.doubled, recorded.of_nobody, recorded.strange) == ([], [], [], [])
    assert late == []
