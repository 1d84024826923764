"""Where a process stands in its tree, so that who takes its place can be told.

A place is called by the nearest name and the way down from it: `call:17`, `supervisor:api/metrics` (the child with the
id metrics), `supervisor:pool/#2` (its third dynamic child).
"""

from __future__ import annotations

from typing import Any

from mirliton.runtime import Name, Node, Pid, is_quiet
from mirliton.supervisors.children import Child
from mirliton.supervisors.supervisor import Supervisor

DEEPEST = 64
"""Supervisors above one another that are followed."""


def supervisor_of(node: Node, cell: Any) -> Any:
    """The living process that supervises this one; None where none does."""
    parent = node.find(cell.parent)
    return parent if parent is not None and isinstance(parent.actor, Supervisor) else None


def child_of(supervisor: Any, cell: Any) -> Child | None:
    """What the supervisor knows of the process; None while it has not been told that it runs."""
    children = getattr(supervisor.actor, "children", None)
    if children is None:
        return None
    found: Child | None = children.by_pid(cell.pid)
    if found is not None:
        return found
    return next((child for child in children if child.spec.name is not None and child.spec.name in _names(cell)), None)


class Labels:
    """What places are called, at one moment."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._numbers: dict[Any, dict[Child, int]] = {}
        """The dynamic children of supervisors, counted when somebody asks a second time."""

    def of(self, cell: Any) -> str:
        """What the place of this process is called."""
        way: list[str] = []
        for _ in range(DEEPEST):
            if cell.names:
                return "/".join([str(cell.names[0]), *way])
            above = supervisor_of(self._node, cell)
            child = child_of(above, cell) if above is not None else None
            if above is None or child is None:
                break
            way.insert(0, f"#{self._number(above, child)}" if above.actor.simple else str(child.id))
            cell = above
        return "/".join([f"{cell.kind} {cell.pid}", *way])

    def _number(self, above: Any, child: Child) -> int:
        numbers = self._numbers.get(above)
        if numbers is None:
            # There may be a hundred thousand, and nobody may ask again.
            self._numbers[above] = {}
            return list(above.actor.children).index(child)
        if not numbers:
            numbers.update({one: number for number, one in enumerate(above.actor.children)})
        return numbers[child]


def restarts(child: Child | None, reason: Any) -> bool:
    """Whether a supervisor starts this child again when it ends for this reason."""
    if child is None:
        return False
    return child.spec.permanent or (child.spec.restart == "transient" and not is_quiet(reason))


class Place:
    """A process, who supervises it, who supervises those: as they were when the process was hit."""

    __slots__ = ("_chain", "_children", "_dynamic", "_names", "_node", "victim")

    def __init__(self, node: Node, victim: Any) -> None:
        self._node = node
        self.victim = victim
        self._names = list(_names(victim))
        self._chain = [victim]
        self._children: list[Child | None] = []
        while len(self._chain) < DEEPEST and (above := supervisor_of(node, self._chain[-1])) is not None:
            self._children.append(child_of(above, self._chain[-1]))
            self._chain.append(above)
        self._dynamic = [False, *(above.actor.simple for above in self._chain[1:])]

    @property
    def named(self) -> bool:
        return bool(self._names)

    def keeper(self) -> Any:
        """The nearest of those above it that still lives: it has to act before anybody is in the place."""
        return next((cell for cell in self._chain[1:] if cell.alive), None)

    def holder(self) -> Pid | None:
        """Who is in the place now, and is not who was hit."""
        found = self._by_tree()
        if found is None:
            found = next((cell for name in self._names if (cell := self._node.find(name)) is not None), None)
        if found is None or found is self.victim or found.starter:
            return None
        pid: Pid = found.pid
        return pid

    def is_awaited(self) -> bool:
        """Whether the supervisors, as far as they have ended by now, are to start somebody in the place."""
        for index, child in enumerate(self._children):
            cell = self._chain[index]
            if index and cell.alive:
                return True
            # Who starts anew in the place of a supervisor has none of its dynamic children.
            if self._dynamic[index] or not restarts(child, cell.reason):
                return False
        return len(self._chain) > 1 and bool(self._chain[-1].alive)

    def _by_tree(self) -> Any:
        """Down from the nearest living supervisor, by the children it has now."""
        for index in range(1, len(self._chain)):
            if self._chain[index].alive:
                break
        else:
            return None
        child = self._children[index - 1]
        while True:
            cell = self._node.find(child.process) if child is not None and child.process is not None else None
            index -= 1
            if cell is None or index == 0:
                return cell
            below = self._children[index - 1]
            if below is None or not isinstance(cell.actor, Supervisor) or cell.starter or cell.actor.simple:
                return None
            child = cell.actor.children.by_id(below.id)


def _names(cell: Any) -> list[Name]:
    return [name for name in cell.names or () if isinstance(name, Name)]
