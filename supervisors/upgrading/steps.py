"""Children that come, go or are restarted in the course of an upgrade, each step with its undoing."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from importlib import import_module
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from mirliton.runtime import Call, CallError, From
from mirliton.supervisors.children import Child
from mirliton.supervisors.errors import UpgradeFailed, describe
from mirliton.supervisors.held import During, Hold, Release, RenewChild
from mirliton.supervisors.requests import DeleteChild, Refused, RestartChild, TerminateChild
from mirliton.supervisors.supervisor import Supervisor
from mirliton.supervisors.upgrading.appup import Add, Apply, Delete, Instruction, Restart, path
from mirliton.supervisors.upgrading.code_change import within

if TYPE_CHECKING:
    from mirliton.runtime.cell import Cell
    from mirliton.runtime.node import Node

UNDO_TIMEOUT: Final = 30.0
"""Seconds that each step of an undoing gets."""

Undo = Callable[[], Awaitable[None]]


class Steps:
    """Carries steps out through the supervisors concerned, which it holds until `release`."""

    def __init__(
        self,
        node: Node,
        top: Cell,
        hand_over: Callable[[Cell], None],
        left: Callable[[], float],
    ) -> None:
        self._node = node
        self._top = top
        self._hand_over = hand_over
        self._left = left
        """Seconds that a step may take."""
        self.holding: list[Cell] = []
        self.added: list[str] = []
        self.deleted: list[str] = []
        self.restarted: list[str] = []
        self._undo: list[Undo] = []
        self._revive: list[tuple[Cell, Child]] = []

    async def carry_out(
        self, instructions: Sequence[Instruction], new: list[tuple[Cell, Child]], to_restart: dict[str, list[Cell]]
    ) -> None:
        """The new children that no instruction names first, then the instructions, in order. Raises UpgradeFailed."""
        named = [self._child(step.child, "Add") for step in instructions if isinstance(step, Add)]
        for cell, child in new:
            if all(child is not other for _, other in named):
                await self._add(cell, child)
        for step in instructions:
            match step:
                case Add(child):
                    await self._add(*self._child(child, "Add"))
                case Delete(child):
                    await self._delete(*self._child(child, "Delete"))
                case Restart(cls):
                    for process in to_restart.get(cls, ()):
                        await self._restart(process)
                case Apply(function, args, undo):
                    await self._apply(function, args)
                    if undo:
                        self._undo.append(partial(self._apply, undo, args))

    async def undo(self) -> None:
        """Undo what was done here, the latest first, as far as the new specs are needed for it."""
        self._left = lambda: UNDO_TIMEOUT
        while self._undo:
            await self._try(self._undo.pop())

    async def revive(self) -> None:
        """Start again, from the old specs, what was stopped."""
        self._left = lambda: UNDO_TIMEOUT
        for cell, child in self._revive:
            if cell.alive:
                await self._try(partial(self._renew, cell, child))

    async def release(self) -> None:
        """Let the supervisors go."""
        for cell in self.holding:
            if cell.alive:
                await self._try(partial(self._release, cell))

    # One step each

    async def _add(self, cell: Cell, child: Child) -> None:
        if child.pid is not None:
            return
        self._undo.append(partial(self._forget, cell, child))
        await self._during(cell, RestartChild(child.id), child)
        self.added.append(_told(child))

    async def _delete(self, cell: Cell, child: Child) -> None:
        supervisor = cell.actor
        if any(getattr(spec, "id", None) == child.id for spec in supervisor.tree.children):
            raise UpgradeFailed("plan", _told(child), "the new tree has this child, so it cannot be deleted")
        if child.process is not None:
            self._revive.append((cell, child))
        await self._during(cell, TerminateChild(child.id), child)
        if supervisor.children.by_id(child.id) is not None:
            await self._during(cell, DeleteChild(child.id), child)
        self.deleted.append(_told(child))

    async def _restart(self, process: Cell) -> None:
        cell = self._node.find(process.parent)
        supervisor = cell.actor if cell is not None else None
        child = supervisor.children.by_pid(process.pid) if isinstance(supervisor, Supervisor) else None
        if cell is None or child is None or child.spec.temporary:
            raise UpgradeFailed(
                "plan", process.label, "only a supervised process that is not temporary can be restarted"
            )
        if not process.alive:
            return
        self._revive.append((cell, child))
        await self._renew(cell, child)
        self.restarted.append(_told(child))

    async def _apply(self, name: str, args: Any) -> None:
        module, _, path_ = name.partition(":")
        try:
            result = attrgetter(path_)(import_module(module))(self._node, *args)
            if inspect.isawaitable(result):
                await within(self._node, result, self._left())
        except Exception as error:
            raise UpgradeFailed("apply", name, f"{type(error).__name__}: {error}") from error

    # Talking to supervisors

    async def _renew(self, cell: Cell, child: Child) -> None:
        if child not in list(cell.actor.children):
            cell.actor.children.add(child)
        position = list(cell.actor.children).index(child)
        await self._during(cell, RenewChild(position), child)

    async def _forget(self, cell: Cell, child: Child) -> None:
        for process in self._node.processes():
            if process.parent == cell.pid and process.starter:
                # Its supervisor waits for its init, and answers nobody.
                self._node.exit(process.pid, "kill")
        if cell.alive and cell.actor.children.by_id(child.id) is child:
            await self._during(cell, TerminateChild(child.id), child)
        if cell.alive and cell.actor.children.by_id(child.id) is child:
            await self._during(cell, DeleteChild(child.id), child)

    async def _during(self, cell: Cell, request: Any, child: Child) -> None:
        if not cell.alive:
            raise UpgradeFailed("children", _told(child), "its supervisor has ended")
        if cell not in self.holding:
            await self._hold(cell)
        try:
            answer = await self._node.call(cell.pid, During(request), timeout=self._left())
        except CallError as error:
            raise UpgradeFailed("children", _told(child), str(error)) from error
        if isinstance(answer, Refused):
            raise UpgradeFailed("children", _told(child), describe(answer.reason))

    async def _hold(self, cell: Cell) -> None:
        """Hold it by request instead of by suspension: it has to do something itself."""
        node, seconds = self._node, self._left()
        call = node.calls.begin(cell.pid, None, seconds)
        try:
            self._hand_over(cell)
            node.calls.bind(call.tag, cell)
            # It must not take anything else before: what waits is of another time.
            cell.put_first(Call(From(node.name, call.tag), Hold(seconds + UNDO_TIMEOUT)))
            node.scheduler.enqueue(cell)
            self.holding.append(cell)
            await call
        except CallError as error:
            raise UpgradeFailed("children", cell.label, str(error)) from error
        finally:
            node.calls.forget(call.tag)

    async def _release(self, cell: Cell) -> None:
        await self._node.call(cell.pid, Release(), timeout=UNDO_TIMEOUT)

    async def _try(self, step: Undo) -> None:
        try:
            await step()
        except (UpgradeFailed, CallError) as error:
            self._node.log.error("upgrade_step_not_undone", error=str(error))

    def _child(self, which: Any, instruction: str) -> tuple[Cell, Child]:
        """The child on this way from the top, with its supervisor."""
        cell: Cell | None = self._top
        *way, last = path(which)
        for each in way:
            child = cell.actor.children.by_id(each) if cell is not None else None
            cell = self._node.find(child.process) if child is not None and child.process is not None else None
            if cell is None or not isinstance(cell.actor, Supervisor):
                raise UpgradeFailed("plan", f"{instruction}({which!r})", f"{each!r} is no running supervisor")
        assert cell is not None
        found = cell.actor.children.by_id(last)
        if found is None:
            raise UpgradeFailed("plan", f"{instruction}({which!r})", "there is no such child")
        return cell, found


def _told(child: Child) -> str:
    return str(child.id)
