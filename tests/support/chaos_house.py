"""A small system to do harm to: named and nameless workers, a pool, a supervisor below, all kinds of restart."""

from __future__ import annotations

import time
from typing import Any, Final

from mirliton.runtime import GenServer, Name, Pid, message
from mirliton.runtime.testing import VirtualNode
from mirliton.supervisors import Supervisor, Tree, start_child, supervisor, worker
from mirliton.supervisors.chaos import ChaosRun, ProcessField, Report, read_plan

TOP: Final = Name("supervisor", "top")
POOL: Final = Name("supervisor", "pool")
BELOW: Final = Name("supervisor", "below")


@message("test.chaos.hold")
class HoldTheLoop:
    """Compute for so many seconds of real time."""

    seconds: float


class Worker(GenServer):
    """Serves; takes a while to begin where it is told so."""

    async def init(self, start: float = 0.0, trap: bool = False) -> None:
        self.trap_exit(trap)
        if start:
            await self.sleep(start)

    def handle_call(self, request: Any, sender: Any) -> Any:
        time.sleep(request.seconds)
        return super().handle_call(request, sender)

    def handle_info(self, message: Any) -> None:
        """Exits are borne."""


class Slow(Worker):
    """Takes a tenth of a second to begin."""

    async def init(self, start: float = 0.1, trap: bool = False) -> None:
        await super().init(start, trap)


def house(intensity: int = 5) -> Tree:
    """The system."""
    pool = Tree("simple_one_for_one", [worker(Worker)], intensity=intensity, period=10.0, name=POOL)
    below = Tree(
        "one_for_one", [worker(Slow, id="slow"), worker(Worker, id="quick")], intensity=2, period=10.0, name=BELOW
    )
    return Tree(
        "one_for_one",
        [
            worker(Worker, id="a", name=Name("w", "a")),
            worker(Worker, id="b", name=Name("w", "b")),
            worker(Worker, 0.0, True, id="trapping", name=Name("w", "trapping")),
            worker(Worker, id="once", name=Name("once", "1"), restart="temporary"),
            supervisor(pool),
            supervisor(below),
        ],
        intensity=intensity,
        period=10.0,
        name=TOP,
    )


async def furnished(node: VirtualNode, intensity: int = 5, pool: int = 3) -> Pid:
    """The system, started."""
    top = await node.drive(node.start(Supervisor, house(intensity)))
    for _ in range(pool):
        await node.drive(start_child(node, POOL, []))
    return top


async def carried_out(node: VirtualNode, plan: dict[str, Any], seed: int = 1, **options: Any) -> Report:
    """A plan, to its end."""
    run = ChaosRun(ProcessField(node), read_plan(plan), seed=seed, **options)
    return await node.drive(run.carry_out())


def at_once(**attack: Any) -> dict[str, Any]:
    """A plan of one strike."""
    return {"attack": [{"at": [0.0]} | attack], "duration": 1.0, "invariants": {"settle": 0.0}}
