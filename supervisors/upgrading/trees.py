"""The specs of an application's supervisors: those of the new version taken, and given back when it fails."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mirliton.supervisors.change import change_tree
from mirliton.supervisors.children import Child
from mirliton.supervisors.errors import UpgradeFailed, describe
from mirliton.supervisors.requests import Refused
from mirliton.supervisors.specs import ChildSpec
from mirliton.supervisors.supervisor import Supervisor
from mirliton.supervisors.tree import Tree
from mirliton.supervisors.upgrading.conversion import Converter

if TYPE_CHECKING:
    from mirliton.runtime.cell import Cell


class TreeChange:
    """Lets supervisors take their new trees, from the top down."""

    def __init__(self, converter: Converter) -> None:
        self._converter = converter
        self._before: list[_Before] = []
        self._holder: tuple[Child, ChildSpec] | None = None
        self.new: list[tuple[Cell, Child]] = []
        """Children that came with the new trees, each with its supervisor, in start order."""

    def take(self, supervisors: Sequence[Cell], top: Cell, described: Any) -> None:
        """Give each supervisor its new specs; `described` is the tree of `top`. Raises UpgradeFailed."""
        arguments: dict[Cell, Sequence[Any] | None] = {top: [described]}
        for cell in supervisors:
            supervisor = cell.actor
            self._before.append(_Before(supervisor))
            self._convert(supervisor)
            if type(supervisor) is Supervisor and cell not in arguments:
                continue  # it was started from a tree that only its starter knows
            known = {id(child) for child in supervisor.children}
            answer = change_tree(supervisor, arguments.get(cell) if type(supervisor) is Supervisor else None)
            if isinstance(answer, Refused):
                raise UpgradeFailed("tree", f"{supervisor.called}", describe(answer.reason))
            for child in supervisor.children:
                if id(child) not in known:
                    self.new.append((cell, child))
                elif child.process is not None and (below := cell.node.find(child.process)) is not None:
                    arguments |= _arguments_of(child, below)

    def tell_holder(self, top: Cell, described: Any) -> None:
        """Enter the new tree where the top is a child of a supervisor outside the application."""
        parent = top.node.find(top.parent)
        if parent is None or not isinstance(parent.actor, Supervisor):
            return
        child = parent.actor.children.by_pid(top.pid)
        if child is not None and child.spec.start is not None and type(top.actor) is Supervisor:
            self._holder = (child, child.spec)
            start = dataclasses.replace(child.spec.start, args=(described,))
            child.spec = dataclasses.replace(child.spec, start=start)

    def undo(self) -> None:
        for before in reversed(self._before):
            before.restore()
        if self._holder is not None:
            child, spec = self._holder
            child.spec = spec

    def _convert(self, supervisor: Supervisor) -> None:
        value = self._converter.value
        args, kwargs = supervisor.arguments
        supervisor.arguments = (value(args), {key: value(each) for key, each in kwargs.items()})
        supervisor.tree = value(supervisor.tree)
        supervisor.template = value(supervisor.template)
        for child in supervisor.children:
            child.spec = value(child.spec)
            child.arguments = value(child.arguments)


def _arguments_of(child: Child, below: Cell) -> dict[Cell, Sequence[Any]]:
    """The tree that a child's spec now gives to the supervisor that it is."""
    if type(below.actor) is not Supervisor:
        return {}
    how = child.whole.start
    if how is None or how.function is not None or not how.args:
        return {}
    return {below: how.args} if isinstance(how.args[0], Tree) else {}


class _Before:
    """One supervisor's specs as they were. Its children's processes are not its business: they come and go."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._tree = supervisor.tree
        self._arguments = supervisor.arguments
        self._template = supervisor.template
        self._limits = (supervisor.window.intensity, supervisor.window.period)
        self._children = [(child, child.spec, child.arguments) for child in supervisor.children]

    def restore(self) -> None:
        supervisor = self._supervisor
        supervisor.tree = self._tree
        supervisor.arguments = self._arguments
        supervisor.template = self._template
        supervisor.window.change(*self._limits)
        listed = list(supervisor.children)
        for child, spec, arguments in self._children:
            child.spec = spec
            child.arguments = arguments
        known = {child: None for child, _, _ in self._children}
        # A new one whose process would not end must at least be stopped with the rest.
        stuck = [child for child in listed if child not in known and child.process is not None]
        supervisor.children.reorder([*known, *stuck])
