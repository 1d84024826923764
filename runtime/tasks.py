"""The Tasks of a node: what foreign code runs in (asyncio.timeout, aiohttp … insist on one), the async handlers
first of all.

A message costs no Task; a handler that awaits does.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Coroutine, Iterator
from types import CoroutineType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mirliton.runtime.cell import Cell
    from mirliton.runtime.node import Node


class Tasks:
    """Those that the node has started and that have not ended."""

    def __init__(self, node: Node, loop: asyncio.AbstractEventLoop) -> None:
        self._node = node
        self._loop = loop
        self._tasks: set[asyncio.Task[Any]] = set()
        self.working = 0
        """Those that wait for nothing of ours: virtual time must not move under them."""

    def __len__(self) -> int:
        return len(self._tasks)

    def __iter__(self) -> Iterator[asyncio.Task[Any]]:
        return iter(tuple(self._tasks))

    def __contains__(self, task: object) -> bool:
        return task in self._tasks

    def start(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run a coroutine in a Task."""
        task = self._loop.create_task(coroutine)
        self._tasks.add(task)
        self.working += 1
        task.add_done_callback(self._ended)
        return task

    def handle(self, cell: Cell, coroutine: Coroutine[Any, Any, Any]) -> None:
        """Run an async handler of the process; until it ends the process takes no other message."""
        cell.busy = True
        task = self.start(self._drive(cell, coroutine))
        # A Task that is cancelled before its first step never begins the coroutine inside it.
        task.add_done_callback(lambda _: discard(coroutine))
        cell.task = task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        self.working -= 1
        if not task.cancelled() and (error := task.exception()) is not None:
            self._node.log.error("task_failed", error=repr(error))

    async def _drive(self, cell: Cell, coroutine: Coroutine[Any, Any, Any]) -> None:
        try:
            await coroutine
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever a process raises is its exit reason
            cell.busy = False
            cell.task = None
            if cell.alive:
                cell.actor._runtime_failed(error)
        else:
            if cell.alive and cell.task is asyncio.current_task():
                cell.busy = False
                cell.task = None
                cell.last = None
        if cell.alive and cell.mailbox:
            self._node.scheduler.enqueue(cell)


def discard(coroutine: Any) -> None:
    """Close a coroutine that may not have begun, and then those it was given to await."""
    if inspect.getcoroutinestate(coroutine) == inspect.CORO_CREATED:
        for value in tuple(coroutine.cr_frame.f_locals.values()):
            if type(value) is CoroutineType:
                discard(value)
    coroutine.close()
