"""Bringing an application's processes to rest, together, and letting them go.

A process is at rest between two messages. Between turns of the loop most processes are, and are held on the spot; one
in the middle of an async handler, a call or its init is waited for, and those whose answers it waits for are let go
until it has them. What is sent to a held process waits; kills and exits act all the same (see introspect.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Final

from mirliton.runtime import Pid, introspect
from mirliton.runtime.protocol import Proceed
from mirliton.runtime.waits import Receive, Wait
from mirliton.supervisors.supervisor import Supervisor

if TYPE_CHECKING:
    from mirliton.runtime.cell import Cell
    from mirliton.runtime.node import Node

FIRST_LOOK: Final = 0.0005
SLOWEST_LOOK: Final = 0.02


def members(node: Node, top: Pid, concerned: Callable[[Cell], bool]) -> list[Cell]:
    """The processes of an application, in supervision order: the top, below it each child before its next sibling;
    then those that are not supervised, by age.

    They are what hangs below the top by parents, and whatever else runs the application's classes.
    """
    found: dict[Pid, Cell] = {}
    for cell in node.processes():  # by age: a parent is older than its children
        if cell.pid == top or cell.parent in found or concerned(cell):
            found[cell.pid] = cell
    ordered = {cell.pid: cell for cell in _below(node, top)}
    return [*ordered.values(), *(cell for pid, cell in found.items() if pid not in ordered)]


def _below(node: Node, top: Pid) -> Iterator[Cell]:
    todo = [top]
    while todo:
        cell = node.find(todo.pop())
        if cell is None:
            continue
        yield cell
        if isinstance(cell.actor, Supervisor) and hasattr(cell.actor, "children"):
            todo += [child.process for child in reversed(cell.actor.children) if child.process is not None]


def at_rest(cell: Cell) -> bool:
    """Whether the process is between two messages, and has begun its life."""
    if cell.busy or cell.starter:
        return False
    if cell.coroutine is None:
        return not _goes_on(cell)
    if not isinstance(cell.wait, Receive):
        return False
    # A supervisor that starts or stops a child waits for particular news; at rest it takes whatever comes.
    return not isinstance(cell.actor, Supervisor) or (cell.wait.match is None and not cell.saved)


def _goes_on(cell: Cell) -> bool:
    """Whether a server has yet to do what its last callback left for `handle_continue`."""
    return cell.mailbox is not None and len(cell.mailbox) > 0 and type(cell.mailbox[0][0]) is Proceed


def may_be_held(cell: Cell) -> bool:
    """Whether it comes to rest by itself when it is held now: its handler ends, and it takes no other message."""
    if cell.starter or cell.suspended:
        return False
    if isinstance(cell.actor, Supervisor):
        return at_rest(cell)
    return not _goes_on(cell)


class Hold:
    """The processes that one upgrade holds."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._held: dict[Cell, None] = {}

    def __contains__(self, cell: Cell) -> bool:
        return cell in self._held

    async def take(
        self, find: Callable[[], list[Cell]], needs_rest: Callable[[Cell], bool], patience: float, give_up_at: float
    ) -> tuple[list[Cell], list[Cell]]:
        """Hold the processes that `find` finds until all are at rest; returns them, and those that are still at work.

        Those which `needs_rest` says no to are waited for `patience` seconds only. At `give_up_at` (the node's clock)
        whoever is not at rest is among the ones at work; they are not held.
        """
        begun = self._node.clock.now()
        delay = FIRST_LOOK
        settled: list[Cell] | None = None
        while True:
            cells = find()
            at_work = [cell for cell in cells if not at_rest(cell)]
            needed = set(self._answering(at_work))
            for cell in cells:
                if cell in needed:
                    self._let_go(cell)
                elif may_be_held(cell):
                    cell.suspended = True
                    self._held[cell] = None
            now = self._node.clock.now()
            if now >= give_up_at or (now - begun >= patience and not any(map(needs_rest, at_work))):
                break
            if not at_work:
                if settled == cells:
                    break
                # What answered last has still to reach who asked.
                settled = cells
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                continue
            await self.pause(min(delay, max(0.0, give_up_at - now)))
            delay = min(delay * 2, SLOWEST_LOOK)
        for cell in at_work:
            self._let_go(cell)
        return cells, at_work

    async def pause(self, seconds: float) -> None:
        """Let other processes run for that long, of the node's time."""
        wait = Wait(None, self._node.scheduler)
        timer = self._node.after(seconds, wait.resolve)
        try:
            await wait
        finally:
            self._node.timers.cancel(timer)

    def hand_over(self, cell: Cell) -> None:
        """Let one process go, which somebody else holds from now on."""
        self._let_go(cell)

    def release(self) -> None:
        """Let all go."""
        for cell in list(self._held):
            self._let_go(cell)

    def _let_go(self, cell: Cell) -> None:
        if cell in self._held:
            del self._held[cell]
            if cell.alive and cell.suspended:
                introspect.resume(cell)

    def _answering(self, at_work: Iterable[Cell]) -> Iterator[Cell]:
        """Whose answers these wait for, and whose answers those do."""
        todo = list(at_work)
        seen = set(todo)
        while todo:
            for server in self._node.calls.servers(todo.pop()):
                if server not in seen:
                    seen.add(server)
                    todo.append(server)
                    yield server
