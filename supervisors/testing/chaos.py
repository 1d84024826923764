"""`chaos`: a plan carried out beside a block of a test."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

from mirliton.runtime import Address, Node
from mirliton.runtime.testing import VirtualNode
from mirliton.supervisors.chaos import (
    ChaosFailed,
    ChaosRun,
    Check,
    Plan,
    ProcessField,
    Report,
    Strike,
    load_plan,
    read_plan,
)
from mirliton.supervisors.chaos.field import Field
from mirliton.supervisors.chaos.plan import MOST_DURATION

T = TypeVar("T")

DRIVEN: Final = 2 * MOST_DURATION
"""Virtual seconds that a run may take to its end."""


class Chaos:
    """A run beside a test."""

    def __init__(self, run: ChaosRun, node: Node | None) -> None:
        self._run = run
        self._node = node
        self._task = asyncio.get_running_loop().create_task(run.carry_out())

    @property
    def seed(self) -> int:
        """With it the same is drawn again."""
        return self._run.seed

    @property
    def report(self) -> Report:
        """What came of it so far."""
        return self._run.report

    def stop(self, why: str = "the test stopped it") -> None:
        """Make no more strikes."""
        self._run.stop(why)

    async def finished(self) -> Report:
        """Wait until the whole plan is carried out, and everything has come to rest. On virtual time that much passes.

        Nothing is raised for what did not hold; the block's end does that.
        """
        return await self._driven(asyncio.shield(self._task))

    async def end(self) -> Report:
        """Stop, wait until all has come to rest, and raise ChaosFailed for what did not hold."""
        self.stop("the test's block has ended")
        report = await self.finished()
        if not report.held:
            raise ChaosFailed(report)
        return report

    async def cut(self) -> None:
        """End it as it stands."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _driven(self, awaitable: Awaitable[T]) -> T:
        if isinstance(self._node, VirtualNode):
            return await self._node.drive(awaitable, limit=DRIVEN)
        return await awaitable


@contextlib.asynccontextmanager
async def chaos(
    what: Node | Field | Sequence[Node | Field],
    plan: Plan | Mapping[str, Any] | Path | str,
    *,
    seed: int | None = None,
    checks: Mapping[str, Check] | None = None,
    spared: Sequence[Address] = (),
    repeat: Iterable[Strike] | None = None,
) -> AsyncIterator[Chaos]:
    """Carry `plan` (a Plan, the same as plain data, or its file) out beside the block: on a node, or on what else there
    is a Field of (a ProgramField, `connection_field(…)`, `service_field(…)`), or on several of these. Of the time of
    the first the plan speaks.

    `spared`, and what they would end with, are never hit; the rest is as for ChaosRun. Raises PlanError, and at the end
    ChaosFailed. A block that raises ends the run as it stands, and raises.
    """
    made = (
        plan if isinstance(plan, Plan) else load_plan(Path(plan)) if isinstance(plan, Path | str) else read_plan(plan)
    )
    places = what if isinstance(what, Sequence) else [what]
    node = places[0] if isinstance(places[0], Node) else None
    fields = [ProcessField(one, spared=spared) if isinstance(one, Node) else one for one in places]
    running = Chaos(ChaosRun(fields, made, seed=seed, checks=checks, repeat=repeat), node)
    # It has begun, and remembers how things were, when the block is entered.
    await asyncio.sleep(0)
    try:
        yield running
    except BaseException as error:
        await running.cut()
        error.add_note(f"under chaos: {running.report.text()}")
        raise
    await running.end()
