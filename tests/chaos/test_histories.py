"""Histories of random operations on counters that entities hold, on real processes and a real broker under real faults,
checked for effects that are lost or done twice, and for reads that no order explains."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from broker import Broker, missing, running_broker
from entity_node import LEASE
from real_history import a_stage, late_acts, try_out

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.skipif(missing() is not None, reason=missing() or ""),
    pytest.mark.lax("OS processes and a broker: what is tried is the real thing"),
    pytest.mark.timeout(1800),
]

OPERATIONS = 10_000


@pytest.fixture
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with running_broker(tmp_path_factory.mktemp("broker"), "rabbitmq_event_exchange") as running:
        yield running


@pytest.mark.parametrize("seed", [1, 2])
async def test_ten_thousand_operations_while_owners_and_the_broker_die_stop_and_are_cut_off(
    seed: int, broker: Broker, tmp_path: Path, say: Callable[[str], None]
) -> None:
    async with a_stage(tmp_path, broker, "a", "b", "c") as stage:
        history = await try_out(stage, OPERATIONS, seed, every=1.0, broker_every=40.0)
        late = late_acts(tmp_path)
        took = max(done.ended - done.began for done in history.done)
        say(
            f"seed {seed}: {len(history.done)} operations in {history.attempts} attempts, the longest {took:.1f} s; "
            f"{dict(stage.troubled)}; {late.acts} acts, {late.late} of owners that had a successor, "
            f"the last of them {late.longest:.2f} s after its first act"
        )
        assert len(history.done) >= OPERATIONS - 16
        assert stage.troubled.total() >= 20
        assert late.longest <= LEASE + 0.5
        assert await stage.client.dead_letters.look() == []
