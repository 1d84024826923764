"""Running `code_change` in held processes, with a deadline."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, Final, TypeVar

from mirliton.runtime import CoroutineProcess, EventHandler, Exit, GenEvent, GenServer, GenStatem, reason_of
from mirliton.supervisors.errors import UpgradeFailed
from mirliton.supervisors.upgrading.snapshot import Snapshot

if TYPE_CHECKING:
    from mirliton.runtime.cell import Cell
    from mirliton.runtime.node import Node

T = TypeVar("T")

_NOBODYS: Final = tuple(each.code_change for each in (GenServer, GenStatem, GenEvent, EventHandler, CoroutineProcess))


def has_code_change(cls: type) -> bool:
    """Whether this class, or a base of it, says how its state changes."""
    return getattr(cls, "code_change", _NOBODYS[0]) not in _NOBODYS


async def change_code(cell: Cell, part: Any, old_version: Any, extra: Any, seconds: float, snapshot: Snapshot) -> None:
    """Let a held process, or a part of it, change its state. Raises UpgradeFailed."""
    where = f"{cell.label} {cell.pid}"
    try:
        result = part.code_change(old_version, extra)
        snapshot.note_cancelled(cell)
        if inspect.isawaitable(result):
            await _later(cell, result, seconds)
    except (Exception, Exit) as error:
        if cell.alive:
            raise UpgradeFailed("code_change", where, _words(error)) from error
        cell.node.log.warning("process_ended_in_code_change", pid=str(cell.pid))


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if isinstance(error, Exception) else str(reason_of(error))


async def _later(cell: Cell, awaitable: Awaitable[Any], seconds: float) -> None:
    task = _tracked(cell.node, awaitable)
    if cell.beside is None:
        cell.beside = set()
    cell.beside.add(task)  # so that it ends with the process
    try:
        await _done(cell.node, task, seconds)
    finally:
        if cell.beside is not None:
            cell.beside.discard(task)


async def within(node: Node, awaitable: Awaitable[T], seconds: float) -> T:
    """The outcome of an awaitable, which has so many seconds of the node's time. Raises TimeoutError."""
    return await _done(node, _tracked(node, awaitable), seconds)


def _tracked(node: Node, awaitable: Awaitable[T]) -> asyncio.Task[T]:
    async def run() -> T:
        return await awaitable

    return node.scheduler.tasks.start(run())


async def _done(node: Node, task: asyncio.Task[T], seconds: float) -> T:
    def give_up(_: object) -> None:
        task.cancel()

    timer = node.after(max(0.0, seconds), give_up)
    try:
        await asyncio.wait({task})
    finally:
        node.timers.cancel(timer)
        task.cancel()
    if task.cancelled():
        raise TimeoutError(f"not done within {seconds:.3g} s")
    return task.result()
