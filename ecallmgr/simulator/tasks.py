"""Tasks that are owned: started under a name, ended together, and never silent about a failure."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import structlog

T = TypeVar("T")
MAX_FAILURES = 100
_log = structlog.get_logger(__name__)


class Tasks:
    """A set of tasks. What fails in one of them is a fault of the simulator, not a simulated one: it is
    logged and kept in `failures`, where a test will see it.
    """

    def __init__(self, failures: list[BaseException]) -> None:
        self._failures = failures
        self._running: set[asyncio.Task[Any]] = set()

    def spawn(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """Run `work` beside everything else."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._on_done)
        return task

    def names(self) -> set[str]:
        """The names of those that run now."""
        return {task.get_name() for task in self._running}

    async def cancel(self) -> None:
        """End them all, except the one that asks."""
        doomed = [task for task in self._running if task is not asyncio.current_task()]
        for task in doomed:
            task.cancel()
        await asyncio.gather(*doomed, return_exceptions=True)

    def _on_done(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        _log.error("simulator task failed", task=task.get_name(), exc_info=error)
        if len(self._failures) < MAX_FAILURES:
            self._failures.append(error)
