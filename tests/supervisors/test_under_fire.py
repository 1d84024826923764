"""Random kills at random moments: whatever dies, the tree is whole afterwards, and nothing is left when it ends."""

from __future__ import annotations

import random
from typing import Any

import pytest

from mirliton.runtime import CallError, GenServer, Name
from mirliton.supervisors import (
    Backoff,
    RequestRefused,
    Supervisor,
    Tree,
    start_child,
    supervisor,
    terminate_child,
    worker,
)


class Slow(GenServer):
    """A worker that takes its time to start and to stop, so that kills also hit the middle of both."""

    async def init(self, start: float, stop: float) -> None:
        self.stop_time = stop
        self.trap_exit()
        await self.sleep(start)

    async def terminate(self, _: Any) -> None:
        await self.sleep(self.stop_time)


STRATEGIES: list[Any] = ["one_for_one", "one_for_all", "rest_for_one"]


def random_tree(chance: random.Random, depth: int = 0, path: str = "t") -> Tree:
    """Three levels of permanent children: workers fast and slow, named and not, and supervisors."""
    children: list[Any] = []
    for number in range(chance.randint(1, 3)):
        child_id = f"{path}{number}"
        if depth < 2 and chance.random() < 0.6:
            children.append(supervisor(random_tree(chance, depth + 1, child_id), id=child_id))
            continue
        kept = chance.random() < 0.5
        children.append(
            worker(
                Slow,
                chance.choice([0.0, 0.2]),
                chance.choice([0.0, 0.3, 9.0]),
                id=child_id,
                shutdown=chance.choice([0.5, 5.0, "brutal_kill"]),
                name=Name("part", child_id) if kept else None,
                keep_mail=kept,
                backoff=chance.choice([None, Backoff(0.1, 0.4)]),
            )
        )
    if depth > 0 and chance.random() < 0.3:
        template = worker(Slow, 0.1, 0.1, id="pool", restart=chance.choice(["permanent", "transient", "temporary"]))
        return Tree("simple_one_for_one", [template], intensity=100_000)
    return Tree(chance.choice(STRATEGIES), children, intensity=100_000, name=Name("tree", path))


async def shoot(stage: Any, top: Any, chance: random.Random) -> None:
    """Kill somebody below the top, or ask some supervisor for something, and let a random time pass."""
    node = stage.node
    cells = [cell for cell in node.processes() if cell.pid != top]
    victim = chance.choice(cells) if cells else None
    match chance.randrange(6):
        case 0 | 1 | 2 if victim is not None:
            node.exit(victim.pid, "kill")
        case 3 if victim is not None and isinstance(victim.actor, Slow):
            node.exit(victim.pid, chance.choice(["normal", "shutdown", "boom"]), victim.parent)
        case 4:
            pool = next((c for c in cells if isinstance(c.actor, Supervisor) and _is_pool(c.actor)), None)
            if pool is not None:
                await _unless_it_dies(node.drive(start_child(node, pool.pid, [])))
        case 5 if victim is not None and isinstance(victim.actor, Slow):
            await _unless_it_dies(node.drive(terminate_child(node, victim.parent, victim.pid)))
    await node.advance(chance.choice([0.0, 0.05, 0.25, 1.0]))


def _is_pool(actor: Supervisor) -> bool:
    return hasattr(actor, "tree") and actor.simple


async def _unless_it_dies(asking: Any) -> None:
    try:
        await asking
    except (CallError, RequestRefused):
        return  # the supervisor, or what was asked about, has just ended


async def assert_whole(stage: Any, supervisor_pid: Any) -> int:
    """Every permanent child of every supervisor is there and alive, or was stopped by request. Counts processes."""
    cell = stage.node.find(supervisor_pid)
    count = 1
    for child in cell.actor.children:
        assert not child.restarting
        if child.process is None:
            stopped = child.history is not None and child.history.entries[-1].by.startswith("TerminateChild")
            assert stopped, f"{child.id} has no process and nobody stopped it"
            continue
        found = stage.node.find(child.process)
        assert found is not None
        assert found.parent == supervisor_pid
        count += await assert_whole(stage, child.process) if child.spec.supervises else 1
    return count


@pytest.mark.parametrize("seed", range(25))
async def test_a_tree_under_fire_is_whole_afterwards_and_leaves_nothing_behind(stage: Any, seed: int) -> None:
    chance = random.Random(seed)
    tree = Tree("one_for_one", [supervisor(random_tree(chance), id="t")], intensity=100_000)
    top = await stage.start(tree)
    for _ in range(60):
        await shoot(stage, top, chance)
    await stage.node.advance(120.0)
    assert top.cell is not None
    assert await assert_whole(stage, top) == len(list(stage.node.processes()))
    await stage.shut_down(top)
    await stage.node.advance(60.0)
    assert list(stage.node.processes()) == []
    assert len(stage.node.timers) == 0
    assert len(stage.node.registry) == 0
    assert len(stage.node.calls) == 0
